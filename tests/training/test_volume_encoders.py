"""Encoders that invert 3D-ProGAN and 3D-StyleGAN: equations 3 to 6, 8 and 9 of paper 003."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from bonestudio.checkpoints import load
from bonestudio.cohorts import Sample
from bonestudio.errors import TrainingError
from bonestudio.training import scans, train
from bonestudio.training.experiments import find_experiment
from bonestudio.training.logbook import read_lines
from bonestudio.training.loop import Loop
from bonestudio.training.recipes import read_recipe
from bonestudio.training.releases import write_release
from bonestudio.training.terminal import Silence
from bonestudio.training.virtual_scans import RadiusStacks

STILL = ["options.turn=0", "options.zoom=1", "data.count=20"]
KINDS = ["progan3d", "stylegan3d"]


@pytest.fixture(autouse=True)
def generators(tmp_path, monkeypatch):
    """Untrained generators and critics to invert, and noise with a bright block to learn from."""

    def load_one(cohort: RadiusStacks, i: int) -> Sample:
        entry = cohort.entries[i]
        scan = np.random.default_rng(i).normal(0, 60, (4, 16, 12)).astype(np.float32)
        scan[:, 3 + i % 3 : 12, 2:9] += 700
        return Sample(image=scan, source="phantoms", name=entry.name, patient=entry.patient)

    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setattr(RadiusStacks, "load", load_one)
    monkeypatch.setattr(scans, "FEW", 100)
    small = ["options.width=1", "options.critic_width=1", "options.stages=2"]
    small += ["options.base=[1, 4, 3]", "data.count=20", "options.fid=0"]
    for kind in KINDS:
        recipe = read_recipe(f"volume/{kind}-quick", overrides=small)
        loop = Loop(recipe, find_experiment(kind)(recipe.options, recipe.data), tmp_path)
        release = loop.experiment.release(loop.moment(loop.plan.at(0), purpose="release"))
        if kind == "stylegan3d":  # an untrained one hardly hears its styles
            for style in release.parts["generator"].network.styles():
                style.weight.data.mul_(20)
        write_release(release, recipe, steps=0, folder=tmp_path)


def open_loop(kind: str, folder) -> Loop:
    recipe = read_recipe(f"volume/{kind}-encoder-quick", overrides=STILL)
    return Loop(recipe, find_experiment(f"{kind}_encoder")(recipe.options, recipe.data), folder)


def given(kind: str) -> tuple[nn.Module, nn.Module]:
    checkpoint = load(f"volume/{kind}-quick")
    return checkpoint["generator"], checkpoint["critic"]


def test_the_progan_encoder_minimises_equation_6(tmp_path):
    loop = open_loop("progan3d", tmp_path)
    G, f = given("progan3d")
    E = loop.parts.networks["encoder"]
    x = (loop.open_feed().next()["stacks"] + 1) / 2
    z = E(x)
    y = G(z)
    dist = 0.5 / x[0].numel() * ((x - y) ** 2).flatten(1).sum(1)
    seen, drawn = f.features(x).flatten(1), f.features(y).flatten(1)
    perc = 0.5 / seen.shape[1] * ((seen - drawn) ** 2).sum(1)
    latent = (z**2).sum(1) / 1024
    loss = (dist + perc + latent).mean()
    expected = torch.autograd.grad(loss, [*E.parameters()])

    loop.train_step({"stacks": x * 2 - 1}, loop.plan.at(0))
    told = loop.means.read()
    assert told["dist"] + told["perc"] + told["latent"] == pytest.approx(loss.item(), rel=1e-4)
    for mine, its in zip(expected, E.parameters(), strict=True):
        torch.testing.assert_close(its.grad, mine, atol=1e-6, rtol=1e-3)


def test_the_stylegan_encoder_minimises_equation_9(tmp_path):
    loop = open_loop("stylegan3d", tmp_path)
    G, f = given("stylegan3d")
    E, D = loop.parts.networks["encoder"], loop.parts.networks["latent"]
    feed, place = loop.open_feed(), loop.plan.at(0)
    x = (feed.next()["stacks"] + 1) / 2
    w, mapped = E(x), G.mapping(loop.moment(place).randn(len(x), 512))
    bce = nn.BCELoss()
    ones = torch.ones(len(x))
    judged = bce(D(mapped).sigmoid(), ones) + bce(D(w.detach()).sigmoid(), 1 - ones)
    expected_D = torch.autograd.grad(judged, [*D.parameters()])

    loop.train_step({"stacks": x * 2 - 1}, place)
    told = loop.means.read()
    assert told["discriminator"] == pytest.approx(judged.item(), rel=1e-4)
    for mine, its in zip(expected_D, D.parameters(), strict=True):
        torch.testing.assert_close(its.grad, mine, atol=1e-6, rtol=1e-3)
    # D has moved before E is judged by it; the step's own numbers add up to equation 9.
    plausible = -torch.log(D(w).sigmoid()).mean()
    assert told["plausible"] == pytest.approx(plausible.item(), rel=1e-4)
    dist = ((x - G(w)) ** 2).mean() / 2
    perc = ((f.features(x) - f.features(G(w))) ** 2).mean() / 2
    assert (told["dist"], told["perc"]) == pytest.approx((dist.item(), perc.item()), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_learns_to_invert_and_is_handed_on(kind, tmp_path):
    before = [p.clone() for network in given(kind) for p in network.parameters()]
    outcome = train(
        f"volume/{kind}-encoder-quick",
        overrides=[*STILL, "training.steps=40", "run.log_every=5", "run.evaluate_every=40"],
        out=tmp_path / "runs",
        view=Silence(),
    )
    lines = read_lines(outcome.folder / "metrics.jsonl")
    assert np.mean([line["perc"] for line in lines[-3:]]) < lines[0]["perc"]
    assert all(math.isfinite(line["dist"]) for line in lines)
    assert len(list((outcome.folder / "samples").iterdir())) == 1
    card = json.loads(next(outcome.folder.glob("checkpoints/volume/*.json")).read_text())
    assert card["settings"]["generator"] == f"volume/{kind}-quick"
    (metric,) = card["metrics"]
    assert (metric["name"], metric["n"]) == ("rmse_mg_cm3", 2)
    scored = read_lines(outcome.folder / "evaluations.jsonl")[-1]
    assert metric["value"] == pytest.approx(scored["rmse_mg_cm3"])
    after = [p for network in given(kind) for p in network.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_what_cannot_be_inverted_is_one_sentence(tmp_path):
    with pytest.raises(TrainingError, match="say which"):
        train(
            "volume/progan3d-encoder-quick",
            overrides=['options.generator=""', *STILL],
            out=tmp_path,
            view=Silence(),
        )
    with pytest.raises(TrainingError, match="this encoder inverts progan3d:Generator"):
        train(
            "volume/progan3d-encoder-quick",
            overrides=["options.generator=volume/stylegan3d-quick", *STILL],
            out=tmp_path,
            view=Silence(),
        )

"""Training of 3D-ProGAN and 3D-StyleGAN: the equations, the stages, what a run hands on."""

import math

import numpy as np
import pytest
import torch

from bonestudio.checkpoints import load
from bonestudio.cohorts import Sample
from bonestudio.networks.equalised import doubled, halved
from bonestudio.training import scans, train
from bonestudio.training.experiments import find_experiment
from bonestudio.training.logbook import read_lines
from bonestudio.training.loop import Loop
from bonestudio.training.recipes import read_recipe
from bonestudio.training.terminal import Silence
from bonestudio.training.turning import turned
from bonestudio.training.virtual_scans import RadiusStacks

SMALL = [
    "data.count=20",
    "options.width=1",
    "options.critic_width=1",
    "options.stages=2",
    "options.base=[1, 4, 3]",
    "options.critic_steps=2",
    "training.precision=32-true",
    "training.channels_last=false",
]
STAGES = "training.stages=[{ samples = 8, batch = 4 }, { samples = 24, fade = 16, batch = 4, rate = 0.85 }]"
KINDS = ["progan3d", "stylegan3d"]


@pytest.fixture(autouse=True)
def _cheap_scans(tmp_path, monkeypatch):
    """Noise with a bright block in place of rendered bones."""

    def load_one(cohort: RadiusStacks, i: int) -> Sample:
        entry = cohort.entries[i]
        scan = np.random.default_rng(i).normal(0, 60, (4, 16, 12)).astype(np.float32)
        scan[:, 3 + i % 3 : 12, 2:9] += 700
        return Sample(image=scan, source="phantoms", name=entry.name, patient=entry.patient)

    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(RadiusStacks, "load", load_one)
    monkeypatch.setattr(scans, "FEW", 100)


def open_loop(kind: str, folder, *changes: str) -> Loop:
    recipe = read_recipe(
        f"volume/{kind}-paper", overrides=[*SMALL, STAGES, *changes], data="phantom"
    )
    return Loop(recipe, find_experiment(kind)(recipe.options, recipe.data), folder)


class Draws:
    """Stands for a moment: it draws what is said."""

    def __init__(self, *rows: tuple[float, float]) -> None:
        self.rows = torch.tensor(rows)

    def rand(self, count: int, _: int) -> torch.Tensor:
        return self.rows.expand(count, -1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_critic_step_is_equation_1(kind, tmp_path):
    loop = open_loop(
        kind, tmp_path, "options.turn=0", "options.zoom=1", "options.drift=0.3", "options.clip=0.1"
    )
    loop.step = 3  # in the second stage, a quarter faded in
    place = loop.plan.at(3)
    assert (place.stage, place.fade) == (1, 0.25)
    torch.manual_seed(loop.recipe.seed)
    twin = find_experiment(kind)(loop.recipe.options, loop.recipe.data)
    parts = twin.build()
    G, f = parts.networks["generator"], parts.networks["critic"]
    G.load_state_dict(loop.parts.networks["generator"].state_dict())
    f.load_state_dict(loop.parts.networks["critic"].state_dict())

    batch = loop.open_feed().next()
    x = (batch["stacks"] + 1) / 2
    x = torch.lerp(doubled(halved(x)), x, 0.25)
    now = loop.moment(place)
    z = now.randn(4, 512)
    if kind == "progan3d":
        fake = G(z, 1, 0.25).detach()
    else:
        fake = G(G.mapping(z), 1, 0.25, noise=now.randn).detach()
    eps = now.rand(4, 1, 1, 1, 1)
    between = (eps * x + (1 - eps) * fake).requires_grad_()
    slope = torch.autograd.grad(f(between, 1, 0.25).sum(), between, create_graph=True)[0]
    lengths = slope.square().sum((1, 2, 3, 4)).sqrt()
    real = f(x, 1, 0.25)
    loss = f(fake, 1, 0.25).mean() - real.mean()
    loss = loss + 10 * ((lengths - 1) ** 2).mean() + 0.3 * (real**2).mean()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(f.parameters(), 0.1)
    assert norm > 0.1  # or clipping would not be tested

    loop.experiment.options = loop.recipe.options.model_copy(update={"critic_steps": 99})
    loop.train_step(batch, place)
    for (name, mine), its in zip(
        f.named_parameters(), loop.parts.networks["critic"].parameters(), strict=True
    ):
        if mine.grad is not None:
            torch.testing.assert_close(its.grad, mine.grad, atol=1e-5, rtol=1e-3, msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_moves_every_nth_step_and_stages_slow_down(kind, tmp_path):
    loop = open_loop(kind, tmp_path)
    feed, moved, rates = loop.open_feed(), [], []
    for step in range(4):
        before = {k: v.clone() for k, v in loop.parts.networks["generator"].state_dict().items()}
        loop.train_step(feed.next(), loop.plan.at(step))
        after = loop.parts.networks["generator"].state_dict()
        moved.append(any(not torch.equal(before[k], after[k]) for k in before))
        rates.append([g["lr"] for g in loop.parts.optimisers["generator"].param_groups])
    assert moved == [False, True, False, True]
    base = loop.recipe.options.rate
    assert [r[0] for r in rates] == pytest.approx([base, base, 0.85 * base, 0.85 * base])
    if kind == "stylegan3d":
        assert rates[2][1] == pytest.approx(0.02 * 0.85 * base)
        slow = loop.parts.optimisers["generator"].param_groups[1]["params"]
        assert len(slow) == 12  # six dense layers


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_grows_and_hands_on_generator_and_critic(kind, tmp_path, monkeypatch):
    outcome = train(
        f"volume/{kind}-quick",
        overrides=[
            *SMALL,
            STAGES,
            "run.log_every=1",
            "run.draw_every=2",
            "run.evaluate_every=8",
            "options.fid=16",
        ],
        out=tmp_path,
        view=Silence(),
    )
    lines = read_lines(outcome.folder / "metrics.jsonl")
    assert [line["stage"] for line in lines] == [0] * 2 + [1] * 6
    assert [line["fade"] for line in lines] == [1, 1, 0, 0.25, 0.5, 0.75, 1, 1]
    assert all(math.isfinite(line["distance"]) for line in lines)
    scored = read_lines(outcome.folder / "evaluations.jsonl")[-1]
    assert {"critic_seen", "critic_held_out", "precision", "recall"} <= scored.keys()
    assert next(v for k, v in scored.items() if k.startswith("FID bone3d-phantom (")) > 0
    assert len(list((outcome.folder / "samples").iterdir())) == 4
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(outcome.folder / "checkpoints"))
    found = load(f"volume/{kind}-quick")
    assert found.card.settings["spacing_mm"] == pytest.approx(0.1214 * 288 / 16)
    codes = torch.randn(2, 512)
    with torch.no_grad():
        if kind == "stylegan3d":
            codes = found["generator"].mapping(codes)
        volumes = found["generator"](codes)
        assert volumes.shape == (2, 1, 4, 16, 12)
        assert found["critic"].features(volumes).shape == (2, 8, 1, 4, 3)


def test_the_paper_recipes_have_the_papers_numbers():
    for kind in KINDS:
        recipe = read_recipe(f"volume/{kind}-paper")
        o, stages = recipe.options, recipe.training.stages
        assert o.shape == (32, 288, 224)
        assert (o.betas, o.generator_eps, o.critic_eps, o.clip) == ((0.0, 0.98), 1e-7, 5e-5, 2.0)
        assert [s.batch for s in stages] == [24, 24, 12, 6, 3]
        assert [s.samples for s in stages] == [180_000] + [360_000] * 4
        assert [s.fade for s in stages] == [0] + [180_000] * 4
        assert [s.rate for s in stages] == pytest.approx([0.85**k for k in range(5)])
        assert (o.turn, o.zoom, o.average) == (10, 1.15, 0)
    assert read_recipe("volume/stylegan3d-paper").options.mapping_rate == 0.02
    progan = read_recipe("volume/progan3d-paper").options
    assert (progan.critic_width, progan.width, progan.rate, progan.critic_steps) == (
        20,
        20,
        3e-3,
        7,
    )


def test_stacks_are_turned_and_enlarged_about_their_middle():
    stack = torch.full((1, 1, 8, 60, 40), -1.0)
    stack[..., 28:32, 10:30] = 1.0  # a bar along the columns
    whole = turned(stack, Draws((0.5, 0.0)), degrees=10, zoom=1.15)
    torch.testing.assert_close(whole, stack, atol=1e-5, rtol=0)
    assert turned(stack, None, degrees=0, zoom=1) is stack

    tilted = turned(stack, Draws((1.0, 0.0)), degrees=10, zoom=1.15)
    rows, columns = torch.where(tilted[0, 0, 4] > 0)
    slope = np.polyfit(columns.numpy(), rows.numpy(), 1)[0]
    assert abs(math.degrees(math.atan(slope))) == pytest.approx(10, abs=1.5)  # in voxels, not sides
    assert rows.float().mean().item() == pytest.approx(29.5, abs=0.3)

    block = torch.zeros(1, 1, 8, 60, 40)
    block[..., 20:40, 10:30] = 1.0
    larger = turned(block, Draws((0.5, 1.0)), degrees=10, zoom=1.15)
    assert (larger[0, 0, 4].sum() / block[0, 0, 4].sum()).item() == pytest.approx(1.15**2, rel=0.02)
    mirrored = turned(stack, Draws((0.0, 0.0)), degrees=10, zoom=1.15)
    torch.testing.assert_close(mirrored, tilted.flip(-1), atol=1e-4, rtol=0)

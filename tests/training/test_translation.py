"""CycleGAN's training: the paper's equations, the history of images, the two domains."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from bonestudio.checkpoints import load
from bonestudio.errors import TrainingError
from bonestudio.training import train
from bonestudio.training.arms import Arms, break_of, natural_arms
from bonestudio.training.experiments.cyclegan import CycleGAN
from bonestudio.training.films import Films
from bonestudio.training.history import History
from bonestudio.training.logbook import read_lines
from bonestudio.training.loop import Loop
from bonestudio.training.recipes import read_recipe
from bonestudio.training.state import states
from bonestudio.training.terminal import Silence
from bonestudio.training.translation import view

QUICK = "fracture/cyclegan-forearm-abnormal-quick"
SMALL = [
    "options.size=32",
    "options.crop=24",
    "options.enlarge=4",
    "options.width=4",
    "options.blocks=1",
    "options.dropout=0.0",
    "options.discriminator_width=4",
    "options.history=2",
    "options.discriminator_updates=1",
    "training.batch=2",
    "training.precision=32-true",
    "training.channels_last=false",
    "run.log_every=1",
]


@pytest.fixture(autouse=True)
def _few_films(monkeypatch):
    """Films of stripes instead of arms: rendering is tested with the phantoms."""

    def striped(self, count, *, seed=0, held_out=False, slope=1):
        y, x = np.mgrid[:32, :32]
        phase = np.arange(min(count, 6)).reshape(-1, 1, 1) + seed % 7 + 3 * held_out
        return Films((127 + 120 * np.sin(0.6 * (y + slope * x) + phase)).astype(np.uint8))

    monkeypatch.setattr(CycleGAN, "_synthetic", striped)
    monkeypatch.setattr(
        CycleGAN,
        "_natural",
        lambda self, count, *, held_out=False: striped(self, 5, held_out=held_out, slope=-1),
    )


def test_a_step_is_equations_36_to_43(tmp_path):
    recipe = read_recipe(QUICK, overrides=SMALL)
    experiment = CycleGAN(recipe.options, recipe.data)
    loop = Loop(recipe, experiment, tmp_path)
    torch.manual_seed(recipe.seed)
    mine = CycleGAN(recipe.options, recipe.data).build().networks
    G_AB, G_BA, D_A, D_B = (mine[name] for name in ("G_AB", "G_BA", "D_A", "D_B"))

    batch = loop.open_feed().next()
    now = loop.moment(loop.plan.at(0))
    a, b = (view(batch[name], now, crop=24, enlarge=4) for name in ("natural", "synthetic"))
    square, absolute = nn.MSELoss(), nn.L1Loss()
    fake_a, fake_b = G_AB(b), G_BA(a)
    ones = torch.ones_like(D_A(a))
    adversarial = 0.5 * square(D_A(fake_a), ones) + 0.5 * square(D_B(fake_b), ones)
    cycle = absolute(G_AB(fake_b), a) + absolute(G_BA(fake_a), b)
    identity = absolute(G_AB(a), a) + absolute(G_BA(b), b)
    (adversarial + 10 * cycle + 5 * identity).backward()
    generators = [[p.grad.clone() for p in G.parameters()] for G in (G_AB, G_BA)]
    losses = {}
    for name, D, real, fake in (("D_A", D_A, a, fake_a), ("D_B", D_B, b, fake_b)):
        D.zero_grad()
        losses[name] = 0.5 * square(D(real), ones)
        losses[name] = losses[name] + 0.5 * square(D(fake.detach()), 0 * ones)
        losses[name].backward()

    loop.train_step(batch, loop.plan.at(0))
    told = loop.means.read()
    expected = {"adversarial": adversarial, "cycle": cycle, "identity": identity, **losses}
    assert told == {name: pytest.approx(loss.item(), rel=1e-4) for name, loss in expected.items()}
    for G, gradients in zip((experiment.G_AB, experiment.G_BA), generators, strict=True):
        for its, own in zip(G.parameters(), gradients, strict=True):
            torch.testing.assert_close(its.grad, own, atol=1e-5, rtol=1e-3)
    for D, own in ((experiment.D_A, D_A), (experiment.D_B, D_B)):
        for its, other in zip(D.parameters(), own.parameters(), strict=True):
            torch.testing.assert_close(its.grad, other.grad, atol=1e-5, rtol=1e-3)


def run(out: Path, *changes: str, **options: object) -> Path:
    return train(
        QUICK, overrides=[*SMALL, *changes], out=out, view=Silence(), data="phantom", **options
    ).folder


def test_a_resumed_run_has_the_very_same_history_and_weights(tmp_path):
    whole = run(tmp_path / "a", "training.steps=6", "run.save_every=2")
    same = ["options.hold=1.0", "options.discriminator_updates=2", "options.dropout=0.2"]
    run(tmp_path / "b", "training.steps=4", "run.save_every=2", *same)
    resumed = run(tmp_path / "b", "training.steps=6", "run.save_every=2", *same, resume=True)
    straight = run(tmp_path / "c", "training.steps=6", "run.save_every=6", *same)
    ended, expected = (load_file(states(folder)[-1]) for folder in (resumed, straight))
    assert any("drawn_A" in key for key in expected)  # the histories are part of the state
    assert ended.keys() == expected.keys()
    for key in expected:
        assert torch.equal(ended[key], expected[key]), key

    # What the finished run hands on is the averaged pair of generators.
    card = json.loads(next(whole.glob("checkpoints/*/*.json")).read_text())
    assert set(card["parts"]) == {"refiner", "cleaner"}
    assert {metric["name"] for metric in card["metrics"]} == {"kid_clean", "kid_redrawn"}
    assert "natural-looking renderings" in card["trained_on"]
    sheet = np.asarray(Image.open(max((whole / "samples").iterdir())))
    assert sheet.shape == (4 * 34 - 2, 6 * 34 - 2)


def test_the_cycle_closes_as_it_learns(tmp_path, monkeypatch):
    changes = ["training.steps=60", "options.rate=0.002", "options.average=0.8", "run.log_every=10"]
    folder = run(tmp_path, *changes)
    lines = read_lines(folder / "metrics.jsonl")
    assert lines[-1]["cycle"] < 0.6 * lines[0]["cycle"]
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(folder / "checkpoints"))
    networks = load(QUICK)
    films = torch.rand(2, 1, 32, 32) * 2 - 1
    assert networks["refiner"](films).shape == films.shape
    assert not torch.equal(networks["refiner"](films), networks["cleaner"](films))


def test_a_history_keeps_gives_back_and_changes_places():
    history = History(4)
    images = torch.arange(40.0).view(-1, 2, 1, 1, 1)  # batches of two; each image is its number
    luck = torch.rand(20, 2, 2, generator=torch.Generator().manual_seed(0))
    for batch in images[:2]:
        assert torch.equal(history.exchange(batch, luck[0]), batch)
    early = 0
    for i in range(2, 20):
        held = history.images.clone()
        out = history.exchange(images[i], luck[i])
        for place in range(2):
            mine = {float(v) for v in held[place].flatten()}
            assert float(out[place]) in {*mine, float(images[i, place])}
            early += float(out[place]) != float(images[i, place])
            after = {float(v) for v in history.images[place].flatten()}
            assert after | {float(out[place])} == mine | {float(images[i, place])}
    assert 10 <= early <= 26  # half of 36
    assert torch.equal(History(0).exchange(images[0], luck[0]), images[0])
    recalled = [history.recall(pair[:, 0]) for pair in luck]
    for place in range(2):
        mine = {float(v) for v in history.images[place].flatten()}
        assert {float(images[place]) for images in recalled} == mine


def test_a_view_is_a_window_of_the_film_or_of_its_mirror_image(tmp_path):
    recipe = read_recipe(QUICK, overrides=SMALL)
    loop = Loop(recipe, CycleGAN(recipe.options, recipe.data), tmp_path)
    now = loop.moment(loop.plan.at(0))
    film = torch.rand(1, 1, 20, 20) * 2 - 1
    seen = view(film.expand(64, -1, -1, -1), now, crop=16)
    windows = {}
    for flipped, source in enumerate((film, film.flip(3))):
        for top in range(5):
            for left in range(5):
                window = source[0, 0, top : top + 16, left : left + 16]
                windows[window.numpy().tobytes()] = (flipped, top, left)
    found = [windows[one[0].contiguous().numpy().tobytes()] for one in seen]
    assert {flipped for flipped, _, _ in found} == {0, 1}
    assert {top for _, top, _ in found} == {left for _, _, left in found} == set(range(5))
    assert view(film, now, crop=16, enlarge=4).abs().max() <= 1


def test_the_papers_recipes_hold_its_numbers():
    for word, films in (("normal", 1164), ("abnormal", 661)):
        recipe = read_recipe(f"fracture/cyclegan-forearm-{word}-paper")
        o, d, t = recipe.options, recipe.data, recipe.training
        assert (t.epochs, t.batch, o.hold * t.epochs) == (30, 1, pytest.approx(10))
        assert (o.rate, o.betas, o.cycle, o.identity) == (2e-4, (0.5, 0.999), 10, 5)
        assert (o.discriminator_rate, o.discriminator_betas) == (o.rate, o.betas)
        assert not o.shortcut
        assert not o.discriminator_he
        assert (o.size, o.width, o.blocks, o.dropout, o.history) == (256, 64, 9, 0.2, 50)
        assert (d.count, d.natural, d.kinds) == (10_000, films, ("forearm",))
        assert d.abnormal == (word == "abnormal")


def test_abnormal_arms_are_broken_in_the_picture_and_normal_ones_are_not():
    options = {"style": "synthetic", "size": 64}
    arms = Arms(("forearm",), 2, abnormal=True, **options)
    for i in range(2):
        sample, healthy = arms[i], arms.load(i, healthy=True)
        assert sample.image.shape == (64, 64)
        assert sample.labels == {"abnormal": 1.0}
        change = np.abs(sample.image - healthy.image)
        mask = sample.masks["fracture"]
        assert change[mask].mean() > 4 * change.mean()
        assert np.array_equal(sample.image, arms[i].image)
    assert "fracture" not in Arms(("wrist",), 1, abnormal=False, **options)[0].masks
    # By turns bone is removed (as the paper's) and broken.
    removed, broken = break_of("forearm", 4), break_of("forearm", 5)
    assert (removed.displacement, removed.roughness) == (0, 0)
    assert removed.gap >= 2
    assert broken.displacement >= 0.5


def test_of_mura_the_training_films_of_the_class_are_taken(tmp_path):
    for number in range(4):
        for part in ("train", "valid"):
            word = "positive" if number % 2 else "negative"
            study = tmp_path / part / "XR_FOREARM" / f"patient{number:05d}" / f"study1_{word}"
            study.mkdir(parents=True)
            Image.fromarray(np.eye(40, 30, dtype=np.uint8) * 200).save(study / "image1.png")
    (cohort,) = natural_arms(str(tmp_path), ["forearm"], 1, abnormal=True, size=32)
    assert cohort.entries
    assert all("positive" in e.name and e.name.startswith("train") for e in cohort.entries)
    assert cohort[0].image.shape == (32, 32)
    (unseen,) = natural_arms(str(tmp_path), ["forearm"], 1, abnormal=True, size=32, held_out=True)
    assert {e.name.split("/")[0] for e in unseen.entries} == {"valid"}


def test_a_folder_without_the_class_and_no_folder_are_refused(tmp_path):
    rows = []
    for i in range(12):
        Image.fromarray(np.full((40, 40), i, np.uint8)).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,,,0")
    (plain,) = natural_arms(str(tmp_path), ["wrist"], 1, abnormal=True, size=32)
    (unseen,) = natural_arms(str(tmp_path), ["wrist"], 1, abnormal=True, size=32, held_out=True)
    assert {e.name for e in plain.entries}.isdisjoint(e.name for e in unseen.entries)
    (tmp_path / "labels.csv").write_text("\n".join(["file,age,sex,abnormal", *rows]) + "\n")
    with pytest.raises(TrainingError, match="no abnormal films"):
        natural_arms(str(tmp_path), ["wrist"], 1, abnormal=True, size=32)
    with pytest.raises(TrainingError, match="There is no folder"):
        natural_arms(str(tmp_path / "none"), ["wrist"], 1, abnormal=True, size=32)
    with pytest.raises(TrainingError, match="needs images"):
        natural_arms("", ["wrist"], 1, abnormal=True, size=32)

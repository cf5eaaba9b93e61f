"""Paper 000's training: its augmentation, its data, its recipes, and that ages are learned."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from bonestudio.checkpoints import load
from bonestudio.errors import TrainingError
from bonestudio.training import train
from bonestudio.training.enhance import enhanced, turned
from bonestudio.training.growing import GrowingBone, growing_films, open_bones
from bonestudio.training.logbook import read_lines
from bonestudio.training.recipes import read_recipe
from bonestudio.training.terminal import Silence

MODELS = {  # table 1 of the paper: D_age, LS, SA
    "caae": (False, 0.0, "batch"),
    "caae-age-ls": (True, 0.2, "batch"),
    "caae-sa": (False, 0.0, "spectral"),
    "bapgan": (True, 0.2, "spectral"),
}


def drawing(*values):
    """A moment whose random numbers are these."""
    numbers = iter(values)
    return SimpleNamespace(rand=lambda n, k: torch.tensor([next(numbers)] * n).view(n, k))


@pytest.fixture(scope="module")
def picture():
    """A grainy picture in 30 … 220, so that auto-contrast and sharpness have something to do."""
    rows, columns = np.mgrid[:32, :32] / 31.0
    wavy = 125 + 80 * np.sin(5 * rows) * np.cos(7 * columns)
    return (wavy + np.random.default_rng(0).integers(-15, 15, wavy.shape)).astype(np.uint8)


def changed(picture, which, how):
    """Apply one operation at strength 0.5; ``how`` 0 … 1 is the drawn magnitude."""
    x = torch.from_numpy(picture)[None, None].float() / 127.5 - 1.0
    moment = drawing([(which + 0.5) / 5, how])
    y = enhanced(x, moment, operations=1, strength=0.5)
    return ((y[0, 0] + 1.0) * 127.5).numpy()


@pytest.mark.parametrize(
    ("which", "pil"),
    [
        (0, ImageOps.autocontrast),
        (1, lambda image: ImageEnhance.Contrast(image).enhance(1.4)),
        (2, lambda image: ImageEnhance.Brightness(image).enhance(1.4)),
        (3, lambda image: ImageEnhance.Sharpness(image).enhance(1.4)),
        (4, lambda image: ImageOps.posterize(image, 6)),
    ],
    ids=["auto-contrast", "contrast", "brightness", "sharpness", "posterize"],
)
def test_colour_operations_are_pillows(picture, which, pil):
    ours, theirs = changed(picture, which, 0.9), np.asarray(pil(Image.fromarray(picture)), float)
    assert np.abs(theirs - picture).max() > 2  # it does something
    inside = (slice(1, -1), slice(1, -1))  # Pillow leaves the border of a filtered picture alone
    assert np.abs(ours - theirs)[inside].max() < 2.1


def test_each_image_gets_operations_of_its_own(picture):
    x = (torch.from_numpy(picture)[None, None].float() / 127.5 - 1.0).repeat(40, 1, 1, 1)
    random = torch.Generator().manual_seed(1)
    moment = SimpleNamespace(rand=lambda n, k: torch.rand(n, k, generator=random))
    y = enhanced(x, moment, operations=2, strength=0.5)
    assert len({tuple(image.flatten().tolist()) for image in y}) > 30  # both may be auto-contrast
    assert y.abs().max() <= 1


def test_rotation_turns_about_the_middle():
    x = -torch.ones(1, 1, 65, 65)
    x[..., 8, 32] = 1.0  # a dot above the middle
    y = turned(x, drawing([1.0, 0.5, 0.5, 0.5]), degrees=5.0)
    down, right = divmod(int(y.argmax()), 65)
    angle = np.degrees(np.arctan2(abs(right - 32), 32 - down))
    assert angle == pytest.approx(5.0, abs=1.5)
    assert torch.equal(turned(x, drawing(), degrees=0.0), x)


def bones(folder, ages):
    """Write bars, the longer the older, with a table of ages and sexes."""
    folder.mkdir()
    lines = []
    for i, age in enumerate(ages):
        pixels = np.zeros((32, 32), np.uint8)
        pixels[4 : 6 + int(age), 12 - i % 3 : 20 + i % 2] = 200
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
        lines.append([f"{i:03d}.png", "" if i == 0 else age, "FM"[i % 2]])
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "age", "sex"], *lines])
    return str(folder)


def test_films_of_unknown_age_are_left_out_and_rare_ages_shown_more(tmp_path):
    source = bones(tmp_path / "bones", [1.0] * 5 + [9.0] * 16)
    cohort = open_bones(GrowingBone(source=source))
    films = growing_films(cohort, size=32, balance=1.0)
    assert len(films) == 20
    share = films.weights / films.weights.sum()
    assert share[films.ages.numpy() < 4].sum() == pytest.approx(0.5)
    assert growing_films(cohort, size=32).weights is None
    batch = films.batch(np.array([0, 7]))
    assert batch["image"].shape == (2, 1, 32, 32)
    assert (batch["age"].tolist(), batch["male"].tolist()) == ([1.0, 9.0], [1.0, 0.0])


def test_films_without_any_age_are_refused(tmp_path):
    Image.new("L", (32, 32), 9).save(tmp_path / "a.png")
    with pytest.raises(TrainingError, match=r"labels\.csv"):
        open_bones(GrowingBone(source=str(tmp_path)))


@pytest.mark.parametrize("bone", ["femur", "phalange"])
@pytest.mark.parametrize("model", MODELS)
def test_recipes_have_the_papers_numbers(model, bone):
    recipe = read_recipe(f"age/{model}-{bone}")
    o, t = recipe.options, recipe.training
    assert (recipe.data.bone, t.steps, t.batch, o.latent) == (bone, 50_000, 32, 50)
    assert (o.age_discriminator, o.smoothing, o.norm) == MODELS[model]
    stabilised = MODELS[model][2] == "spectral"
    assert o.discriminator_rate == (4e-4 if stabilised else 1e-4)
    assert bool(o.attention) == stabilised
    assert (o.rate, o.betas, o.reconstruction, o.age) == (1e-4, (0.5, 0.999), 1e4, 100.0)
    assert (o.encoder_width, o.generator_width, o.discriminator_width) == (64, 64, 16)
    assert (o.rotation, o.operations) == (5.0, 2)
    ours = (
        o.average,
        o.decay,
        o.wobble,
        o.drawn_ages,
        o.same_bone,
        o.features,
        recipe.data.balance,
    )
    assert not any(ours)
    assert not o.continuous
    assert not o.sexes


@pytest.mark.parametrize("model", ["caae", "bapgan"])
def test_ages_are_learned(model, tmp_path, monkeypatch):
    """Bars as long as they are old: after a few steps 18 years draws another bar than 2 years."""
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    source = bones(tmp_path / "bones", np.linspace(0, 19, 60).tolist())
    outcome = train(
        f"age/{model}-phalange",
        data=source,
        overrides=[
            "training.steps=40",
            "training.batch=8",
            "options.size=32",
            "options.encoder_width=4",
            "options.generator_width=4",
            "options.discriminator_width=4",
            "options.discriminator_dense=16",
            "options.attention=[16]",
            "options.rate=1.5e-3",
            "options.drawn_ages=0.5",
            "options.same_bone=1.0",
            "options.features=10.0",
            "options.average=0.9",
            "options.sexes=true",
            "run.draw_every=40",
            "run.log_every=5",
            "run.evaluate_every=40",
        ],
        out=tmp_path / "runs",
        view=Silence(),
    )
    lines = read_lines(outcome.folder / "metrics.jsonl")
    assert lines[-1]["likeness"] < 0.7 * lines[0]["likeness"]
    (scores,) = read_lines(outcome.folder / "evaluations.jsonl")
    assert scores["ageing"] > 0.02
    (sheet,) = (outcome.folder / "samples").iterdir()
    with Image.open(sheet) as picture:
        assert picture.size == (11 * 34 - 2, 8 * 34 - 2)
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(outcome.folder / "checkpoints"))
    told = json.loads(
        (outcome.folder / "checkpoints" / "age" / f"{model}-phalange.json").read_text()
    )
    errors = list(told["settings"]["error_quantiles"].values())
    assert errors == sorted(errors)
    drift = torch.tensor(told["settings"]["drift"])
    assert drift.shape == (6, 50)
    assert drift.isfinite().all()
    assert drift.any()
    aged = load(f"age/{model}-phalange")
    z = aged["encoder"](torch.zeros(1, 1, 32, 32))
    assert aged["generator"](z, torch.zeros(1, 7)).shape == (1, 1, 32, 32)

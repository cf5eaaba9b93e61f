"""Scans of virtual patients to learn from, and the network that reads them."""

import json
import os

import numpy as np
import pytest
import torch

from bonestudio import phantoms
from bonestudio.cohorts import Sample
from bonestudio.errors import RecipeError, TrainingError
from bonestudio.metrics.extractors import find_extractor, scan_levels
from bonestudio.training import scans, train
from bonestudio.training.experiments.scan_extractor import ScanExtractor, moved
from bonestudio.training.films import cache_key
from bonestudio.training.logbook import read_lines
from bonestudio.training.recipes import read_recipe
from bonestudio.training.scans import open_scans, read_scans
from bonestudio.training.terminal import Silence
from bonestudio.training.virtual_scans import FINE, FINE_MM, RadiusStacks

TINY = (8, 24, 20)
COARSE = (12, 108, 84)
WINDOW = (-400.0, 1400.0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))


class Draws:
    """Stands for a moment: it draws."""

    def __init__(self, seed: int) -> None:
        self.random = torch.Generator().manual_seed(seed)

    def rand(self, *shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=self.random)


def test_sexes_grades_and_ages_are_independent():
    entries = RadiusStacks(400).entries
    cells = {(e.sex, e.labels["grade"]) for e in entries}
    assert len(cells) == 10
    for sex, grade in cells:
        ages = [e.age for e in entries if (e.sex, e.labels["grade"]) == (sex, grade)]
        assert len(ages) == 40
        assert np.mean(ages) == pytest.approx(52.5, abs=3)
        assert min(ages) < 25
        assert max(ages) > 80


def test_a_stack_is_the_patients_scan():
    cohort = RadiusStacks(3, seed=7, shape=COARSE)
    sample = cohort[2]
    assert sample.image.shape == COARSE
    covered = np.array(COARSE) * sample.spacing
    np.testing.assert_allclose(covered, np.array(FINE) * FINE_MM, rtol=1e-6)
    assert (sample.sex, sample.labels["grade"], sample.age) == ("M", 5.0, cohort.entries[2].age)
    assert np.array_equal(RadiusStacks(1, seed=9, shape=COARSE)[0].image, sample.image)
    assert not np.array_equal(cohort[0].image, sample.image)


def test_scans_are_read_once_whoever_reads_them(monkeypatch):
    cohort = RadiusStacks(3, shape=COARSE)
    here = read_scans(cohort, shape=TINY, window=WINDOW)
    assert np.array_equal(here[1], scan_levels(cohort[1].image, shape=TINY, window=WINDOW))
    monkeypatch.setattr(RadiusStacks, "load", lambda *_: pytest.fail("rendered again"))
    assert np.array_equal(read_scans(cohort, shape=TINY, window=WINDOW), here)
    monkeypatch.undo()
    monkeypatch.setenv("BONESTUDIO_CACHE", "/dev/null/nowhere")  # nothing is kept
    monkeypatch.setattr(scans, "FEW", 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    apart = read_scans(cohort, shape=TINY, window=WINDOW).astype(int) - here  # by processes
    assert np.abs(apart).max() <= 1  # of one thread each: sums of two round otherwise
    assert np.mean(apart != 0) < 0.01


def test_another_grid_patient_or_phantom_is_another_array(tmp_path, monkeypatch):
    cohort = RadiusStacks(3, shape=TINY)
    keys = [
        cache_key(cohort, (TINY, WINDOW)),
        cache_key(cohort, (TINY, (0.0, 1000.0))),
        cache_key(RadiusStacks(3, seed=1, shape=TINY), (TINY, WINDOW)),
        cache_key(RadiusStacks(3, shape=COARSE), (TINY, WINDOW)),
        cache_key(RadiusStacks(3, shape=TINY, grades=(1,)), (TINY, WINDOW)),
    ]
    assert cache_key(RadiusStacks(3, shape=TINY), (TINY, WINDOW)) == keys[0]
    (tmp_path / "radius_scan.py").write_text("# drawn otherwise")
    monkeypatch.setattr(phantoms, "__path__", [str(tmp_path)])
    keys.append(cache_key(cohort, (TINY, WINDOW)))
    assert len(set(keys)) == len(keys)


def test_moving_keeps_every_density():
    stacks = torch.rand(12, 1, *TINY) * 2 - 1
    seen = moved(stacks, Draws(0))
    factors = []
    for before, after in zip(stacks, seen, strict=True):
        factors.append(float(after.norm() / before.norm()))
        torch.testing.assert_close(
            after.flatten().sort().values, factors[-1] * before.flatten().sort().values
        )
        assert not torch.allclose(after, factors[-1] * before)
    assert 0.97 <= min(factors) < 0.99
    assert 1.01 < max(factors) <= 1.03


def easy(cohort: RadiusStacks, i: int) -> Sample:
    """A bone that an untrained eye reads: width by sex, density by age, streaks by grade."""
    entry = cohort.entries[i]
    scan = np.random.default_rng(i).normal(0, 20, (8, 40, 32)).astype(np.float32)
    half = 12 if entry.sex == "M" else 8
    scan[:, 20 - half : 20 + half, 8:24] += 1200 - 10 * entry.age
    scan[:, ::8] += 80 * entry.labels["grade"]
    return Sample(image=scan, source="phantoms", name=entry.name, patient=entry.patient)


def test_a_scan_extractor_learns_and_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(RadiusStacks, "load", easy)
    monkeypatch.setattr(scans, "FEW", 100)
    outcome = train(
        "extractors/bone3d-phantom",
        overrides=[
            "data.count=50",
            "options.shape=[8, 40, 32]",
            "options.width=4",
            "options.rate=6e-3",
            "training.steps=40",
            "training.batch=10",
            "training.precision=32-true",
            "run.log_every=8",
            "run.evaluate_every=40",
        ],
        out=tmp_path,
        view=Silence(),
    )
    lines = read_lines(outcome.folder / "metrics.jsonl")
    assert lines[0]["age"] < 3  # in tens of years: it begins among adults
    losses = [line["age"] + line["male"] + line["grade"] for line in lines]
    assert losses[-1] < 0.85 * losses[0]
    card = json.loads(next(outcome.folder.glob("checkpoints/*/*.json")).read_text())
    assert {m["name"]: m["n"] for m in card["metrics"]} == dict.fromkeys(
        ("age_error", "male_accuracy", "grade_error", "grade_accuracy"), 10
    )
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(outcome.folder / "checkpoints"))
    extractor = find_extractor("bone3d-phantom")
    assert (extractor.dims, extractor.kinds) == (3, ("radius",))
    stacks = [sample.image for sample in RadiusStacks(3)]
    assert extractor.features(stacks).shape == (3, 32)
    assert extractor.prepare(stacks).shape == (3, 1, 8, 40, 32)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes them rightly")
def test_half_precision_of_3d_convolutions_is_refused_on_a_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(RadiusStacks, "load", easy)
    changes = ["data.count=12", "options.width=4", "training.precision=bf16-mixed"]
    with pytest.raises(RecipeError, match="gets wrong in bf16-mixed"):
        train("extractors/bone3d-phantom", overrides=changes, out=tmp_path, view=Silence())


def test_a_folder_of_scans_is_read_too(tmp_path):
    ramp = np.linspace(200, 400, 448, dtype=np.float16)
    for i in range(2):
        np.save(tmp_path / f"{i}.npy", np.broadcast_to(ramp, (168, 576, 448)))
    cohort = open_scans(str(tmp_path), count=1, shape=TINY, ages=(20, 85))
    assert len(cohort) == 8
    recipe = read_recipe(
        "extractors/bone3d-phantom", overrides=["options.shape=[8, 24, 20]"], data=str(tmp_path)
    )
    experiment = ScanExtractor(recipe.options, recipe.data)
    (test,) = experiment.cohorts("test")
    (training,) = experiment.cohorts("train")
    assert (len(test), len(training)) == (4, 4)
    levels = experiment.read(test)
    assert levels.shape == (4, *TINY)
    assert levels.mean() == pytest.approx((300 + 400) / 1800 * 255, rel=0.01)
    assert (np.diff(levels.astype(int), axis=-1) > 0).all()


def test_a_missing_folder_is_one_sentence():
    with pytest.raises(TrainingError, match="no folder nowhere"):
        open_scans("nowhere", count=1, shape=TINY, ages=(20, 85))
    with pytest.raises(TrainingError, match="--data phantom"):
        open_scans("", count=1, shape=TINY, ages=(20, 85))

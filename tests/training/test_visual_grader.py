"""The grader of motion of paper 003: it learns from graded scans alone, and its features serve FID."""

import json

import numpy as np
import pytest
import torch

from bonestudio.cohorts import Sample
from bonestudio.errors import TrainingError
from bonestudio.metrics.extractors import find_extractor
from bonestudio.networks.visual_grader import VisualGrader
from bonestudio.training import scans, train
from bonestudio.training.logbook import read_lines
from bonestudio.training.terminal import Silence
from bonestudio.training.virtual_scans import RadiusStacks


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))


def striped(cohort: RadiusStacks, i: int) -> Sample:
    """The more motion, the brighter its streaks."""
    entry = cohort.entries[i]
    scan = np.random.default_rng(i).normal(200, 20, (8, 40, 32)).astype(np.float32)
    scan[:, ::8] += 250 * entry.labels["grade"]
    return Sample(image=scan, source="phantoms", name=entry.name, patient=entry.patient)


def test_a_grader_learns_and_its_features_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(RadiusStacks, "load", striped)
    monkeypatch.setattr(scans, "FEW", 1000)
    outcome = train(
        "extractors/vgs-phantom",
        overrides=[
            "data.count=100",
            "options.shape=[8, 40, 32]",
            "options.width=4",
            "options.rate=1e-2",
            "training.steps=60",
            "run.log_every=10",
            "run.evaluate_every=60",
        ],
        out=tmp_path,
        view=Silence(),
    )
    lines = read_lines(outcome.folder / "metrics.jsonl")
    assert lines[-1]["grade"] < 0.5 * lines[0]["grade"]
    card = json.loads(next(outcome.folder.glob("checkpoints/extractors/*.json")).read_text())
    scores = {metric["name"]: metric for metric in card["metrics"]}
    assert scores["accuracy"]["n"] == 10  # a tenth is held out
    assert scores["within_one"]["value"] >= max(0.8, scores["accuracy"]["value"])

    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(outcome.folder / "checkpoints"))
    grader = find_extractor("vgs-phantom")
    assert (grader.dims, grader.kinds) == (3, ("radius",))
    fresh = RadiusStacks(10, seed=5000)
    images = [sample.image for sample in fresh]
    assert grader.features(images).shape == (10, 32)
    truth = torch.tensor([entry.labels["grade"] for entry in fresh.entries])
    assert (grader.read(images)["grade"] - truth).abs().mean() < 0.9  # of chance: 1.2


def test_the_grade_is_the_one_to_be_expected():
    grader = VisualGrader(depth=10, width=2).eval()
    told = grader(torch.randn(3, 1, 8, 32, 24))
    shares = told["grades"].softmax(1)
    torch.testing.assert_close(told["grade"], (shares * torch.arange(1.0, 6.0)).sum(1))


def test_scans_without_grades_teach_no_grader(tmp_path):
    ramp = np.linspace(0, 500, 448, dtype=np.float16)
    for i in range(2):
        np.save(tmp_path / f"{i}.npy", np.broadcast_to(ramp, (168, 576, 448)))
    with pytest.raises(TrainingError, match="column 'grade' from 1 to 5"):
        train(
            "extractors/vgs-phantom",
            data=str(tmp_path),
            overrides=["options.shape=[8, 40, 32]"],
            out=tmp_path,
            view=Silence(),
        )

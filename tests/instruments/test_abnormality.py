"""The classifier instrument: probabilities, study means, heat, what bad input gets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bonestudio.checkpoints import Card, Metric, Part, save
from bonestudio.errors import CheckpointError, RequestError
from bonestudio.imaging import read_radiograph
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.abnormality import (
    AbnormalityClassifier,
    calibration_note,
    classifiers,
    domain_of,
)
from bonestudio.instruments.fracture.heat import grad_cam
from bonestudio.instruments.fracture.studio import FractureStudio
from bonestudio.networks.classifiers import DenseNet169, ResidualNet
from bonestudio.vision import monai


def card_of(**changes):
    told = {
        "system": "fracture",
        "name": "tiny",
        "summary": "s",
        "parts": {"classifier": Part(architecture="classifiers:ResidualNet", config={"width": 4})},
        "settings": {"size": 64, "temperature": 2.0},
        "trained_on": "noise",
        "family": "phantom",
        "recipe": "r",
        "recipe_hash": "h",
        "steps": 1,
        "seed": 0,
        "hardware": "CPU",
        "date": "2026-01-01",
        "licence": "Apache-2.0",
        "intended_use": "tests",
        "limits": "all",
    }
    return Card(**{**told, **changes})


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A classifier of noise in the user's own folder."""
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path))
    torch.manual_seed(0)
    network = ResidualNet(width=4).eval()
    save(card_of(), {"classifier": network}, tmp_path, precision="float32")
    return network


def films(count, shape=(64, 64)):
    random = np.random.default_rng(0)
    return [random.random(shape, dtype=np.float32) for _ in range(count)]


def test_probabilities_are_the_networks_own_and_a_study_is_their_mean(network):
    told = AbnormalityClassifier("fracture/tiny").judge(films(3))
    levels = [np.rint(np.clip(film * 255, 0, 255)) / 127.5 - 1 for film in films(3)]
    with torch.no_grad():
        logits = network(torch.tensor(np.stack(levels)[:, None], dtype=torch.float32))
    assert told.views == pytest.approx((logits / 2.0).sigmoid().tolist(), abs=1e-5)
    assert told.study == pytest.approx(np.mean(told.views))
    assert told.abnormal == (told.study > 0.5)
    assert "never calibrated" in told.calibration


def test_heat_has_the_films_shape_and_can_be_left_out(network):
    classifier = AbnormalityClassifier("fracture/tiny")
    wide = Radiograph(pixels=films(1, (40, 90))[0])
    told = classifier.judge([wide, films(1)[0]])
    assert [heat.shape for heat in told.heat] == [(40, 90), (64, 64)]
    assert all(0 <= heat.min() <= heat.max() <= 1 for heat in told.heat)
    assert classifier.judge([wide], heat=False).heat == ()
    assert classifier.judge([wide], heat=False).views[0] == pytest.approx(told.views[0], abs=1e-6)


def test_prepared_films_are_not_evened_out_twice(network, tmp_path):
    from bonestudio.imaging.prepared import prepared

    card = card_of(name="even", settings={"size": 64, "evened": 256})
    save(card, {"classifier": network}, tmp_path, precision="float32")
    judge = AbnormalityClassifier("fracture/even")
    film = Radiograph(pixels=films(1, (80, 60))[0])
    even = prepared(film, size=256)
    raw, twice, once = (
        judge.probabilities([image], are_prepared=done)[0]
        for image, done in ((film, False), (even, False), (even, True))
    )
    assert once == pytest.approx(raw, abs=1e-3)
    assert abs(twice - raw) > abs(once - raw)
    studio = FractureStudio()
    for asked in (judge.judge, lambda *a, **k: studio.classify(*a, model="fracture/even", **k)):
        assert asked([even], heat=False, are_prepared=True).study == pytest.approx(once)


class Bright(nn.Module):
    """Says how bright the upper left quarter is, through two maps."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Conv2d(1, 2, 1, bias=False)
        self.maps.weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
        self.dense = nn.Linear(2, 1, bias=False)
        self.dense.weight.data = torch.tensor([[1.0, 0.0]])

    def forward(self, x):
        return self.dense(self.maps(x).mean((2, 3)))[:, 0]


def test_grad_cam_shows_what_speaks_for_the_score():
    images = torch.zeros(1, 1, 8, 8)
    images[..., :4, :4] = 1.0
    score, heat = grad_cam(network := Bright(), network.maps, images, lambda told: told)
    assert score.item() == pytest.approx(0.25)
    assert torch.equal(heat[0], images[0, 0])
    _, against = grad_cam(network, network.maps, images, lambda told: -told)
    assert against.max() == 0


def test_grad_cam_is_monais():
    from monai.visualize import GradCAM

    torch.manual_seed(0)
    network = DenseNet169(growth=4).eval()
    images = torch.randn(2, 1, 64, 64)
    _, heat = grad_cam(network, network.seen, images, lambda told: told)

    class Column(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network

        def forward(self, x):
            return self.inner(x)[:, None]

    theirs = GradCAM(Column(), "inner.network.features.denseblock3", postprocessing=torch.relu)
    for mine, other in zip(heat, theirs(images, class_idx=0)[:, 0], strict=True):
        torch.testing.assert_close(mine, other / other.max().clamp(min=1e-12), atol=1e-4, rtol=1e-3)
    assert monai.__name__ == "monai"


def test_a_card_says_how_far_to_trust_it():
    metric = Metric(name="calibration_error", value=0.034, n=400, data="held out by patient")
    note = calibration_note(card_of(metrics=(metric,)))
    assert "400 images" in note
    assert "0.03" in note
    assert "virtual patients" in note


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([], "at least one image"),
        ([np.zeros((4, 4, 3))], "two axes"),
        ([np.full((4, 4), np.nan)], "not numbers"),
    ],
)
def test_bad_images_get_one_sentence(network, images, sentence):
    with pytest.raises(RequestError, match=sentence):
        AbnormalityClassifier("fracture/tiny").judge(images)


def test_classifiers_are_listed_and_other_weights_refused(network, tmp_path):
    assert "fracture/tiny" in [card.id for card in classifiers()]
    save(card_of(name="mine", family="own"), {"classifier": network}, tmp_path)
    assert classifiers()[0].id == "fracture/mine"  # before all that ship
    save(
        card_of(name="other", parts={"generator": card_of().parts["classifier"]}),
        {"generator": network},
        tmp_path,
    )
    with pytest.raises(CheckpointError, match="not a classifier"):
        AbnormalityClassifier("fracture/other").judge(films(1))


SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "lightbox"


@pytest.mark.parametrize(
    ("films", "verdict", "words"),
    [
        (["3-wrist-broken"], "in-domain", "This film lies among"),
        (["3-wrist-broken", "4-wrist-side"], "in-domain", "These films lie among"),
        (["5-forearm-broken", "2-hand-12"], "out", "View 2 looks like a hand"),
        (["6-hip"], "out", "does not look like"),
        (["8-knee-13"], "out", "looks like a femur"),
    ],
)
def test_what_the_weights_do_not_know_is_told(films: list[str], verdict: str, words: str) -> None:
    views = [read_radiograph(SAMPLES / f"{name}.png").pixels for name in films]
    found = domain_of(views, card_of())
    assert found is not None
    assert found.verdict == verdict
    assert words in found.reason
    assert domain_of(views, card_of(family="own")) is None


def test_noise_and_grey_are_no_arms() -> None:
    noise = np.random.default_rng(0).random((300, 200)).astype(np.float32)
    for film in (noise, np.full((200, 200), 0.5, np.float32)):
        found = domain_of([film], card_of())
        assert found is not None
        assert found.verdict == "out"

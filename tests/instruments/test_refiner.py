"""The refiner as an instrument: what it takes, what it gives, what it refuses."""

import numpy as np
import pytest
import torch

from bonestudio.checkpoints import Card, Part
from bonestudio.checkpoints.store import save
from bonestudio.errors import CheckpointError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.refiner import Refiner, refine, refiners
from bonestudio.metrics.survival import imprint
from bonestudio.networks.cyclegan import Generator
from bonestudio.training.arms import HELD_OUT, Arms

SHIPPED = "fracture/cyclegan-forearm-abnormal-phantom"
CONFIG = {"width": 4, "blocks": 1, "shortcut": True}


def card(name: str, part: str, **settings: object) -> Card:
    return Card(
        system="fracture",
        name=name,
        summary="for a test",
        parts={part: Part(architecture="cyclegan:Generator", config=CONFIG)},
        settings={"size": 64, **settings},
        trained_on="nothing",
        family="own",
        recipe="test",
        recipe_hash="0",
        steps=0,
        seed=0,
        hardware="none",
        date="2026-01-01",
        licence="none",
        intended_use="tests",
        limits="all",
    )


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of one's own with a refiner of abnormal films and something else."""
    torch.manual_seed(0)
    network = Generator(**CONFIG)
    save(card("mine", "refiner", **{"class": "abnormal"}), {"refiner": network}, tmp_path)
    save(card("other", "cleaner"), {"cleaner": network}, tmp_path)
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path))
    return network.eval()


def film(height=80, width=64):
    y, x = np.mgrid[:height, :width]
    pixels = (0.5 + 0.4 * np.sin(x / 7) * np.cos(y / 9)).astype(np.float32)
    return Radiograph(pixels=pixels, spacing=(0.5, 0.5), view="PA", laterality="R")


def test_a_film_is_prepared_and_redrawn_by_the_network(mine):
    refiner = Refiner("mine")
    before = refiner.prepare(film())
    (after,) = refiner.refine([film()])
    assert (after.shape, after.view, after.laterality) == ((64, 64), "PA", "R")
    assert after.spacing == before.spacing == (0.625, 0.625)
    with torch.no_grad():
        expected = mine(torch.from_numpy(before.pixels)[None, None] * 2 - 1)[0, 0]
    # Weights are kept in half precision.
    np.testing.assert_allclose(after.pixels, (expected.numpy() + 1) / 2, atol=1 / 255)
    (again,) = refiner.refine([before], are_prepared=True)
    np.testing.assert_array_equal(again.pixels, after.pixels)


def test_many_films_come_back_in_order(mine):
    films = [film(), film().with_pixels(1 - film().pixels)] * 5
    made = Refiner("fracture/mine").refine(films)
    assert len(made) == 10
    np.testing.assert_allclose(made[8].pixels, made[0].pixels, atol=1e-6)
    assert np.abs(made[1].pixels - made[0].pixels).max() > 0.1
    np.testing.assert_allclose(refine([film()])[0].pixels, made[0].pixels, atol=1e-6)


def test_ones_own_refiner_of_the_class_comes_first(mine):
    assert refiners(abnormal=True)[0].name == "mine"
    assert "mine" not in [known.name for known in refiners(abnormal=False)]
    assert "other" not in [known.name for known in refiners()]
    assert Refiner().card.name == "mine"


def test_what_is_no_refiner_is_refused(mine, monkeypatch):
    with pytest.raises(CheckpointError, match="does not refine"):
        _ = Refiner("other").card
    with pytest.raises(CheckpointError, match="no checkpoint"):
        _ = Refiner("nobody").card
    monkeypatch.setattr("bonestudio.instruments.fracture.refiner.cards", lambda system: [])
    with pytest.raises(CheckpointError, match="no weights that refine normal"):
        _ = Refiner(abnormal=False).card


def test_a_mask_stays_on_its_film(mine):
    mask = film().pixels > 0.8
    moved = Refiner().prepare_mask(mask)
    assert moved.shape == (64, 64)
    assert moved.sum() == pytest.approx(mask.sum() * (64 / 80) ** 2, rel=0.15)


def test_fractures_survive_the_shipped_refiner_and_films_look_more_natural():
    refiner = Refiner(SHIPPED)
    arms = Arms(("forearm", "wrist"), 8, style="synthetic", abnormal=True, seed=HELD_OUT + 500)
    kept = []
    for i in range(0, 8, 2):
        broken, healthy = arms[i], arms.load(i, healthy=True)
        films = [Radiograph(pixels=sample.image) for sample in (broken, healthy)]
        after = refiner.refine(films, are_prepared=True)
        assert np.abs(after[0].pixels - broken.image).mean() > 0.01  # something was done
        before = (broken.image, healthy.image)
        redrawn = (after[0].pixels, after[1].pixels)
        kept.append(imprint(before, redrawn, broken.masks["fracture"]).kept)
    assert all(kept)
    scores = {metric.name: metric.value for metric in refiner.card.metrics}
    assert scores["kid_redrawn"] < 0.6 * scores["kid_clean"]

"""Films that an age model can be asked about, and pictures that it cannot."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import color, data

from bonestudio.checkpoints import Card
from bonestudio.cohorts import RsnaBoneAge
from bonestudio.errors import ImageError
from bonestudio.instruments.age.domain import judge
from bonestudio.metrics.extractors import film_levels
from bonestudio.phantoms import VirtualPatient

REAL = Path(__file__).resolve().parents[2] / "../shared/data/rsna-hands-1050"


def card(family: str, bone: str = "phalange", **settings) -> Card:
    told = {"bone": bone, "error_quantiles": {"0.99": 0.1}, **settings}
    return Card.model_construct(name=f"x-{bone}", family=family, settings=told)


def seen(picture: np.ndarray) -> np.ndarray:
    """A picture as the networks see it: square, 128 pixels, stretched to [-1, 1]."""
    low, high = np.percentile(picture, [0.5, 99.8])
    unit = ((picture - low) / (high - low + 1e-9)).clip(0, 1)
    return film_levels(unit, 128).astype(np.float32) / 127.5 - 1


def verdict(film: np.ndarray, of: Card) -> str:
    """Of a film that is perfectly redrawn."""
    return judge(film, film, card=of).verdict


def chest() -> np.ndarray:
    """A chest as a child would draw it: dark lungs, a bright spine and heart, ribs."""
    y, x = np.mgrid[-1:1:300j, -1:1:300j]
    film = 0.6 * (np.hypot(x / 0.95, y / 1.3) < 1)
    for side in (-1, 1):
        film -= 0.42 * (np.hypot((x - 0.42 * side) / 0.33, (y + 0.05) / 0.75) < 1)
    film += 0.35 * (np.abs(x) < 0.08) + 0.3 * (np.hypot((x - 0.12) / 0.3, (y - 0.35) / 0.35) < 1)
    for rib in np.linspace(-0.8, 0.7, 9):
        film += 0.14 * (np.abs(y - rib - 0.25 * x**2) < 0.025) * (np.abs(x) < 0.85)
    return gaussian_filter(film, 1.5) + np.random.default_rng(0).normal(0, 0.01, film.shape)


def pictures() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "cat": color.rgb2gray(data.cat()),
        "face": color.rgb2gray(data.astronaut())[:220, 130:350],
        "cameraman": data.camera() / 255,
        "text": data.page() / 255,
        "coins": data.coins() / 255,
        "chest": chest(),
        "noise": random.random((128, 128)),
        "clouds": gaussian_filter(random.random((128, 128)), 12),
        "ramp": np.tile(np.linspace(0, 1, 128), (128, 1)),
        "hand": VirtualPatient(SEED, "F").hand(9.0).image.pixels,
    }


SEED = 1_700_000
MODELS = [card("rsna"), card("phantom"), card("phantom", "femur")]


@pytest.mark.parametrize("of", MODELS, ids=["real phalange", "phalange", "femur"])
def test_what_is_no_such_bone_is_flagged(of):
    told = {name: verdict(seen(picture), of) for name, picture in pictures().items()}
    assert "in-domain" not in told.values(), told
    assert {told[name] for name in ("cat", "chest", "noise", "face", "text")} == {"out"}, told


@pytest.mark.parametrize("kind", ["phalange", "femur"])
def test_new_patients_are_let_through(kind):
    told = [
        verdict(2 * getattr(VirtualPatient(SEED + i, "FM"[i % 2]), kind)(1 + i * 0.6).image.pixels - 1, card("phantom", kind))
        for i in range(30)
    ]  # fmt: skip
    assert told.count("in-domain") >= 27
    assert "out" not in told


def test_the_other_bone_is_flagged():
    femur = 2 * VirtualPatient(SEED).femur(9.0).image.pixels - 1
    phalange = 2 * VirtualPatient(SEED).phalange(9.0).image.pixels - 1
    assert verdict(femur, card("phantom", "phalange")) == "out"
    assert verdict(phalange, card("phantom", "femur")) == "out"


@pytest.mark.parametrize("family", ["rsna", "phantom", "own"])
def test_one_grey_level_is_no_picture(family):
    film = np.full((128, 128), -0.3, np.float32)
    found = judge(film, film, card=card(family))
    assert (found.verdict, found.reason) == (
        "out",
        "There is nothing but one grey level on this image.",
    )


def test_a_film_that_is_badly_redrawn_is_flagged():
    film = 2 * VirtualPatient(SEED).phalange(9.0).image.pixels - 1
    for error, wanted in ((0.05, "in-domain"), (0.12, "doubtful"), (0.2, "out")):
        found = judge(film, film + 2 * np.float32(error), card=card("phantom"))
        assert found.verdict == wanted
        assert found.error == pytest.approx(error / 0.1, rel=1e-3)


def test_weights_of_ones_own_are_judged_by_what_their_card_tells():
    film = 2 * VirtualPatient(SEED).phalange(9.0).image.pixels - 1
    silent = judge(film, -film, card=card("own", error_quantiles={}))
    assert (silent.verdict, silent.error, silent.distance) == ("doubtful", None, None)
    assert judge(film, film, card=card("own")).verdict == "in-domain"
    assert judge(film, -film, card=card("own")).verdict == "out"


def test_sizes_must_agree():
    with pytest.raises(ImageError, match="one shape"):
        judge(np.zeros((128, 128), np.float32), np.zeros((64, 64), np.float32), card=card("rsna"))


@pytest.mark.skipif(not REAL.is_dir(), reason="the RSNA hands are not on this machine")
def test_real_phalanges_are_let_through():
    """Those of the validation part, which neither the reader nor its limits have seen."""
    films = RsnaBoneAge(REAL).phalanges(min_contrast=0.12).split("validation")
    told = [verdict(2 * films[i].image - 1, card("rsna")) for i in range(0, len(films), 2)]
    assert told.count("in-domain") >= 0.95 * len(told)
    assert "out" not in told

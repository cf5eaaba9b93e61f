"""The films that ship: a PNG and a card each, opened with what the card says."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bonestudio.errors import BoneStudioError
from bonestudio.instruments.lightbox.films import LightBox

RAMP = np.arange(1200, dtype=np.uint16).reshape(40, 30) * 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    card = {
        "title": "Hand, 12 years",
        "spacing": [0.2, 0.1],
        "view": "PA",
        "laterality": "L",
        "age": 12,
        "sex": "F",
    }
    (tmp_path / "hand.json").write_text(json.dumps(card), encoding="utf-8")
    Image.fromarray(RAMP).save(tmp_path / "hand.png")
    (tmp_path / "lonely.json").write_text(json.dumps({"title": "no film"}), encoding="utf-8")
    return tmp_path


def test_a_sample_is_a_film_with_a_card(folder: Path) -> None:
    (sample,) = LightBox(samples=folder).samples()
    assert (sample.name, sample.title) == ("hand", "Hand, 12 years")
    opened = LightBox(samples=folder).open_sample("hand")
    film = opened.film
    assert film.shape == (40, 30)
    assert (film.spacing, film.view, film.laterality, film.age, film.sex) == (
        (0.2, 0.1),
        "PA",
        "L",
        12,
        "F",
    )
    assert opened.simulated
    assert opened.title == "Hand, 12 years"
    np.testing.assert_allclose(film.pixels, RAMP / 65535, atol=1e-6)


def test_unknown_sample(folder: Path) -> None:
    with pytest.raises(BoneStudioError, match="there are: hand"):
        LightBox(samples=folder).open_sample("foot")


@pytest.mark.parametrize("content", ["{", "[1, 2]"])
def test_damaged_card(folder: Path, content: str) -> None:
    (folder / "hand.json").write_text(content, encoding="utf-8")
    with pytest.raises(BoneStudioError, match="card of the sample hand"):
        LightBox(samples=folder).open_sample("hand")


def test_shipped_samples_open() -> None:
    box = LightBox()
    for sample in box.samples():
        assert box.open_sample(sample.name).film.spacing is not None


def test_unknown_format(folder: Path, tmp_path: Path) -> None:
    opened = LightBox(samples=folder).open_sample("hand")
    with pytest.raises(BoneStudioError, match="PNG, DICOM or TIFF"):
        LightBox().save(opened.film, tmp_path, kind="BMP")

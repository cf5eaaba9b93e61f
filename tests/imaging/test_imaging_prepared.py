"""Preparation of films for networks: square, small, turned, evened out."""

import numpy as np
import pytest

from bonestudio.imaging import clahe
from bonestudio.imaging.prepared import prepared, prepared_mask
from bonestudio.imaging.types import Radiograph


def film(height, width, **options):
    y, x = np.mgrid[:height, :width]
    pixels = 0.2 + 0.6 * np.exp(-(((y - height * 0.3) ** 2 + (x - width * 0.6) ** 2) / 200))
    return Radiograph(pixels=pixels.astype(np.float32), **options)


def test_a_square_film_of_the_right_size_is_only_evened_out():
    given = film(64, 64, spacing=(0.5, 0.5), laterality="R")
    made = prepared(given, size=64)
    np.testing.assert_allclose(made.pixels, clahe(given).pixels, atol=1e-4)
    assert (made.spacing, made.laterality) == ((0.5, 0.5), "R")


def test_a_tall_film_is_padded_and_its_spacing_follows():
    made = prepared(film(128, 64, spacing=(0.5, 0.5)), size=64)
    assert made.shape == (64, 64)
    assert made.pixels.dtype == np.float32
    assert made.spacing == (1.0, 1.0)
    assert made.pixels[:, :14].max() < made.pixels[:, 18:46].min()


@pytest.mark.parametrize("turn", [-20.0, 0.0, 17.0])
def test_a_mask_stays_with_what_it_marks(turn):
    given = film(200, 160)
    marked = given.pixels > 0.5
    made, mask = prepared(given, size=100, turn=turn), prepared_mask(marked, size=100, turn=turn)
    assert mask.sum() == pytest.approx(marked.sum() / 4, rel=0.1)
    bright = made.pixels >= np.quantile(made.pixels, 1 - mask.mean())
    assert (bright & mask).sum() / (bright | mask).sum() > 0.8


def test_corners_get_the_rims_grey_when_the_film_is_turned():
    made = prepared(Radiograph(pixels=np.full((64, 64), 0.4, np.float32)), size=64, turn=20)
    assert np.ptp(made.pixels) < 0.02

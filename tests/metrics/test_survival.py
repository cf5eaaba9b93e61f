"""Whether a break survives: closed forms."""

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.metrics.survival import imprint


@pytest.fixture
def films():
    """A healthy film, one with a dark line across it, and the line's mask."""
    healthy = np.random.default_rng(0).uniform(0.4, 0.6, (40, 40)).astype(np.float32)
    mask = np.zeros((40, 40), bool)
    mask[20, 10:30] = True
    return np.where(mask, healthy - 0.3, healthy).astype(np.float32), healthy, mask


def test_a_film_left_alone_keeps_its_break(films):
    broken, healthy, mask = films
    same = imprint((broken, healthy), (broken, healthy), mask)
    assert (same.likeness, same.strength) == (pytest.approx(1), pytest.approx(1))
    assert same.kept


@pytest.mark.parametrize(("left", "kept"), [(0.6, True), (0.4, False), (0.0, False), (-1.0, False)])
def test_strength_is_the_share_that_is_left(films, left, kept):
    broken, healthy, mask = films
    other = 1 - healthy  # another look altogether
    redrawn = (other + left * (broken - healthy), other)
    found = imprint((broken, healthy), redrawn, mask)
    assert found.strength == pytest.approx(left, abs=1e-5)
    assert found.kept == kept


def test_something_else_in_its_place_is_not_the_break(films):
    broken, healthy, mask = films
    noise = np.random.default_rng(1).normal(0, 0.3, healthy.shape).astype(np.float32)
    found = imprint((broken, healthy), (healthy + noise, healthy), mask)
    assert abs(found.likeness) < 0.3
    assert not found.kept


def test_only_the_neighbourhood_counts(films):
    broken, healthy, mask = films
    far = broken.copy()
    far[:8] = 0
    assert imprint((broken, healthy), (far, healthy), mask).likeness == pytest.approx(1)


def test_a_film_without_a_break_is_refused(films):
    broken, healthy, mask = films
    with pytest.raises(RequestError, match="mask is empty"):
        imprint((broken, healthy), (broken, healthy), np.zeros_like(mask))
    with pytest.raises(RequestError, match="no imprint"):
        imprint((healthy, healthy), (broken, healthy), mask)

"""Calibration: closed forms and what a temperature is for."""

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.metrics.calibration import brier, calibration_error, reliability, temperature


def drawn(count=20_000, warmth=1.0):
    """Truth drawn with the probability sigmoid(z), told as logits ``warmth`` times too large."""
    random = np.random.default_rng(0)
    z = random.normal(0, 2, count)
    return z * warmth, random.random(count) < 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("warmth", [0.5, 1.0, 3.0])
def test_a_temperature_undoes_what_is_too_sure(warmth):
    logits, truth = drawn(warmth=warmth)
    assert temperature(logits, truth) == pytest.approx(warmth, rel=0.05)


def test_true_probabilities_are_calibrated_and_sharp_ones_are_not():
    logits, truth = drawn()
    assert calibration_error(1 / (1 + np.exp(-logits)), truth) < 0.01
    assert calibration_error(1 / (1 + np.exp(-4 * logits)), truth) > 0.1


def test_bins_count_every_image_once():
    p, truth = np.array([0.0, 0.05, 0.55, 1.0]), np.array([0, 1, 1, 1])
    found = reliability(p, truth)
    assert [(b.said, b.true.value, b.true.n) for b in found] == [
        (pytest.approx(0.025), 0.5, 2),
        (0.55, 1.0, 1),
        (1.0, 1.0, 1),
    ]
    # (2 · |0.025 − 0.5| + |0.55 − 1| + 0) / 4
    assert calibration_error(p, truth) == pytest.approx(0.35)


def test_brier_score():
    assert brier(np.array([0.0, 1.0, 0.5]), np.array([0, 1, 1])) == pytest.approx(0.25 / 3)
    with pytest.raises(RequestError, match="equally long"):
        brier(np.array([0.5]), np.array([0, 1]))

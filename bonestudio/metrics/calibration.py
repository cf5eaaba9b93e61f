"""Whether a probability means what it says (Guo et al. 2017, 'On calibration of modern neural networks')."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.metrics.classification import Estimate, share

_LOGS = (-3.0, 3.0)  # a temperature is between 1/20 and 20


@dataclass(frozen=True)
class Bin:
    """Images of nearly one probability: how many are truly positive."""

    said: float
    true: Estimate


def temperature(logits: NDArray[Any], positive: NDArray[Any]) -> float:
    """Return T such that sigmoid(logit / T) fits the truth best (least negative log-likelihood)."""
    from scipy.optimize import minimize_scalar

    z, y = _checked(logits, positive)

    def surprise(log_t: float) -> float:
        scaled = z / np.exp(log_t)
        return float(np.mean(np.logaddexp(0.0, scaled) - y * scaled))

    return float(np.exp(minimize_scalar(surprise, bounds=_LOGS, method="bounded").x))


def reliability(
    probabilities: NDArray[Any], positive: NDArray[Any], *, bins: int = 10
) -> list[Bin]:
    """Sort images into bins of equal width by what was said; empty bins are left out."""
    p, y = _checked(probabilities, positive)
    place = np.clip((p * bins).astype(int), 0, bins - 1)
    return [
        Bin(float(p[place == k].mean()), share(int(y[place == k].sum()), int((place == k).sum())))
        for k in np.unique(place)
    ]


def calibration_error(
    probabilities: NDArray[Any], positive: NDArray[Any], *, bins: int = 10
) -> float:
    """Return the mean |said − true| over bins, by their images (equation 3 there)."""
    found = reliability(probabilities, positive, bins=bins)
    count = sum(b.true.n for b in found)
    return sum(b.true.n * abs(b.said - b.true.value) for b in found) / count


def brier(probabilities: NDArray[Any], positive: NDArray[Any]) -> float:
    """Mean squared difference between what was said and what is true (Brier 1950)."""
    p, y = _checked(probabilities, positive)
    return float(np.mean((p - y) ** 2))


def _checked(
    values: NDArray[Any], positive: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    v, y = np.asarray(values, np.float64), np.asarray(positive, np.float64)
    if v.shape != y.shape or v.ndim != 1 or not len(v) or not np.isfinite(v).all():
        raise RequestError("Answers and truth must be two equally long lists of finite numbers.")
    return v, y

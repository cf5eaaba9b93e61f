"""How well a classifier tells two classes apart, each share with its interval."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Classification:
    """Scores at a threshold (accuracy … κ) and over all thresholds (AUC)."""

    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    kappa: Estimate
    auc: Estimate
    threshold: float


def share(successes: int, trials: int, *, confidence: float = 0.95) -> Estimate:
    """Wilson's interval of a proportion; not a number where nothing was tried."""
    from scipy.stats import binomtest

    if trials == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high), trials)


def classify(
    scores: NDArray[Any], positive: NDArray[Any], *, threshold: float = 0.5
) -> Classification:
    """Score probabilities against the truth (True: abnormal)."""
    p, y = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    if p.shape != y.shape or p.ndim != 1 or not np.isfinite(p).all():
        raise RequestError("Scores and classes must be two equally long lists of finite numbers.")
    if y.all() or not y.any():
        raise RequestError("A classifier is scored on both classes; only one is here.")
    called = p > threshold
    return Classification(
        accuracy=share(int((called == y).sum()), len(y)),
        sensitivity=share(int((called & y).sum()), int(y.sum())),
        specificity=share(int((~called & ~y).sum()), int((~y).sum())),
        kappa=cohen_kappa(called, y),
        auc=delong(p, y),
        threshold=threshold,
    )


def cohen_kappa(first: NDArray[Any], second: NDArray[Any]) -> Estimate:
    """Cohen's κ of two raters with the large-sample interval of Fleiss, Cohen & Everitt (1969)."""
    from sklearn.metrics import confusion_matrix

    table = confusion_matrix(first, second).astype(np.float64)
    n = table.sum()
    p = table / n
    rows, columns = p.sum(1), p.sum(0)
    observed, expected = np.trace(p), rows @ columns
    if expected == 1:
        return Estimate(float("nan"), float("nan"), float("nan"), int(n))
    kappa = (observed - expected) / (1 - expected)
    weight = rows[None, :] + columns[:, None]  # p.j + pi. of the off-diagonal term
    diagonal = (np.diag(p) * (1 - (rows + columns) * (1 - kappa)) ** 2).sum()
    off = (1 - kappa) ** 2 * (p * weight**2)[~np.eye(len(p), dtype=bool)].sum()
    variance = (diagonal + off - (kappa - expected * (1 - kappa)) ** 2) / ((1 - expected) ** 2 * n)
    reach = 1.959963984540054 * np.sqrt(max(variance, 0.0))
    return Estimate(float(kappa), float(kappa - reach), float(kappa + reach), int(n))


def delong(scores: NDArray[Any], positive: NDArray[Any]) -> Estimate:
    """Area under the ROC curve with DeLong's variance (DeLong 1988), by midranks (Sun & Xu 2014)."""
    from scipy.stats import rankdata

    y = np.asarray(positive, dtype=bool)
    high, low = np.asarray(scores)[y], np.asarray(scores)[~y]
    m, n = len(high), len(low)
    if min(m, n) == 0:
        raise RequestError("An AUC needs both classes.")
    together = rankdata(np.concatenate([high, low]))
    above = (together[:m] - rankdata(high)) / n  # share of negatives below each positive
    below = 1 - (together[m:] - rankdata(low)) / m
    auc = float(above.mean())
    if min(m, n) < 2:
        return Estimate(auc, float("nan"), float("nan"), m + n)
    reach = 1.959963984540054 * np.sqrt(above.var(ddof=1) / m + below.var(ddof=1) / n)
    return Estimate(auc, max(0.0, auc - reach), min(1.0, auc + reach), m + n)

"""How well two sets of numbers agree: PCC, ICC, mean absolute error, Bland-Altman."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError

Numbers = NDArray[Any]


@dataclass(frozen=True)
class BlandAltman:
    """Mean difference and 95 % limits of agreement (mean ± 1.96 sd), in the unit of the input."""

    bias: float
    lower: float
    upper: float
    sd: float
    n: int


def pearson(predicted: Numbers, true: Numbers) -> float:
    """Correlation coefficient (PCC)."""
    x, y = _pair(predicted, true)
    x, y = x - x.mean(), y - y.mean()
    norm = np.linalg.norm(x) * np.linalg.norm(y)
    if norm == 0:
        raise RequestError("A correlation needs numbers that differ from each other.")
    return float(np.clip(x @ y / norm, -1, 1))


def mean_absolute_error(predicted: Numbers, true: Numbers) -> float:
    """Mean of |predicted − true|."""
    x, y = _pair(predicted, true)
    return float(np.abs(x - y).mean())


def icc(ratings: Numbers, *, form: str = "2,1") -> float:
    """Intraclass correlation of ratings [subjects, raters] (Shrout & Fleiss 1979, McGraw & Wong 1996).

    '2,1': raters are a random sample, absolute agreement; '3,1': these raters, consistency.
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise RequestError(
            "An ICC needs a table of finite ratings, two subjects and two raters or more."
        )
    n, k = table.shape
    grand = table.mean()
    between_subjects = k * ((table.mean(1) - grand) ** 2).sum() / (n - 1)
    between_raters = n * ((table.mean(0) - grand) ** 2).sum() / (k - 1)
    residual = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + grand
    error = (residual**2).sum() / ((n - 1) * (k - 1))
    if form == "2,1":
        below = between_subjects + (k - 1) * error + k * (between_raters - error) / n
    elif form == "3,1":
        below = between_subjects + (k - 1) * error
    else:
        raise RequestError(f"The ICC has the forms '2,1' and '3,1' here, not '{form}'.")
    if below == 0:
        raise RequestError("An ICC needs ratings that differ from each other.")
    return float((between_subjects - error) / below)


def bland_altman(predicted: Numbers, true: Numbers) -> BlandAltman:
    """Bias and limits of agreement (Bland & Altman 1986)."""
    x, y = _pair(predicted, true)
    difference = x - y
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    return BlandAltman(bias, bias - 1.96 * sd, bias + 1.96 * sd, sd, len(difference))


def _pair(a: Numbers, b: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
    if len(x) != len(y) or len(x) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise RequestError(
            f"Agreement needs two equally long lists of two or more finite numbers, not {len(x)} and {len(y)}."
        )
    return x, y

"""The leak audit: what a trivial classifier sees of the classes, without looking at bone.

A reader who sees that all synthetic images are darker, or have a soft border, is not tested on
bones. Simple features of the encoded images are given to a logistic regression; a
cross-validated AUC over 0.6 blocks the start of a study until the investigator overrides it.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.turing.items import decode
from bonestudio.turing.protocol import Item

LIMIT = 0.6
LEAST = 5  # images of a class, one for each fold
Features = NDArray[np.float64]


def audit(items: Sequence[Item], images: Mapping[str, bytes], *, seed: int = 0) -> dict[str, float]:
    """Return the cross-validated AUC of each family of trivial features, in [0.5, 1].

    Only two classes of single images are audited; others give an empty answer, and
    :func:`not_audited` says why.
    """
    if not_audited(items):
        return {}
    counted = [item for item in items if not item.practice]
    truth = np.array([item.truth == "synthetic" for item in counted])
    pngs = [images[item.images[0]] for item in counted]
    pictures = [decode(png) for png in pngs]
    table: dict[str, Features] = {
        "file size": np.array([[len(png)] for png in pngs], dtype=np.float64),
        **{name: np.stack([measure(p) for p in pictures]) for name, measure in _MEASURES.items()},
    }
    return {name: _auc(features, truth, seed) for name, features in table.items()}


def not_audited(items: Sequence[Item]) -> str:
    """Say why these items cannot be audited; nothing where they can."""
    counted = [item for item in items if not item.practice]
    if any(len(item.images) > 1 for item in counted):
        return "the two images of a pair are seen together, and the audit looks at single ones"
    synthetic = sum(item.truth == "synthetic" for item in counted)
    real = sum(item.truth == "real" for item in counted)
    if not synthetic or not real:
        return "there are not two classes of images to tell apart"
    if min(synthetic, real) < LEAST:
        return f"each class needs {LEAST} images apart from practice, and the smaller has {min(synthetic, real)}"
    return ""


def _histogram(picture: NDArray[np.uint8]) -> Features:
    counts, _ = np.histogram(picture, bins=16, range=(0, 256))
    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _border(picture: NDArray[np.uint8]) -> Features:
    edges = [picture[0], picture[-1], picture[:, 0], picture[:, -1]]
    return np.array([f(edge) for edge in edges for f in (np.mean, np.std)], dtype=np.float64)


def _spectrum(picture: NDArray[np.uint8]) -> Features:
    """Log power in eight rings of spatial frequency."""
    power = np.abs(np.fft.fft2(picture - picture.mean())) ** 2
    rows, columns = np.fft.fftfreq(picture.shape[0]), np.fft.fftfreq(picture.shape[1])
    radius = np.hypot(rows[:, None], columns[None, :])
    ring = np.minimum((radius / 0.5 * 8).astype(int), 7)
    sums = np.bincount(ring.ravel(), power.ravel(), 8) / np.bincount(ring.ravel(), minlength=8)
    return np.asarray(np.log10(sums + 1), dtype=np.float64)


_MEASURES: dict[str, Callable[[NDArray[np.uint8]], Features]] = {
    "histogram": _histogram,
    "border": _border,
    "spectrum": _spectrum,
}


def _auc(features: Features, truth: Any, seed: int) -> float:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if np.allclose(features, features[0]):
        return 0.5  # the same for all: it tells nothing
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        scores = cross_val_predict(model, features, truth, cv=folds, method="decision_function")
    return float(max(0.5, roc_auc_score(truth, scores)))

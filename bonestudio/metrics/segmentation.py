"""How well a label map agrees with its truth, label by label: Dice, IoU, 95 % Hausdorff."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError


@dataclass(frozen=True)
class LabelScore:
    """Scores of one label; ``nan`` where they have no meaning (a label in neither map).

    ``hd95`` is in mm when the spacing is given, in pixels otherwise; infinite when only one map
    has the label.
    """

    label: int
    dice: float
    iou: float
    hd95: float


def score_labels(
    predicted: NDArray[Any],
    true: NDArray[Any],
    *,
    labels: Sequence[int] | None = None,
    spacing: Sequence[float] | None = None,
) -> list[LabelScore]:
    """Score each label (all but 0 that occur in the truth, by default)."""
    if predicted.shape != true.shape:
        raise RequestError(f"Masks must have one shape, not {predicted.shape} and {true.shape}.")
    wanted = labels if labels is not None else [int(v) for v in np.unique(true) if v != 0]
    return [_score(predicted == label, true == label, label, spacing) for label in wanted]


def score_foreground(
    predicted: NDArray[Any], true: NDArray[Any], *, spacing: Sequence[float] | None = None
) -> LabelScore:
    """Score bone against background, whatever the bone is."""
    if predicted.shape != true.shape:
        raise RequestError(f"Masks must have one shape, not {predicted.shape} and {true.shape}.")
    return _score(predicted != 0, true != 0, 1, spacing)


def _score(
    a: NDArray[np.bool_], b: NDArray[np.bool_], label: int, spacing: Sequence[float] | None
) -> LabelScore:
    both, either = int((a & b).sum()), int((a | b).sum())
    if either == 0:
        return LabelScore(label, float("nan"), float("nan"), float("nan"))
    dice = 2 * both / (int(a.sum()) + int(b.sum()))
    return LabelScore(label, dice, both / either, _hd95(a, b, spacing))


def _hd95(a: NDArray[np.bool_], b: NDArray[np.bool_], spacing: Sequence[float] | None) -> float:
    """Larger of the two 95th percentiles of surface distances (as MONAI and Taha 2015 have it)."""
    import edt

    if not a.any() or not b.any():
        return float("inf")
    step = tuple(spacing) if spacing is not None else (1.0,) * a.ndim
    edge_a, edge_b = _edge(a), _edge(b)
    to_b = edt.edt(~edge_b, anisotropy=step, black_border=False)[edge_a]
    to_a = edt.edt(~edge_a, anisotropy=step, black_border=False)[edge_b]
    return float(max(np.percentile(to_b, 95), np.percentile(to_a, 95)))


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_erosion

    edge: NDArray[np.bool_] = mask & ~binary_erosion(mask)
    return edge

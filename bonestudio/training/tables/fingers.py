"""Whether the fingers of a mask point where they do on the film: what paper 002 saw fail."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
_NEAR = 5  # pixels around a bone from which its found pixels are taken
_SHORT = 1.6  # a bone whose length is less than this times its breadth has no direction
_LEAST = 0.25  # share of its pixels below which a bone is missed


def finger_errors(found: Mask, parts: Mapping[str, Mask]) -> list[float | None]:
    """Degrees between found and true long axis for each phalanx of ``parts``; None where missed."""
    bones = {name: mask for name, mask in parts.items() if "phalanx" in name}
    if not bones:
        return []
    owner = _owners(bones)
    errors: list[float | None] = []
    for number, mask in enumerate(bones.values(), start=1):
        true = _long_axis(mask)
        if true is None:
            continue
        own = found & (owner == number)
        if own.sum() < _LEAST * mask.sum():
            errors.append(None)
            continue
        axis = _long_axis(own, least=1.0)
        errors.append(None if axis is None else _between(true, axis))
    return errors


def _owners(bones: Mapping[str, Mask]) -> NDArray[np.int64]:
    """Give each pixel near a bone the number of the nearest one (from 1), others 0."""
    import edt

    far = np.stack([edt.edt(~mask, black_border=False) for mask in bones.values()])
    owner: NDArray[np.int64] = np.where(far.min(0) <= _NEAR, far.argmin(0) + 1, 0)
    return owner


def _long_axis(mask: Mask, *, least: float = _SHORT) -> NDArray[np.float64] | None:
    """Find the unit vector of the longest extent; None for what is about as broad as long."""
    points = np.argwhere(mask).astype(np.float64)
    if len(points) < 12:
        return None
    values, vectors = np.linalg.eigh(np.cov(points.T))
    if values[1] < least**2 * max(values[0], 1e-9):
        return None
    axis: NDArray[np.float64] = vectors[:, 1]
    return axis


def _between(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(min(1.0, abs(float(a @ b))))))

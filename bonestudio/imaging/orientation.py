"""Turn a volume so that its axes point the way a radiologist expects.

A file's direction matrix says where its axes point in the patient. Whole axes are swapped and
flipped (never resampled) to the nearest of: slices towards the head (S), rows towards the back
(P), columns towards the left (L), the order in which axial DICOM slices are stored.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_standard(
    voxels: NDArray[Any], directions: NDArray[np.float64]
) -> tuple[NDArray[Any], tuple[int, int, int]]:
    """Reorder an array's axes by where they point.

    Parameters
    ----------
    voxels
        [a, b, c] in any order.
    directions
        [3, 3]; row n is the step along array axis n in patient coordinates, as (L, P, S), any
        length.

    Returns
    -------
    voxels, order
        A view as [S, P, L], and which array axis each of these was.
    """
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    if not np.isfinite(directions).all() or (lengths < 1e-12).any():
        return voxels, (0, 1, 2)
    unit = directions / lengths
    order = _nearest(np.abs(unit))
    turned = voxels.transpose(order)
    for axis, (source, world) in enumerate(zip(order, (2, 1, 0), strict=True)):
        if unit[source, world] < 0:
            turned = np.flip(turned, axis)
    return turned, order


def _nearest(weights: NDArray[np.float64]) -> tuple[int, int, int]:
    """Give each of S, P, L the array axis that runs most along it, no axis twice."""
    choices = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    return max(choices, key=lambda c: float(weights[c[0], 2] + weights[c[1], 1] + weights[c[2], 0]))

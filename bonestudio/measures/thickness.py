"""Local thickness by fitted balls (Hildebrand and Rüegsegger 1997, J Microsc 185:67).

A mask on a grid is a staircase: balls between voxel centres read plates of an odd number of voxels too thick
and rods too thin by a voxel or more. So the mask's surface is smoothed a little and the balls are fitted
on a grid twice as fine, where plates and rods of 3 to 12 voxels read within half a voxel.
"""

from collections.abc import Iterator

import numba
import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError

_AT_ONCE = (
    60_000_000  # voxels of the fine grid measured together, so that a full scan fits in memory
)
# Standard deviation in voxels of the Gaussian that rounds the staircase off.
_ROUND = 0.5
# Depths end at the centres of voxels outside, half a voxel (flat walls) to none (curved or slanting ones)
# beyond the surface: taken off each diameter, in voxels of the fine grid.
_RIM = 0.5
# Where depth grows faster than this towards a neighbour (1: the neighbour's ball holds this one), a ball
# adds nothing but a corner sharper than 90°.
_STEEP = 0.7


def local_thickness(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], *, finer: int = 2
) -> NDArray[np.float32]:
    """Diameter in mm of the largest ball within ``mask`` [z, y, x] that holds each voxel.

    Voxels must be cubes within 2 %. The mask goes on unchanged beyond its first and last slice, row and
    column. ``finer=1`` measures on the mask's own grid, for masks that are fine already.
    """
    result = np.zeros(mask.shape, dtype=np.float32)
    for part, diameters in _parts(mask, spacing, finer):
        result[part] = diameters
    return result


def mean_thickness(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], *, finer: int = 2
) -> float:
    """Mean of the local thickness over a mask's voxels, mm."""
    if not mask.any():
        raise ImageError("Nothing is marked, so there is no thickness to measure.")
    total = sum(
        float(diameters.sum(dtype=np.float64)) for _, diameters in _parts(mask, spacing, finer)
    )
    return total / int(mask.sum())


def _parts(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], finer: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Give the slices measured together and their thickness in mm, until all are done."""
    edge = cube_edge(spacing)
    if not mask.any():
        return
    together = max(8, int(_AT_ONCE / (mask[0].size * finer**3)))
    # Balls that reach into the slices have their centres and walls at most this far away.
    reach = 0 if together >= len(mask) else int(np.ceil(2 * _depth(mask).max())) + 2
    for first in range(0, len(mask), together):
        last = min(first + together, len(mask))
        low, high = max(0, first - reach), min(len(mask), last + reach)
        diameters = _on_finer_grid(mask[low:high], finer) * edge
        yield slice(first, last), diameters[first - low : last - low]


def cube_edge(spacing: tuple[float, float, float]) -> float:
    """Return the edge in mm of cubic voxels; refuse others."""
    edge = float(np.mean(spacing))
    if max(spacing) - min(spacing) > 0.02 * edge:
        raise ImageError(
            f"Thickness is measured on cubic voxels; these are {' × '.join(f'{s:.4f}' for s in spacing)} mm. "
            "Resample the scan first."
        )
    return edge


def _on_finer_grid(mask: NDArray[np.bool_], finer: int) -> NDArray[np.float32]:
    """Thickness in voxels of ``mask``, by balls on a grid ``finer`` times as fine."""
    if finer == 1:
        return _fitted(mask)
    diameters = _fitted(_rounded(mask, finer)) / finer
    z, y, x = mask.shape
    blocks = diameters.reshape(z, finer, y, finer, x, finer)
    inside = (blocks > 0).sum(axis=(1, 3, 5))
    mean = blocks.sum(axis=(1, 3, 5)) / np.maximum(inside, 1)
    # A voxel that rounding took away (a spur, a corner) is a voxel thick.
    return np.where(mask, np.where(inside > 0, mean, 1.0), 0.0).astype(np.float32)


def _rounded(mask: NDArray[np.bool_], finer: int) -> NDArray[np.bool_]:
    """Refine a mask, its surface where the smoothed mask is a half."""
    from scipy.ndimage import gaussian_filter, zoom

    smooth = gaussian_filter(mask.astype(np.float32), _ROUND, truncate=3, mode="nearest")
    fine: NDArray[np.float32] = zoom(smooth, finer, order=1, mode="nearest", grid_mode=True)
    return fine > 0.5


def _depth(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance in voxels from each voxel of a mask to the nearest voxel outside."""
    import edt

    if mask.all():
        raise ImageError(
            "A mask without any outside has no thickness; give the space around it too."
        )
    depth: NDArray[np.float32] = edt.edt(mask)
    return depth


def _fitted(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Diameter in voxels of the largest ball around each voxel of ``mask``."""
    if not mask.any():
        return np.zeros(mask.shape, dtype=np.float32)
    depth = _depth(mask)
    radii = _ridge(depth)
    centres = np.argwhere(radii).astype(np.int32)
    # Largest balls first: voxels once covered keep their ball.
    centres = centres[np.argsort(-radii[tuple(centres.T)], kind="stable")]
    diameters = _painted(depth, radii, centres)
    return np.where(diameters > 0, (diameters - _RIM).clip(min=_RIM), 0).astype(np.float32)


@numba.njit(cache=True)
def _ridge(depth: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: C901 - three plain loops over a grid and its neighbours
    """Radius of the balls that no neighbour's ball holds but for a corner, 0 elsewhere.

    A ball's true centre lies between voxels p and q: its radius is (depth p + depth q + |p − q|) / 2 if
    they are on either side of it, and no more than depth p if on one side.
    """
    z, y, x = depth.shape
    radii = np.zeros(depth.shape, np.float32)
    for k in range(z):
        for j in range(y):
            for i in range(x):
                here = depth[k, j, i]
                if here == 0:
                    continue
                radius = here
                largest = True
                for dk in range(max(k - 1, 0), min(k + 2, z)):
                    for dj in range(max(j - 1, 0), min(j + 2, y)):
                        for di in range(max(i - 1, 0), min(i + 2, x)):
                            away = np.sqrt(float((dk - k) ** 2 + (dj - j) ** 2 + (di - i) ** 2))
                            if away > 0:
                                there = depth[dk, dj, di]
                                if there >= here + _STEEP * away:
                                    largest = False
                                radius = max(radius, (here + there + away) / 2)
                if largest:
                    radii[k, j, i] = min(radius, here + 0.5)
    return radii


@numba.njit(cache=True)
def _painted(
    depth: NDArray[np.float32], radii: NDArray[np.float32], centres: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Write each ball's diameter into its voxels of the mask where no larger one is (largest first).

    On a grid a ball's rim is rough: it reaches half a voxel further within the mask.
    """
    z, y, x = depth.shape
    result = np.zeros(depth.shape, np.float32)
    for n in range(len(centres)):
        k, j, i = centres[n]
        radius = radii[k, j, i]
        square = (radius + 0.5) ** 2
        reach = int(radius + 0.5)
        for dk in range(max(k - reach, 0), min(k + reach + 1, z)):
            for dj in range(max(j - reach, 0), min(j + reach + 1, y)):
                rest = square - (dk - k) ** 2 - (dj - j) ** 2
                if rest <= 0:
                    continue
                half = int(np.sqrt(rest))
                for di in range(max(i - half, 0), min(i + half + 1, x)):
                    if result[dk, dj, di] == 0 and depth[dk, dj, di] > 0:
                        result[dk, dj, di] = 2 * radius
    return result

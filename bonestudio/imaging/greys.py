"""Stored numbers of any type to the studio's pixels (float32 in [0, 1]) and voxels (float32)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError

# ITU-R BT.601, as in every grey conversion of photographs and of DICOM's YBR.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def to_pixels(
    stored: NDArray[Any], *, full: tuple[float, float] | None = None
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Scale stored values to [0, 1] and propose a display window.

    Parameters
    ----------
    stored
        [height, width] or [height, width, 3 or 4] of any real type.
    full
        The values that become 0 and 1; by default the whole range of an unsigned type (so 16 bits
        keep their depth and two exposures stay comparable), [0, 1] for floats that fit in it, and
        the smallest and largest value for anything else.

    Returns
    -------
    pixels, window
        [height, width] float32, and the range that the pixels fill when it is less than half.
    """
    _check_type(stored)
    grey = _to_grey(stored)
    low, high = _extent(grey, "pixel")
    floor, ceiling = full or _full_range(stored.dtype, low, high)
    floor, ceiling = min(floor, low), max(ceiling, high)
    if grey.dtype.itemsize > 4 or np.issubdtype(grey.dtype, np.floating):
        span = float(ceiling) - float(floor)
        exact = grey.astype(np.float64)
        exact -= floor
        exact /= span
        pixels = exact.astype(np.float32)
    else:
        scale = np.float32(1.0 / (float(ceiling) - float(floor)))
        pixels = grey.astype(np.float32)
        pixels -= np.float32(floor)
        pixels *= scale
    np.clip(pixels, 0, 1, out=pixels)
    filled = ((low - floor) / (ceiling - floor), (high - floor) / (ceiling - floor))
    return pixels, filled if filled[1] - filled[0] < 0.5 else (0.0, 1.0)


def to_voxels(
    stored: NDArray[Any], *, slope: float = 1.0, intercept: float = 0.0
) -> NDArray[np.float32]:
    """Return ``stored · slope + intercept`` as float32, refusing what is not a scan."""
    _check_type(stored)
    if not (np.isfinite(slope) and np.isfinite(intercept)) or slope == 0:
        slope, intercept = 1.0, 0.0
    # Always a copy: what is stored may be a map of the file or a view turned round.
    voxels = np.array(stored, dtype=np.float32, order="C")
    if slope != 1:
        voxels *= np.float32(slope)
    if intercept != 0:
        voxels += np.float32(intercept)
    _extent(voxels, "voxel")
    return voxels


def _check_type(stored: NDArray[Any]) -> None:
    if stored.dtype.kind not in "buif":
        raise ImageError("The values are not grey levels; export the image as numbers.")
    if stored.size == 0:
        raise ImageError("The image has no pixels; export it again from the original.")


def _to_grey(stored: NDArray[Any]) -> NDArray[Any]:
    if stored.ndim == 2:
        return stored
    if stored.ndim != 3 or stored.shape[2] not in {1, 2, 3, 4}:
        raise ImageError(
            f"The array has the shape {stored.shape}; a radiograph has height and width."
        )
    if stored.shape[2] < 3:
        return stored[:, :, 0]
    return stored[:, :, :3].astype(np.float32) @ _LUMA


def _full_range(dtype: np.dtype[Any], low: float, high: float) -> tuple[float, float]:
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return 0, float(np.iinfo(dtype).max)
    if dtype.kind == "f" and low >= 0 and high <= 1:
        return 0, 1
    return low, high


def _extent(values: NDArray[Any], what: str) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(
            f"Some {what}s are not numbers (NaN or infinite); export the image without them."
        )
    if low == high:
        raise ImageError(f"Every {what} has the same value: the image is empty; choose another.")
    return low, high

"""NPY arrays; what they cannot say stands in a JSON file of the same name beside them.

``hand.npy`` + ``hand.json``: ``{"bonestudio": 1, "spacing": [0.1, 0.1], "age": 9.5, …}``.
Arrays of objects are never unpickled.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging import greys, labels, limits
from bonestudio.imaging.reading import AnotherKindError, Reading
from bonestudio.imaging.types import Radiograph, Volume


def film(path: Path) -> Reading[Radiograph]:
    """Read a [height, width] or [height, width, 3] array."""
    stored = _open(path)
    colour = stored.ndim == 3 and stored.shape[2] in {3, 4} and stored.dtype == np.uint8
    if stored.ndim == 3 and not colour:
        raise AnotherKindError(
            f"The array is a volume of {stored.shape[0]} slices; a radiograph has two axes."
        )
    if stored.ndim != 2 and not colour:
        raise ImageError(f"The array has {stored.ndim} axes; a radiograph has two.")
    limits.check_film(stored.shape[0], stored.shape[1])
    pixels, window = greys.to_pixels(np.asarray(stored))
    image = labels.film(pixels, label=_label(path), window=window)
    return Reading(image=image, detail=str(stored.dtype))


def volume(path: Path) -> Reading[Volume]:
    """Read a [slices, rows, columns] array."""
    stored = _open(path)
    if stored.ndim == 2:
        raise AnotherKindError("The array has two axes, a picture; a volume has three.")
    limits.check_volume(stored.shape)
    voxels = greys.to_voxels(stored)
    image = labels.volume(voxels, spacing=None, label=_label(path))
    return Reading(image=image, detail=str(stored.dtype))


def encode(values: NDArray[np.float32]) -> bytes:
    """Encode an array as NPY."""
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(values, np.float32), allow_pickle=False)
    return out.getvalue()


def _open(path: Path) -> NDArray[Any]:
    """Map the array: a header that promises more than the file holds is refused before reading."""
    stored: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(stored, np.ndarray):
        raise ImageError("The file holds no array.")
    return stored


def _label(path: Path) -> dict[str, Any] | None:
    side = path.with_suffix(".json")
    return labels.parse(side.read_bytes()[:4097]) if side.is_file() else None

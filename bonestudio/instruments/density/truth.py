"""A true map of mineral, from DXA or a phantom: read from a file and held against an estimate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging.limits import check_film
from bonestudio.instruments.density.estimator import Estimate
from bonestudio.measures.density_regions import equation_2

MG: Final = 1000.0
"""A 16-bit PNG counts mg/cm²."""
HIGHEST: Final = 10.0
"""g/cm²; no map of mineral goes beyond."""
_ASKED = "A true map is an NPY array in g/cm², or a 16-bit PNG in mg/cm²"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """An estimate beside the truth, densities in g/cm².

    ``error`` is the estimated map less the true one, [height, width]; ``true`` and ``found`` are
    equation 2's densities.
    """

    error: NDArray[np.float32]
    true: float
    found: float


def compared(estimate: Estimate, truth: NDArray[np.float32]) -> Compared:
    """Hold an estimate against a true map of the film's size; a refused film has nothing to compare."""
    if estimate.bmd is None:
        raise ImageError("No density is told of this film, so there is nothing to compare.")
    return Compared(error=estimate.error(truth), true=equation_2(truth), found=estimate.bmd.density)


def read_truth(path: Path) -> NDArray[np.float32]:
    """Read a map [height, width] in g/cm²; what is no map is refused."""
    map_ = _array(path) if path.suffix.lower() == ".npy" else _picture(path)
    if not np.isfinite(map_).all() or map_.min(initial=0) < 0 or map_.max(initial=0) > HIGHEST:
        raise ImageError(
            f"{_ASKED}; this one holds what is no density from 0 to {HIGHEST:g} g/cm²."
        )
    return map_


def _array(path: Path) -> NDArray[np.float32]:
    try:
        stored: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ImageError(f"{_ASKED}.") from error
    if not isinstance(stored, np.ndarray) or stored.ndim != 2 or stored.dtype.kind not in "fiu":
        raise ImageError(f"{_ASKED}, with two axes.")
    check_film(stored.shape[0], stored.shape[1])
    return np.asarray(stored, np.float32)


def _picture(path: Path) -> NDArray[np.float32]:
    from PIL import Image, UnidentifiedImageError

    try:
        # Nothing but PNG: Pillow opens EPS too, and hands it to Ghostscript.
        with Image.open(path, formats=("PNG",)) as picture:
            check_film(picture.height, picture.width)
            if not picture.mode.startswith("I"):
                raise ImageError(f"{_ASKED}; this PNG has no 16 bits.")
            return np.asarray(picture, np.float32) / np.float32(MG)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ImageError(f"{_ASKED}.") from error

"""Contrast-limited adaptive histogram equalisation, as hand radiographs are prepared with it."""

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.imaging.window import windowed

_BINS = 256


def clahe(film: Radiograph, *, clip: float = 3.0, tiles: int = 8) -> Radiograph:
    """Equalise a film's contrast tile by tile.

    The usual algorithm (Zuiderveld, Graphics Gems IV, 1994) with OpenCV's meaning of its options:
    ``clip`` times the mean count is the most that a histogram bin keeps, what is above is spread
    evenly, and each pixel blends the curves of its four nearest tiles. The curves run straight
    between bins, so 16-bit films keep their depth.

    Parameters
    ----------
    clip
        1 leaves the film nearly as it is; 3 is what the hand studies use.
    tiles
        Tiles along each side.

    Returns
    -------
    Radiograph
        Pixels [height, width] float32 in [0, 1]; its window is (0, 1), as the old one was used up.
    """
    if not 1 <= clip <= _BINS or not 1 <= tiles <= min(64, *film.shape):
        raise RequestError("CLAHE takes a clip of 1 to 256 and 1 to 64 tiles, no more than pixels.")
    shown = windowed(film)
    height, width = shown.shape
    size = (-(-height // tiles), -(-width // tiles))
    # Tiles of one size: the film is mirrored past its lower and right edge.
    padding = ((0, size[0] * tiles - height), (0, size[1] * tiles - width))
    whole = np.pad(shown.pixels, padding, mode="symmetric")
    curves = _curves(whole, size, tiles, clip)
    pixels = _blend(shown.pixels, curves, size, tiles)
    return Radiograph(
        pixels=pixels,
        spacing=film.spacing,
        view=film.view,
        laterality=film.laterality,
        age=film.age,
        sex=film.sex,
    )


def _curves(
    whole: NDArray[np.float32], size: tuple[int, int], tiles: int, clip: float
) -> NDArray[np.float32]:
    """[tiles, tiles, 256]: what each tile makes of a grey level."""
    bins = np.minimum((whole * (_BINS - 1) + 0.5).astype(np.int64), _BINS - 1)
    blocks = bins.reshape(tiles, size[0], tiles, size[1]).transpose(0, 2, 1, 3)
    which = np.arange(tiles * tiles).reshape(tiles, tiles, 1, 1) * _BINS
    counts = np.bincount((blocks + which).ravel(), minlength=tiles * tiles * _BINS)
    counts = counts.reshape(tiles * tiles, _BINS).astype(np.float64)
    area = size[0] * size[1]
    most = max(clip * area / _BINS, 1.0)
    excess = np.clip(counts - most, 0, None).sum(axis=1, keepdims=True)
    counts = np.minimum(counts, most) + excess / _BINS
    curves = np.cumsum(counts, axis=1) / area
    return curves.reshape(tiles, tiles, _BINS).astype(np.float32)


def _blend(
    pixels: NDArray[np.float32], curves: NDArray[np.float32], size: tuple[int, int], tiles: int
) -> NDArray[np.float32]:
    """Bilinear between the four tiles around each pixel, linear between two bins."""
    height, width = pixels.shape
    top, down = _neighbours(height, size[0], tiles)
    left, across = _neighbours(width, size[1], tiles)
    level = pixels * (_BINS - 1)
    low = np.minimum(level.astype(np.int32), _BINS - 2)
    part = level - low
    flat = curves.ravel()
    out = np.zeros_like(pixels)
    for row_step, row_weight in ((0, 1 - down), (1, down)):
        rows = np.minimum(top + row_step, tiles - 1)
        for column_step, column_weight in ((0, 1 - across), (1, across)):
            columns = np.minimum(left + column_step, tiles - 1)
            at = (rows[:, None] * tiles + columns) * _BINS + low
            value = flat[at]
            value += (flat[at + 1] - value) * part
            value *= row_weight[:, None]
            value *= column_weight
            out += value
    return np.clip(out, 0, 1, out=out)


def _neighbours(
    length: int, size: int, tiles: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the nearer tile on the low side of each pixel, and how far on to the next it lies."""
    place = (np.arange(length) + 0.5) / size - 0.5
    place = np.clip(place, 0, tiles - 1)
    before = np.floor(place).astype(np.int64)
    return before, (place - before).astype(np.float32)

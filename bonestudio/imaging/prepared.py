"""Films made alike, as papers 001 and 002 do before a network sees them: square, small, evened out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bonestudio.imaging.contrast import clahe
from bonestudio.imaging.types import Radiograph
from bonestudio.imaging.upright import UprightBox, crop_upright
from bonestudio.imaging.window import windowed

_RIM = 4  # pixels: what lies there is the film's own background


def prepared(
    film: Radiograph, *, size: int = 256, turn: float = 0.0, clip: float = 3.0, tiles: int = 8
) -> Radiograph:
    """Make a film a square of ``size`` pixels and equalise its contrast (paper 002, section 3.2.1).

    Parameters
    ----------
    turn
        Degrees by which the picture is turned counter-clockwise before that; the corners get the
        grey of the film's rim.
    clip, tiles
        As of :func:`bonestudio.imaging.clahe`.

    Returns
    -------
    Radiograph
        Pixels [size, size] float32 in [0, 1].
    """
    shown = windowed(film)
    fill = _background(shown.pixels) if turn else 0.0
    small = crop_upright(shown, square_box(shown.shape, size=size, turn=turn), fill=fill)
    return clahe(replace(small, pixels=small.pixels.astype(np.float32)), clip=clip, tiles=tiles)


def prepared_mask(
    mask: NDArray[np.bool_], *, size: int = 256, turn: float = 0.0
) -> NDArray[np.bool_]:
    """Move a mask [height, width] as :func:`prepared` moves its film: [size, size].

    A pixel belongs to it from a quarter of its area on, so that a thin line survives.
    """
    film = Radiograph(pixels=mask.astype(np.float32))
    moved = crop_upright(film, square_box(film.shape, size=size, turn=turn))
    return moved.pixels > 0.25


def square_box(shape: tuple[int, int], *, size: int, turn: float = 0.0) -> UprightBox:
    """Return the square around a whole film, turned, ``size`` pixels wide."""
    side = float(max(shape))
    return UprightBox(
        centre=((shape[0] - 1) / 2, (shape[1] - 1) / 2),
        size=(side, side),
        angle=turn,
        shape=(size, size),
    )


def _background(pixels: NDArray[np.float32]) -> float:
    """Median grey of the film's rim."""
    rim = np.ones(pixels.shape, bool)
    rim[_RIM:-_RIM, _RIM:-_RIM] = False
    return float(np.median(pixels[rim]))

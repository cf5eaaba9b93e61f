"""A film made ready for ageing: the bone found, upright, 128 × 128, with its own black and white."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging.types import Radiograph

Anatomy = Literal["phalange", "femur"]
ANATOMIES: Final[tuple[Anatomy, ...]] = get_args(Anatomy)
_LEANS = (
    12.0,
    60.0,
)  # degrees: a smaller lean is within what the networks know, a larger one is no lean
_OBLONG = (
    1.3  # height over width from which a crop is too oblong for a square that was cut by a program
)


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What the networks are given.

    Attributes
    ----------
    film
        [size, size] in [0, 1]; age and sex as the file has them.
    how
        What was done to the film, for people: 'index finger found on the hand'.
    """

    film: Radiograph
    anatomy: Anatomy
    how: str


def prepare(
    film: Radiograph, anatomy: Anatomy, *, settings: Mapping[str, Any] | None = None
) -> Prepared:
    """Make a film ready: a whole hand, or a picture of the bone alone.

    On a whole hand the middle phalanx of the index finger is found and straightened; whatever shows
    no hand is taken for a crop of the bone: turned upright if it leans, made square.

    Parameters
    ----------
    settings
        Of a checkpoint's card: 'size' in pixels, and 'contrast': 'stretch' when the networks saw each
        crop's own air and cortex as 0 and 1, 'film' when grey levels were left alone. What is cut
        out of a whole hand is stretched in any case: its film was exposed for all of the hand.
    """
    if anatomy not in ANATOMIES:
        raise RequestError(f"The bone is one of {', '.join(ANATOMIES)}, not {anatomy!r}.")
    asked = settings or {}
    size = int(asked.get("size", 128))
    if min(film.shape) < 32:
        raise ImageError(
            f"The film has {film.shape[0]} × {film.shape[1]} pixels; a bone needs at least 32 × 32."
        )
    if anatomy == "phalange" and (found := _phalanx_of_hand(film, size)):
        return Prepared(film=found, anatomy=anatomy, how="index finger found on the whole hand")
    upright, turned = _upright(film)
    square = _square(upright, size)
    if asked.get("contrast", "stretch") == "stretch":
        square = replace(square, pixels=_stretched(square.pixels), window=(0.0, 1.0))
    how = "taken for a picture of the bone alone" + (f", turned by {turned:.0f}°" if turned else "")
    return Prepared(film=square, anatomy=anatomy, how=how)


def _phalanx_of_hand(film: Radiograph, size: int) -> Radiograph | None:
    """Middle phalanx of the index finger, or None where no hand is found."""
    from bonestudio.cohorts import crop_phalange

    if max(film.shape) <= 2 * size:  # a hand this small has phalanges of ten pixels
        return None
    try:
        return crop_phalange(film, size=size)[0]
    except ImageError:
        return None


def _upright(film: Radiograph) -> tuple[Radiograph, float]:
    """Turn an oblong picture of a leaning bone; squares were cut by a program, which has turned them."""
    from bonestudio.imaging import UprightBox, crop_upright, upright_angle

    height, width = film.shape
    if max(height, width) < _OBLONG * min(height, width):
        return film, 0.0
    if width > height:  # the bone lies on its side
        film = film.with_pixels(np.ascontiguousarray(np.rot90(film.pixels, -1)))
        height, width = film.shape
    angle = upright_angle(film)
    if not _LEANS[0] <= abs(angle) <= _LEANS[1]:
        return film, 0.0
    box = UprightBox(centre=((height - 1) / 2, (width - 1) / 2), size=(height, width), angle=angle)
    return crop_upright(film, box), angle


def _square(film: Radiograph, size: int) -> Radiograph:
    """Cut an oblong film to its middle square and make it [size, size]."""
    from PIL import Image

    height, width = film.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = film.pixels[top : top + side, left : left + side]
    image = Image.fromarray(np.asarray(middle, np.float32))
    pixels = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS), np.float32)
    step = side / size
    spacing = film.spacing and (film.spacing[0] * step, film.spacing[1] * step)
    return film.with_pixels(pixels.clip(0, 1), spacing=spacing)


def _stretched(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make the crop's own air 0 and its own cortex 1, as the crops of whole hands have them."""
    low, high = np.percentile(pixels, [0.5, 99.8])
    if high - low < 1e-4:
        raise ImageError("The film has hardly more than one grey level; choose another exposure.")
    return np.asarray(((pixels - low) / (high - low)).clip(0, 1), np.float32)

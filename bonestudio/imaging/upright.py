"""Cut a bone out of a film so that it stands upright, and put it back.

A box lies on the film with its centre, its size and the angle that its upper end is tilted;
the crop is the box seen upright. Coordinates are (row, column) with pixel centres at whole
numbers; angles are in degrees, positive clockwise on the screen.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging import limits
from bonestudio.imaging.types import Radiograph


@dataclass(frozen=True, kw_only=True)
class UprightBox:
    """Where an upright crop lies on its film.

    Attributes
    ----------
    centre
        (row, column) in pixels of the film.
    size
        (height, width) in pixels of the film, along and across the bone.
    angle
        Degrees by which the bone's upper end leans to the right of the film's vertical.
    shape
        (height, width) of the crop in its own pixels; by default the size, rounded.
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    angle: float = 0.0
    shape: tuple[int, int] | None = None

    @classmethod
    def in_mm(
        cls,
        film: Radiograph,
        *,
        centre: tuple[float, float],
        size: tuple[float, float],
        angle: float = 0.0,
        shape: tuple[int, int] | None = None,
    ) -> Self:
        """Make a box of a size in mm around a centre in mm from the film's upper left pixel."""
        if film.spacing is None:
            raise RequestError("The film has no pixel spacing; give the box in pixels.")
        down, across = film.spacing
        if abs(down - across) > 1e-3 * down:
            raise RequestError("The film's pixels are not square; give the box in pixels.")
        return cls(
            centre=(centre[0] / down, centre[1] / across),
            size=(size[0] / down, size[1] / across),
            angle=angle,
            shape=shape,
        )

    @property
    def pixels(self) -> tuple[int, int]:
        """(height, width) of the crop."""
        if self.shape:
            return self.shape
        return max(round(self.size[0]), 1), max(round(self.size[1]), 1)

    def to_film(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where points of the crop, [n, 2], lie on the film."""
        matrix, shift = self.affine()
        return np.asarray(points, np.float64) @ matrix.T + shift

    def to_crop(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where points of the film, [n, 2], lie in the crop."""
        matrix, shift = self.affine()
        return (np.asarray(points, np.float64) - shift) @ np.linalg.inv(matrix).T

    def affine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (matrix [2, 2], shift [2]) of ``film = matrix · crop + shift``."""
        turn = math.radians(self.angle)
        # A step down the crop goes down the film and, when the top leans right, to the left.
        rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        scale = np.divide(self.size, self.pixels)
        matrix = rotation * scale
        middle = (np.asarray(self.pixels, np.float64) - 1) / 2
        return matrix, np.asarray(self.centre, np.float64) - matrix @ middle


def crop_upright(film: Radiograph, box: UprightBox, *, fill: float = 0.0) -> Radiograph:
    """Cut a box out of a film, upright; beyond the film's edge lies ``fill``.

    Cubic between pixels; a crop smaller than its box is smoothed first, so nothing aliases.
    """
    from scipy import ndimage

    _check(box)
    matrix, shift = box.affine()
    scale = np.divide(box.size, box.pixels)
    source = film.pixels
    # The widest Gaussian that leaves what the smaller grid can hold (as scikit-image's resize).
    blur = np.maximum(scale.max() - 1, 0) / 2
    if blur > 0:
        source = ndimage.gaussian_filter(source, blur, mode="nearest")
    pixels = ndimage.affine_transform(
        source, matrix, offset=shift, output_shape=box.pixels, order=3, mode="constant", cval=fill
    )
    np.clip(pixels, 0, 1, out=pixels)
    spacing = film.spacing and (film.spacing[0] * scale[0], film.spacing[1] * scale[1])
    return replace(
        film,
        pixels=pixels,
        spacing=(float(spacing[0]), float(spacing[1])) if spacing else None,
    )


def paste_upright(
    film: Radiograph, crop: Radiograph, box: UprightBox, *, feather: float = 0.0
) -> Radiograph:
    """Put an upright crop back where it was cut; outside its box the film stays as it was.

    Parameters
    ----------
    feather
        Width in film pixels over which crop and film blend inside the box's border.
    """
    from scipy import ndimage

    _check(box)
    if crop.shape != box.pixels:
        raise RequestError(
            f"The crop is {crop.shape} pixels but its box gives {box.pixels}; use the same box."
        )
    rows, columns = np.mgrid[0 : film.shape[0], 0 : film.shape[1]]
    places = box.to_crop(np.stack([rows.ravel(), columns.ravel()], axis=1)).T
    places = places.reshape(2, *film.shape)
    laid = ndimage.map_coordinates(crop.pixels, places, order=3, mode="nearest")
    scale = np.divide(box.size, box.pixels)
    # Distance to the box's border in film pixels, positive inside.
    inside = np.minimum(
        *(np.minimum(places[n] + 0.5, box.pixels[n] - 0.5 - places[n]) * scale[n] for n in range(2))
    )
    weight = np.clip(inside / feather, 0, 1) if feather > 0 else (inside >= 0)
    weight = np.asarray(weight, np.float32)
    pixels = film.pixels * (1 - weight) + laid.astype(np.float32) * weight
    return replace(film, pixels=np.clip(pixels, 0, 1, dtype=np.float32))


def upright_angle(film: Radiograph, *, mask: NDArray[np.bool_] | None = None) -> float:
    """Estimate by how many degrees a bone's axis leans right from the vertical.

    The principal axis of the bone's pixels: those in ``mask`` [height, width], or those brighter
    than Otsu's threshold, weighted by how much. Good for one long bone in the picture; between
    -90 and 90.
    """
    weight = _bone(film) if mask is None else np.asarray(mask, np.float64)
    total = float(weight.sum())
    if weight.shape != film.shape or total <= 0:
        raise ImageError("No bone stands out in the picture; mark it, or turn it by hand.")
    down, across = film.spacing or (1.0, 1.0)
    rows = np.arange(film.shape[0], dtype=np.float64)[:, None] * (down / across)
    columns = np.arange(film.shape[1], dtype=np.float64)[None, :]
    rows = rows - float((weight * rows).sum()) / total
    columns = columns - float((weight * columns).sum()) / total
    tall = float((weight * rows**2).sum())
    wide = float((weight * columns**2).sum())
    slant = float((weight * rows * columns).sum())
    # Angle of the axis with the largest second moment; up is towards smaller rows.
    angle = math.degrees(0.5 * math.atan2(-2 * slant, tall - wide))
    return angle if angle > -90 else 90.0


def _bone(film: Radiograph) -> NDArray[np.float64]:
    from skimage.filters import threshold_otsu

    pixels = film.pixels.astype(np.float64)
    return np.clip(pixels - float(threshold_otsu(pixels)), 0, None)


def _check(box: UprightBox) -> None:
    if not all(math.isfinite(v) for v in (*box.centre, *box.size, box.angle)) or min(box.size) <= 0:
        raise RequestError("A box needs a size above zero and numbers for its centre and angle.")
    limits.check_film(*box.pixels)

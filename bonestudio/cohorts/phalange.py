"""A phalanx cut out of a film: upright, square, with the joints at its two ends."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bonestudio.cohorts.hand import HandJoints, Phalanx
from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging.types import Radiograph

# Side of the box over the distance between the two joints: the same as the phantoms' frame, so that
# real and virtual phalanges fill their images alike. Boxes drawn tightly by hand around the two
# joints of real films span 1.3 to 1.5 times that distance.
FRAME = 1.35
SURE_ENOUGH = 0.6  # of a finger's joints


@dataclass(frozen=True, kw_only=True)
class PhalangeBox:
    """A square on a film, in the film's pixels.

    Attributes
    ----------
    row, column
        Its centre; pixel centres are whole numbers.
    side
        Length of a side.
    angle
        Degrees by which the box' upper edge (the finger's tip) is turned clockwise on the film.
    mirrored
        The crop is flipped left to right, so that every hand looks like a left one.
    """

    row: float
    column: float
    side: float
    angle: float = 0.0
    mirrored: bool = False

    def __post_init__(self) -> None:
        values = (self.row, self.column, self.side, self.angle)
        if not np.isfinite(values).all() or self.side < 4:
            raise RequestError("A box needs a centre, an angle, and a side of at least 4 pixels.")

    @property
    def corners(self) -> NDArray[np.float64]:
        """[4, 2] (row, column): upper left, upper right, lower right, lower left of the crop."""
        return self.places(np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]], np.float64))

    def places(self, inside: NDArray[np.float64]) -> NDArray[np.float64]:
        """[…, 2] positions in the crop (down, right in [-1, 1]) to (row, column) on the film."""
        down, right = inside[..., 0], inside[..., 1] * (-1 if self.mirrored else 1)
        cos, sin = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        half = self.side / 2
        rows = self.row + half * (down * cos + right * sin)
        columns = self.column + half * (right * cos - down * sin)
        return np.stack([rows, columns], axis=-1)


def phalange_box(
    joints: HandJoints, *, finger: int = 2, phalanx: Phalanx = "middle", frame: float = FRAME
) -> PhalangeBox:
    """Box around a phalanx, its proximal end down, ``frame`` times as long as the phalanx."""
    score = joints.finger_score(finger)
    if score < SURE_ENOUGH:
        raise ImageError(
            f"Finger {finger} was not found with confidence ({score:.0%}); mark its phalanx with a box."
        )
    near, far = joints.ends(finger, phalanx)
    forward = far - near
    length = float(np.hypot(*forward))
    row, column = (near + far) / 2
    return PhalangeBox(
        row=float(row),
        column=float(column),
        side=length * frame,
        angle=float(np.degrees(np.arctan2(forward[1], -forward[0]))),
        mirrored=joints.mirrored,
    )


def crop_phalange(
    film: Radiograph,
    joints: HandJoints | None = None,
    *,
    finger: int = 2,
    phalanx: Phalanx = "middle",
    size: int = 128,
    frame: float = FRAME,
    contrast: Literal["stretch", "film"] = "stretch",
) -> tuple[Radiograph, PhalangeBox]:
    """Find, straighten and crop a phalanx: finger 2 (index) to 5 (little).

    Parameters
    ----------
    contrast
        'stretch': the crop's own air and cortex become 0 and 1, as exposures differ tenfold;
        'film': grey levels stay.
    """
    if joints is None:
        from bonestudio.cohorts.hand_finder import find_joints

        joints = find_joints(film)
    box = phalange_box(joints, finger=finger, phalanx=phalanx, frame=frame)
    return crop_box(film, box, size=size, contrast=contrast), box


def crop_box(
    film: Radiograph,
    box: PhalangeBox,
    *,
    size: int = 128,
    contrast: Literal["stretch", "film"] = "stretch",
) -> Radiograph:
    """Cut a box out of a film: [size, size], cubic interpolation; beyond the film its edge goes on."""
    from scipy import ndimage

    if not 8 <= size <= 4096:
        raise RequestError(f"A crop is 8 to 4096 pixels wide, not {size}.")
    height, width = film.shape
    if not (0 <= box.row <= height - 1 and 0 <= box.column <= width - 1):
        raise RequestError("The centre of the box lies outside the film; move it onto the bone.")
    low = np.floor(box.corners.min(0)).astype(int) - 8
    high = np.ceil(box.corners.max(0)).astype(int) + 9
    low, high = np.maximum(low, 0), np.minimum(high, film.shape)
    around = film.pixels[low[0] : high[0], low[1] : high[1]]
    step = box.side / size  # film pixels per crop pixel
    if step > 1:
        around = ndimage.gaussian_filter(around, 0.5 * np.sqrt(step**2 - 1), mode="nearest")
    centres = (np.arange(size) + 0.5) * 2 / size - 1
    places = box.places(np.stack(np.meshgrid(centres, centres, indexing="ij"), axis=-1)) - low
    pixels = ndimage.map_coordinates(around, np.moveaxis(places, -1, 0), order=3, mode="nearest")
    if contrast == "stretch":
        pixels = _stretch(pixels)
    spacing = film.spacing and (film.spacing[0] * step, film.spacing[1] * step)
    crop = film.with_pixels(pixels.clip(0, 1).astype(np.float32), spacing=spacing)
    return replace(crop, window=(0.0, 1.0) if contrast == "stretch" else film.window)


def _stretch(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = np.percentile(pixels, [0.5, 99.8])
    if high - low < 1e-4:
        raise ImageError("There is nothing but one grey level in this box; move it onto the bone.")
    return np.asarray((pixels - low) / (high - low), np.float32)

"""One hip of a film, as the density model wants it: half a pelvis film, lying as a left hip does."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging.types import Laterality, Radiograph

FIELD_MM: Final = (430.0, 215.0)
"""Height and width at the detector of the half films that models learn from."""
WHOLE: Final = 0.8  # a film wider than this share of its height shows both hips
SMALLEST: Final = 96  # pixels of half a film's height
_FLAT = 0.02  # spread of grey levels below which there is no picture

Pixels = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class PreparedHip:
    """A half film made ready, and where it lies on the film that was given.

    Attributes
    ----------
    pixels
        [size, size / 2] in [0, 1], the midline at the left edge.
    side
        Whose hip it is: 'L' or 'R' of the patient.
    box
        (top, left, height, width) of the half on the given film, pixels; parts may lie outside.
    mirrored
        Whether the half was mirrored to lie as a left hip.
    """

    pixels: Pixels
    side: Laterality
    box: tuple[int, int, int, int]
    mirrored: bool

    def restored(self, values: Pixels, shape: tuple[int, int]) -> Pixels:
        """Lay a map [size, size / 2] back onto the film [height, width]; 0 elsewhere."""
        top, left, height, width = self.box
        turned = values[:, ::-1] if self.mirrored else values
        part = _resized(turned, (height, width))
        whole = np.zeros(shape, np.float32)
        rows = slice(max(0, top), min(shape[0], top + height))
        columns = slice(max(0, left), min(shape[1], left + width))
        inner = part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        whole[rows, columns] = inner
        return whole


def prepare(film: Radiograph, side: Laterality, *, size: int) -> PreparedHip:
    """Cut the half of one side from a pelvis film, or take a half film, and make it ready.

    On a film from the front the patient's right is at its left. A half film that knows its spacing is
    cut or filled up to :data:`FIELD_MM`; any other is taken to be as wide as that.
    """
    height, width = film.shape
    if height < SMALLEST or width < SMALLEST // 2:
        raise ImageError(
            f"This film has {width} × {height} pixels; half a film of a hip needs "
            f"{SMALLEST // 2} × {SMALLEST} or more."
        )
    if float(np.ptp(np.percentile(film.pixels, [1, 99]))) < _FLAT:
        raise ImageError("There is nothing but one grey level on this image.")
    half = width / 2 if is_whole(film) else float(width)
    # The midline is the inner edge of either half.
    inner = 0.0 if side == "L" else float(width)
    if is_whole(film):
        inner = width / 2
    if film.spacing:
        tall, wide = (FIELD_MM[0] / film.spacing[0], FIELD_MM[1] / film.spacing[1])
    else:
        tall, wide = 2 * half, half
    left = inner if side == "L" else inner - wide
    box = (round((height - tall) / 2), round(left), max(2, round(tall)), max(2, round(wide)))
    part = _resized(_cut(film.pixels, box), (size, size // 2))
    mirrored = side == "R"
    pixels = np.ascontiguousarray(part[:, ::-1] if mirrored else part)
    return PreparedHip(pixels=pixels.clip(0, 1), side=side, box=box, mirrored=mirrored)


def is_whole(film: Radiograph) -> bool:
    """Whether a film shows both hips, by its form."""
    height, width = film.shape
    return width > WHOLE * height


def _cut(pixels: Pixels, box: tuple[int, int, int, int]) -> Pixels:
    """Cut a box that may reach beyond the film; there the film's own edge goes on."""
    top, left, height, width = box
    rows = np.arange(top, top + height).clip(0, pixels.shape[0] - 1)
    columns = np.arange(left, left + width).clip(0, pixels.shape[1] - 1)
    part: Pixels = pixels[np.ix_(rows, columns)]
    return part


def _resized(values: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize [h, w]: areas are averaged where it shrinks, places blended where it grows."""
    import torch
    from torch.nn import functional as F

    source = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]
    if size[0] < values.shape[0]:
        resized = F.interpolate(source, size, mode="area")
    else:
        resized = F.interpolate(source, size, mode="bilinear", align_corners=False)
    pixels: Pixels = resized[0, 0].numpy()
    return pixels

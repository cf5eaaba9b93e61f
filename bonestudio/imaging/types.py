"""The two images of the studio: a radiograph (2D) and a volume (3D).

Neither can hold a patient's name: they have no field for it.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

Laterality = Literal["L", "R"]
Sex = Literal["F", "M"]
Unit = Literal["HU", "mg HA/cm³", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Radiograph:
    """A projection image, bone bright.

    Attributes
    ----------
    pixels
        [height, width] float32 in [0, 1].
    spacing
        (row, column) size of a pixel in mm, or None when the file does not say.
    window
        (low, high) of the display window that the file asks for, as fractions of the pixel range.
    view
        'PA', 'AP', 'LL' …, as the file has it.
    age
        Years.
    """

    pixels: NDArray[np.float32]
    spacing: tuple[float, float] | None = None
    window: tuple[float, float] = (0.0, 1.0)
    view: str | None = None
    laterality: Laterality | None = None
    age: float | None = None
    sex: Sex | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.pixels.shape
        return height, width

    def with_pixels(
        self, pixels: NDArray[np.float32], *, spacing: tuple[float, float] | None = None
    ) -> Self:
        """Return the same film with other pixels; the spacing stays unless it is given."""
        return replace(self, pixels=pixels, spacing=spacing or self.spacing)


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A scan, axis 0 along the bone (slices), then rows, then columns.

    Attributes
    ----------
    voxels
        [slices, rows, columns] float32 in ``unit``.
    spacing
        (slice, row, column) size of a voxel in mm, or None when the file does not say.
    """

    voxels: NDArray[np.float32]
    spacing: tuple[float, float, float] | None = None
    unit: Unit = "unknown"
    laterality: Laterality | None = None
    age: float | None = None
    sex: Sex | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows and columns."""
        slices, rows, columns = self.voxels.shape
        return slices, rows, columns

"""What AIM and ISQ share: from stored attenuation to mg HA/cm³ or HU."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.imaging.types import Unit, Volume

_MU_SCALING = 8192


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The scanner's own equations for its stored whole numbers.

    Attributes
    ----------
    mu_scaling
        Stored value of a linear attenuation of 1/cm.
    mu_water
        Linear attenuation of water, 1/cm.
    slope, intercept
        density [mg HA/cm³] = slope · attenuation [1/cm] + intercept.
    """

    mu_scaling: float
    mu_water: float | None = None
    slope: float | None = None
    intercept: float | None = None

    def equation(self) -> tuple[float, float, Unit]:
        """(m, b, unit) of ``value = m · stored + b``: density where known, else HU, else as stored."""
        if not (math.isfinite(self.mu_scaling) and self.mu_scaling >= 1):
            return 1.0, 0.0, "unknown"
        if _sound(self.slope) and self.intercept is not None and _sound(self.intercept + 1e-9):
            return (self.slope or 1.0) / self.mu_scaling, self.intercept, "mg HA/cm³"
        if _sound(self.mu_water) and self.mu_water:
            return 1000.0 / (self.mu_scaling * self.mu_water), -1000.0, "HU"
        return 1.0, 0.0, "unknown"


def quantised(image: Volume) -> tuple[NDArray[np.int16], Calibration]:
    """Voxels in mg HA/cm³ or HU as 16-bit whole numbers, and the equation of the way back."""
    voxels = image.voxels.astype(np.float64)
    if image.unit == "HU":
        # HU = 1000 · stored / (mu_scaling · mu_water) − 1000: the one free number takes the range.
        most = float(np.abs(voxels + 1000).max()) or 1.0
        mu_water = 32_767_000 / (_MU_SCALING * most)
        stored = np.rint((voxels + 1000) * (32_767 / most))
        return stored.astype(np.int16), Calibration(mu_scaling=_MU_SCALING, mu_water=mu_water)
    low, high = float(voxels.min()), float(voxels.max())
    slope = (high - low) / 65_534 or 1.0
    middle = (high + low) / 2
    stored = np.rint((voxels - middle) / slope)
    return stored.astype(np.int16), Calibration(
        mu_scaling=_MU_SCALING, slope=slope * _MU_SCALING, intercept=middle
    )


def _sound(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and 1e-12 < abs(value) < 1e9

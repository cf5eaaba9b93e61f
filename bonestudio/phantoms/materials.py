"""What X-rays meet on their way: mass attenuation and density.

Coefficients μ/ρ in cm²/g with coherent scattering from NIST Standard Reference Database 126
(NISTIR 5632, Hubbell and Seltzer, update of July 2004, doi 10.18434/T4D01F): table 4 for the tissues
of ICRU report 44 ("Bone, Cortical", "Tissue, Soft", "Adipose Tissue"), table 3 for titanium and
iron, at 20 to 100 keV. Between the energies they
are interpolated on log-log axes, as the tables advise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENERGIES = np.array([20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0])  # keV

_MASS_ATTENUATION = {
    "bone": [4.001, 1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855],
    "soft": [0.8230, 0.3790, 0.2688, 0.2264, 0.2048, 0.1823, 0.1693],
    "fat": [0.5677, 0.3063, 0.2396, 0.2123, 0.1974, 0.1800, 0.1688],
    "titanium": [15.85, 4.972, 2.214, 1.213, 0.7661, 0.4052, 0.2721],
    "steel": [25.68, 8.176, 3.629, 1.958, 1.205, 0.5952, 0.3717],  # iron
}


@dataclass(frozen=True)
class Material:
    """A material: which table, its density in g/cm³ and its mineral in g HA per cm³."""

    table: str
    density: float
    mineral: float = 0.0

    def attenuation(self, energy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Linear attenuation in 1/mm at energies in keV."""
        table = np.log(_MASS_ATTENUATION[self.table])
        logarithm = np.interp(np.log(energy), np.log(ENERGIES), table)
        per_mm: NDArray[np.float64] = np.exp(logarithm) * self.density / 10.0
        return per_mm


# Cortical bone of ICRU 44 is 1.92 g/cm³, 58 % of it mineral. 'bone' is compact matrix, so that
# trabecular bone is a share of it (BV/TV) and the rest marrow.
MATERIALS = {
    "bone": Material("bone", 1.92, mineral=1.11),
    "marrow": Material("fat", 0.98),  # yellow marrow, as fills the hand and a grown leg
    "soft": Material("soft", 1.06),
    "fat": Material("fat", 0.95),
    "titanium": Material("titanium", 4.54),
    "steel": Material("steel", 7.87),
}


@dataclass(frozen=True)
class Beam:
    """A filtered X-ray beam as a few energies (keV) and their shares of the detected energy."""

    energies: tuple[float, ...]
    weights: tuple[float, ...]


# Effective lines of tungsten spectra behind 2.5 to 3 mm Al, weighted with the signal of a CsI
# detector: 50 kVp for hands, 55 kVp for forearms, 65 kVp for knees, 75 kVp for hips.
HAND_BEAM = Beam((25.0, 32.0, 42.0), (0.25, 0.45, 0.30))
FOREARM_BEAM = Beam((26.0, 35.0, 46.0), (0.22, 0.45, 0.33))
LEG_BEAM = Beam((30.0, 40.0, 54.0), (0.20, 0.45, 0.35))
HIP_BEAM = Beam((34.0, 46.0, 62.0), (0.18, 0.44, 0.38))

"""How a hand's bones grow: length by age, centres of ossification, physes that close.

Sources
-------
Length: medians of stature for age, Kuczmarski et al., CDC growth charts for the United States,
Vital Health Stat 11(246), 2002; bones of the hand keep their share of stature from 4 years on
(Snyder et al., UM-HSRI-77-17, 1977). Appearance: medians of Garn, Rohmann and Silverman, Med Radiogr
Photogr 43:45-66, 1967; pisiform: Gilsanz and Ratib, Hand Bone Age, Springer 2005. Epiphysis as wide
as its metaphysis, and fusion: Greulich and Pyle, Radiographic Atlas, 2nd ed. 1959, and Gilsanz and
Ratib. Ages are in years, (girl, boy).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Sex
from bonestudio.phantoms.pose_kinematics import CARPALS, METACARPALS, PHALANGES

YOUNGEST, OLDEST = 1.0, 20.0

_AGES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20)
_STATURE = {  # cm
    "F": (49.3, 74.0, 85.0, 94.2, 101.0, 108.0, 115.0, 121.8, 127.8, 133.1, 138.2, 144.3, 151.5, 157.3,
          160.4, 161.8, 162.5, 162.9, 163.1, 163.3),
    "M": (50.0, 75.8, 86.5, 95.2, 102.3, 109.0, 115.5, 121.9, 128.0, 133.7, 138.6, 143.5, 149.1, 156.2,
          163.8, 169.8, 173.4, 175.2, 176.1, 176.8),
}  # fmt: skip

# The meshes are a man's.
_ADULT = {"F": 0.925, "M": 1.0}

APPEARS = {
    "capitate": (0.2, 0.25), "hamate": (0.25, 0.35), "triquetrum": (1.7, 2.4), "lunate": (2.6, 4.1),
    "scaphoid": (4.1, 5.6), "trapezium": (4.1, 5.9), "trapezoid": (4.2, 6.2), "pisiform": (8.5, 10.5),
    "radius": (0.9, 1.1), "ulna": (5.4, 7.1),
    "metacarpal_1": (1.6, 2.6), "metacarpal_2": (1.1, 1.6), "metacarpal_3": (1.2, 1.8),
    "metacarpal_4": (1.3, 2.0), "metacarpal_5": (1.4, 2.2),
    "proximal_phalanx_1": (1.7, 3.0), "proximal_phalanx_2": (0.9, 1.4), "proximal_phalanx_3": (0.9, 1.3),
    "proximal_phalanx_4": (0.9, 1.5), "proximal_phalanx_5": (1.2, 1.9),
    "middle_phalanx_2": (1.4, 2.2), "middle_phalanx_3": (1.3, 2.0), "middle_phalanx_4": (1.3, 2.1),
    "middle_phalanx_5": (1.9, 3.5),
    "distal_phalanx_1": (1.0, 1.6), "distal_phalanx_2": (2.5, 3.2), "distal_phalanx_3": (1.5, 2.4),
    "distal_phalanx_4": (1.5, 2.4), "distal_phalanx_5": (2.0, 3.3),
}  # fmt: skip

# Kind of bone → epiphysis as wide as the metaphysis, fusion complete.
_AS_WIDE = {
    "radius": (8.5, 10.5), "ulna": (11.5, 13.5), "metacarpal": (9.0, 11.5), "proximal": (8.0, 10.5),
    "middle": (8.5, 11.0), "distal": (8.5, 11.0),
}  # fmt: skip
FUSED = {
    "radius": (17.0, 18.5), "ulna": (16.5, 18.0), "metacarpal": (15.0, 16.5), "proximal": (14.8, 16.3),
    "middle": (14.8, 16.3), "distal": (13.8, 15.7),
}  # fmt: skip
_CARPAL_ADULT = (12.5, 14.5)  # carpals have their adult shape (Gilsanz and Ratib, late puberty)

# Share of the adult bone's length that its epiphysis takes.
_HEIGHT = {
    "radius": 0.040, "ulna": 0.028, "metacarpal": 0.17, "proximal": 0.135, "middle": 0.17, "distal": 0.20,
}  # fmt: skip


def at_far_end(bone: str) -> bool:
    """Whether the growing end is the distal one (metacarpals 2 to 5, radius, ulna)."""
    return bone in {"radius", "ulna"} or (bone in METACARPALS and bone != "metacarpal_1")


@dataclass(frozen=True)
class Epiphysis:
    """State of a bone's growing end at one age.

    Attributes
    ----------
    present
        Whether its centre has ossified.
    width, height
        Of the ossified centre, as shares of the adult epiphysis' (on a bone of this length).
    gap
        Physis in mm; 0 once bone bridges it.
    fused
        Whether nothing but a scar is left.
    share
        Of the bone's length that lies beyond the physis.
    scar
        0 to 1, contrast of the plate where the physis was.
    """

    present: bool
    width: float
    height: float
    gap: float
    fused: bool
    share: float
    scar: float


def check_age(age: float, *, what: str = "hand") -> float:
    """Return the age, or say in one sentence what ages there are."""
    if isinstance(age, bool) or not isinstance(age, int | float | np.number):
        raise RequestError(f"An age is a number of years, not {age!r}.")
    if not YOUNGEST <= age <= OLDEST:
        raise RequestError(
            f"A {what} phantom is from {YOUNGEST:.0f} to {OLDEST:.0f} years old, not {age:g}."
        )
    return float(age)


def length_factor(age: float, sex: Sex) -> float:
    """Length of the hand's bones as a share of the (man's) mesh's."""
    stature = _STATURE[sex]
    share: float = float(np.interp(age, _AGES, stature)) / stature[-1]
    return share * _ADULT[sex]


def breadth_factor(age: float, sex: Sex) -> float:
    """Width of the hand's bones as a share of the mesh's: children's bones are stouter."""
    adult = _ADULT[sex]
    breadth: float = adult * (length_factor(age, sex) / adult) ** 0.88
    return breadth


def carpal_size(bone: str, skeletal_age: float, sex: Sex) -> float:
    """Diameter of a carpal's ossified part as a share of the whole carpal, 0 before it appears."""
    girl_boy = 0 if sex == "F" else 1
    start, end = APPEARS[bone][girl_boy], _CARPAL_ADULT[girl_boy]
    if skeletal_age < start:
        return 0.0
    grown = min(1.0, (skeletal_age - start) / (end - start))
    return float(0.30 + 0.70 * grown**0.62)


def epiphysis(bone: str, skeletal_age: float, sex: Sex) -> Epiphysis:
    """State of the growing end of a long bone of hand or forearm."""
    kind, girl_boy = bone.partition("_")[0], 0 if sex == "F" else 1
    start, wide, end = APPEARS[bone][girl_boy], _AS_WIDE[kind][girl_boy], FUSED[kind][girl_boy]
    share = _HEIGHT[kind]
    if skeletal_age < start:
        return Epiphysis(False, 0.0, 0.0, 0.0, False, share, 0.0)
    grown = float(np.clip((skeletal_age - start) / (wide - start), 0, 1)) ** 0.65
    capping = float(np.clip((skeletal_age - wide) / (end - 1.5 - wide), 0, 1))
    closing = float(np.clip((skeletal_age - (end - 1.6)) / 1.6, 0, 1))
    scar = float(np.clip(1 - (skeletal_age - end) / 3.0, 0, 1))
    return Epiphysis(
        present=True,
        width=0.30 + 0.70 * grown + 0.03 * capping,
        height=0.42 + 0.48 * grown + 0.10 * capping,
        gap=(1.9 - 0.8 * grown - 0.3 * capping) * (1 - closing),
        fused=skeletal_age >= end,
        share=share,
        scar=scar,
    )


def appearance_order(sex: Sex) -> list[str]:
    """Carpals in the order in which they ossify."""
    girl_boy = 0 if sex == "F" else 1
    return sorted(CARPALS, key=lambda bone: APPEARS[bone][girl_boy])


def growth_table(sex: Sex, ages: NDArray[np.float64]) -> dict[str, list[float]]:
    """Carpal sizes and epiphysis widths by age, for plots."""
    table = {bone: [carpal_size(bone, a, sex) for a in ages] for bone in CARPALS}
    for bone in (*METACARPALS, *PHALANGES, "radius", "ulna"):
        table[bone] = [epiphysis(bone, a, sex).width for a in ages]
    return table

"""How bones grow from birth to 19: length, width, ossification, the closing of the growth plate.

A patient's *bone age* is the calendar age, ahead or behind by the maturation tempo. Each curve is a
monotone spline through landmarks, one set for girls and one for boys.

Sources
-------
* Length of the femur: Anderson, Messner and Green, J Bone Joint Surg 1964;46A:1197 (table of
  orthoroentgenograms, from 1 year; the value at birth is that of Maresh 1970).
* Share of adult length of phalanges: the course of Garn, Hertzog, Poznanski and Nagy, Radiology
  1972;105:375; index middle phalanx of adults about 24.5 mm (men) and 22.5 mm (women).
* Appearance of the centre in the base of the middle phalanx: about 15 months (girls) and 2 years
  (boys), Garn, Rohmann and Silverman 1967; epiphysis as wide as its metaphysis, caps it, fuses:
  Tanner and Whitehouse stages F, G, H, I and Greulich and Pyle's plates (girls 8.5, 11.5, 13, 14.5;
  boys 10.5, 13.5, 15, 16.5 years).
* Distal femur: centre present at birth (Pyle and Hoerr); fusion complete in 85 % of girls at 17
  and 97 % of boys at 19: Kvist et al., Acta Paediatrica 2021;110:1249, doi 10.1111/apa.15617.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Sex

if TYPE_CHECKING:
    from scipy.interpolate import PchipInterpolator

OLDEST = 19.999  # the paper's last class is 16 to 19 years, the nineteenth year included
TEMPO_SD = 0.8  # years; standard deviation of skeletal age in healthy children

Knots = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Course:
    """Growth of one bone of one sex: each pair is (bone ages, values).

    Attributes
    ----------
    length
        Length of the whole bone in mm.
    width_ratio
        Width of the ossified epiphysis over the width of its metaphysis.
    height_ratio
        Height of the ossified epiphysis over the height of its cartilage.
    gap
        Height of the growth plate's dark band in mm.
    fusion
        Share of the plate that bone has bridged.
    """

    length: Knots
    width_ratio: Knots
    height_ratio: Knots
    gap: Knots
    fusion: Knots


@dataclass(frozen=True)
class Stage:
    """Where bones stand in their growth: arrays [batch], units as in `Course`.

    ``maturity`` is the share of adult length; ``scar`` the density, 1 to 0, of the line that the
    closed plate leaves; ``bone_age`` is in years.
    """

    bone_age: NDArray[np.float64]
    length: NDArray[np.float64]
    maturity: NDArray[np.float64]
    width_ratio: NDArray[np.float64]
    height_ratio: NDArray[np.float64]
    gap: NDArray[np.float64]
    fusion: NDArray[np.float64]
    scar: NDArray[np.float64]


PHALANX: dict[Sex, Course] = {
    "F": Course(
        length=(
            (0, 1, 2, 4, 6, 8, 10, 11, 12, 13, 14, 15.5),
            (8.6, 10.7, 12.2, 14.4, 16.2, 17.8, 19.5, 20.5, 21.4, 22.05, 22.4, 22.5),
        ),
        width_ratio=(
            (1.0, 1.3, 2, 3, 5, 7, 8.5, 11.5, 13, 14.5),
            (0.0, 0.15, 0.42, 0.62, 0.82, 0.93, 1.0, 1.07, 1.07, 1.04),
        ),
        height_ratio=((1.0, 1.3, 2, 4, 8, 11.5, 14.5), (0.3, 0.45, 0.62, 0.75, 0.85, 0.95, 1.0)),
        gap=((1, 3, 6, 10, 12, 13, 13.8, 14.5), (1.1, 0.75, 0.58, 0.46, 0.4, 0.34, 0.27, 0.2)),
        fusion=((13.0, 13.6, 14.5), (0.0, 0.4, 1.0)),
    ),
    "M": Course(
        length=(
            (0, 1, 2, 4, 6, 8, 10, 12, 13, 14, 15, 16, 17.5),
            (8.6, 10.6, 12.2, 14.5, 16.3, 17.9, 19.4, 21.0, 22.0, 23.1, 23.9, 24.3, 24.5),
        ),
        width_ratio=(
            (1.6, 2.0, 3, 4.5, 6.5, 9, 10.5, 13.5, 15, 16.5),
            (0.0, 0.15, 0.45, 0.64, 0.8, 0.93, 1.0, 1.07, 1.07, 1.04),
        ),
        height_ratio=((1.6, 2.0, 3, 5, 9, 13.5, 16.5), (0.3, 0.45, 0.62, 0.75, 0.85, 0.95, 1.0)),
        gap=((1, 3, 6, 11, 13.5, 15, 15.8, 16.5), (1.1, 0.8, 0.6, 0.5, 0.42, 0.36, 0.28, 0.2)),
        fusion=((15.0, 15.6, 16.5), (0.0, 0.4, 1.0)),
    ),
}

FEMUR: dict[Sex, Course] = {
    "F": Course(
        length=(
            (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18),
            (78, 148.1, 182.3, 212.9, 239.2, 263.2, 285.2, 306, 327.2, 347.1, 367.2, 388.1, 407.4,
             423.1, 431.4, 434.7, 435.8, 436.3),
        ),
        width_ratio=(
            (0, 0.5, 1, 2, 3, 5, 7, 9, 12, 14.5, 16.2),
            (0.16, 0.42, 0.58, 0.74, 0.84, 0.94, 1.0, 1.03, 1.06, 1.06, 1.04),
        ),
        height_ratio=((0, 1, 2, 4, 7, 10, 13), (0.5, 0.66, 0.74, 0.82, 0.9, 0.97, 1.0)),
        gap=((0, 1, 4, 8, 11, 13, 14.5, 15.6, 16.2), (4.5, 3.6, 2.8, 2.4, 2.1, 1.7, 1.2, 0.7, 0.4)),
        # 85 % complete at 17: mean completion is 17 - 1.036 × 0.8 years.
        fusion=((14.4, 15.3, 16.17), (0.0, 0.45, 1.0)),
    ),
    "M": Course(
        length=(
            (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18.5),
            (79, 144.8, 181.5, 210.9, 236.5, 259.2, 280.9, 302.5, 322.8, 343.6, 362.9, 381.6, 401.2,
             421.7, 441.8, 456.9, 466.6, 470.7, 472.3),
        ),
        width_ratio=(
            (0, 0.5, 1, 2, 3.5, 6, 8.5, 11, 14, 16, 17.5),
            (0.14, 0.38, 0.54, 0.7, 0.83, 0.94, 1.0, 1.03, 1.06, 1.06, 1.04),
        ),
        height_ratio=((0, 1, 2, 4, 8, 12, 15), (0.48, 0.64, 0.72, 0.8, 0.89, 0.97, 1.0)),
        gap=((0, 1, 4, 8, 13, 15, 16, 16.9, 17.5), (4.5, 3.7, 2.9, 2.5, 2.1, 1.7, 1.2, 0.7, 0.4)),
        # 97 % complete at 19: mean completion is 19 - 1.881 × 0.8 years.
        fusion=((15.8, 16.7, 17.5), (0.0, 0.45, 1.0)),
    ),
}  # fmt: skip


def check_ages(ages: Sequence[float]) -> NDArray[np.float64]:
    """Return ages as an array, or say which is outside 0 to 19."""
    for age in ages:
        if not 0 <= age <= OLDEST:
            raise RequestError(
                f"Growing bones are simulated from birth to the end of the 19th year of age; {age:g} is outside."
            )
    return np.asarray(ages, dtype=float)


def bone_age(ages: NDArray[np.float64], tempo: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return skeletal age in years; ``tempo`` (years ahead) takes effect over the first ten years."""
    ramp = (ages / 10).clip(0, 1)
    shifted: NDArray[np.float64] = ages + tempo * ramp * ramp * (3 - 2 * ramp)
    return shifted


def stage(
    course: dict[Sex, Course],
    ages: Sequence[float],
    sexes: Sequence[Sex],
    tempo: Sequence[float],
) -> Stage:
    """Return where each bone stands at calendar age ``ages`` (years)."""
    mature = bone_age(check_ages(ages), np.asarray(tempo, dtype=float))
    rows = [_read(course[sex], age) for sex, age in zip(sexes, mature, strict=True)]
    return Stage(mature, *np.array(rows).T)


def fusion_age(course: dict[Sex, Course], sex: Sex, tempo: float) -> float:
    """Return the calendar age at which the plate is wholly bridged."""
    return course[sex].fusion[0][-1] - tempo


def _read(course: Course, age: float) -> tuple[float, ...]:
    """Read every curve of one bone at one bone age."""
    length = _at(course.length, age)
    fused_at = course.fusion[0][-1]
    rise = float(np.clip((age - course.fusion[0][0]) / (fused_at - course.fusion[0][0]), 0, 1))
    scar = rise * float(np.exp(-max(0.0, age - fused_at) / 1.6))
    return (
        length,
        length / course.length[1][-1],
        _at(course.width_ratio, age),
        _at(course.height_ratio, age),
        _at(course.gap, age),
        _at(course.fusion, age),
        scar,
    )


def _at(knots: Knots, age: float) -> float:
    """Read a curve; flat beyond its ends."""
    return float(_spline(knots)(min(max(age, knots[0][0]), knots[0][-1])))


@lru_cache(maxsize=64)
def _spline(knots: Knots) -> "PchipInterpolator":
    """Make the monotone cubic spline (Fritsch-Carlson) through the landmarks."""
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(*knots)

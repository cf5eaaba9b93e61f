"""Adults as hips show them: body size, and areal BMD of the proximal femur by age and sex.

Areal BMD: NHANES III (Looker et al. 1998, Osteoporos Int 8:468): non-Hispanic white adults, mean and standard deviation
at 20 to 29 years; the decline with age as share of that peak. Body size: NHANES adults (Fryar et al. 2021).
"""

from dataclasses import dataclass

import numpy as np

from bonestudio.imaging.types import Sex

# Total hip, g/cm²: mean and standard deviation at 20-29 years.
PEAK_TOTAL_HIP = {"F": (0.942, 0.122), "M": (1.041, 0.144)}
_AGES = np.array([25.0, 35.0, 45.0, 55.0, 65.0, 75.0, 85.0])
_SHARE = {
    "F": np.array([1.0, 0.995, 0.975, 0.92, 0.845, 0.775, 0.70]),
    "M": np.array([1.0, 0.985, 0.965, 0.95, 0.93, 0.89, 0.83]),
}
_HEIGHT = {"F": (162.0, 6.6), "M": (175.5, 7.2)}  # cm


@dataclass(frozen=True)
class Person:
    """Age in years, height in cm, weight in kg, and the total hip's areal BMD in g/cm²."""

    age: float
    height: float
    weight: float
    total_hip: float


def person(
    sex: Sex, age: float, *, size: float, density: float, random: np.random.Generator
) -> Person:
    """Draw an adult: ``size`` and ``density`` are the patient's traits (standard normal)."""
    draw = random.standard_normal(3).clip(-2.3, 2.3)
    mean, spread = _HEIGHT[sex]
    # People lose about 1 mm a year after 45 (Sorkin et al. 1999).
    height = mean + spread * (0.85 * size + 0.53 * draw[0]) - 0.1 * max(0.0, age - 45)
    bmi = 26.5 * np.exp(0.19 * draw[1]) * (1 - 0.03 * (age < 30))
    heavier = np.log(bmi / 26.5) / 0.19
    peak, deviation = PEAK_TOTAL_HIP[sex]
    usual = peak * np.interp(age, _AGES, _SHARE[sex])
    # Heavy people have denser hips (r about 0.35), within the population's spread.
    score = 0.35 * heavier + 0.80 * density + 0.48 * draw[2]
    return Person(
        age=age,
        height=float(height),
        weight=float(bmi * (height / 100) ** 2),
        total_hip=float(max(0.35, usual + deviation * score)),
    )

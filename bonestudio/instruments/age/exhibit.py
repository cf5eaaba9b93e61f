"""One bone for the museum page: all its ages as bytes, and how large it is at each."""

import csv
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.instruments.age.progression import AGES, AgeProgression
from bonestudio.places import shipped

_SAMPLE = "1-phalanx-6"
_LEARNED_FROM = {"rsna": "real hands", "phantom": "made-up people", "own": "other people's hands"}


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A virtual girl's finger bone.

    Attributes
    ----------
    frames
        [n, height, width] uint8.
    ages
        Years of each frame.
    sizes
        mm from the upper to the lower edge of each frame: the bone grows, its picture does not.
    today
        The girl's age in years.
    model, learned
        Weights that drew the frames, and what they were learned from, for anybody.
    """

    frames: NDArray[np.uint8]
    ages: tuple[float, ...]
    sizes: tuple[float, ...]
    today: float
    model: str
    learned: str


def exhibit(ages: AgeProgression) -> Exhibit:
    """Draw the exhibit with the weights that the Age tab opens with, those of real bones if they are here."""
    opened, bone = ages.open_sample(_SAMPLE)
    made = ages.progress(opened.film, bone)
    table = shipped("assets") / "age" / "growth.csv"
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    years, mm = ([float(row[name]) for row in rows] for name in ("age", "mm"))
    sizes = np.interp(AGES, years, mm)
    return Exhibit(
        frames=np.rint(made.frames * 255).astype(np.uint8),
        ages=tuple(float(age) for age in made.ages),
        sizes=tuple(round(float(size), 2) for size in sizes),
        today=made.age,
        model=made.model.id,
        learned=_LEARNED_FROM[made.model.family],
    )

"""Films of one growing bone with the age and sex of each: what a network that ages bones sees."""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from bonestudio.cohorts import Cohort, RsnaBoneAge, Subset
from bonestudio.errors import TrainingError
from bonestudio.training.films import Films, Pixels, known, open_cohort, read_films
from bonestudio.training.order import Rows
from bonestudio.training.recipes import Source
from bonestudio.training.virtual import OrderedPhantoms

MALE = {"M": 1.0, "F": 0.0, None: None}
CLASS_YEARS = 4.0


class GrowingBone(Source):
    """Which bone: a folder of hands or of bones already cut out, or virtual patients.

    Attributes
    ----------
    bone
        Lower end of the femur, or middle phalanx.
    count, ages
        Virtual patients and their ages (years).
    fingers, contrast
        Fingers (2: index) whose middle phalanges are cut out of the hands of the bone-age challenge,
        and how much contrast they must have (see
        :class:`bonestudio.cohorts.rsna_phalanges.RsnaPhalanges`).
    validation
        Learn from the validation patients, too: 80 % of all, where the paper learns from 70.
    balance
        0 shows every film as often as any other, 1 every age class; between, the rarer classes
        are shown more often than they occur, but not as often as the others.
    """

    bone: Literal["femur", "phalange"] = "phalange"
    count: PositiveInt = 1500
    ages: tuple[float, float] = (0.0, 19.0)
    fingers: tuple[int, ...] = (2,)
    contrast: NonNegativeFloat = 0.0
    validation: bool = False
    balance: NonNegativeFloat = 0.0


class GrowingFilms(Films):
    """Films with age (years) and male (1, 0, NaN unknown); a batch has 'image', 'age', 'male'.

    ``weights`` say how often each film is shown, where ``balance`` asks for that.
    """

    def __init__(
        self,
        pixels: Pixels,
        ages: NDArray[np.float32],
        male: NDArray[np.float32],
        *,
        balance: float = 0.0,
    ) -> None:
        super().__init__(pixels)
        self.ages, self.male = torch.from_numpy(ages), torch.from_numpy(male)
        self.weights = _rare_more_often(ages, balance) if balance else None

    def batch(self, rows: Rows) -> Any:
        """Return the films of these rows with what is known of them."""
        chosen = torch.from_numpy(rows)
        return {
            "image": super().batch(rows),
            "age": self.ages[chosen],
            "male": self.male[chosen],
        }


class OtherAges:
    """Ages of the same films in an order of their own: what else a bone may be drawn at.

    Ages follow those of the films, since a discriminator that never sees a real bone of an age
    calls every one false, and teaches nothing about it.
    """

    def __init__(self, films: GrowingFilms) -> None:
        self.ages, self.weights = films.ages, films.weights

    def __len__(self) -> int:
        return len(self.ages)

    def __getitem__(self, row: int) -> Tensor:
        return self.ages[row]

    def batch(self, rows: Rows) -> Tensor:
        """Return the ages [n] of these rows, in years."""
        return self.ages[torch.from_numpy(rows)]


def open_bones(data: GrowingBone) -> Cohort:
    """Open the bones that a recipe asks for; those of unknown age are left out."""
    if data.source == "phantom":
        return OrderedPhantoms(data.bone, data.count, ages=data.ages)
    cohort = open_cohort(data.source, phantom=data.bone, count=data.count)
    if isinstance(cohort, RsnaBoneAge):
        if data.bone != "phalange":
            raise TrainingError(
                "These are hands, which have no femur; train a phalange recipe on them, or give a "
                "folder of femora."
            )
        return cohort.phalanges(fingers=data.fingers, min_contrast=data.contrast)
    told = [i for i, entry in enumerate(cohort.entries) if entry.age is not None]
    if not told:
        raise TrainingError(
            "Ageing is learned from films of known age; put a labels.csv with the columns file, age "
            "(years) and sex (F, M or empty) beside them."
        )
    return cohort if len(told) == len(cohort) else Subset(cohort, told)


def growing_films(cohort: Cohort, *, size: int = 128, balance: float = 0.0) -> GrowingFilms:
    """Read (or render) the films of a cohort once; they are kept in the cache folder."""
    return GrowingFilms(
        read_films(cohort, size=size, what="bones"),
        known([entry.age for entry in cohort.entries]),
        known([MALE[entry.sex] for entry in cohort.entries]),
        balance=balance,
    )


def _rare_more_often(ages: NDArray[np.float32], balance: float) -> NDArray[np.float64]:
    """Weigh each film by the size of its age class to the power −balance."""
    classes = (ages // CLASS_YEARS).astype(np.int64)
    sizes = np.bincount(classes)
    weights: NDArray[np.float64] = np.power(sizes[classes].astype(np.float64), -balance)
    return weights

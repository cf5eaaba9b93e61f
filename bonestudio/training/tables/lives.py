"""The same virtual patients at several ages: the truth that ageing is held against."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.cohorts.sample import Entry
from bonestudio.phantoms.ordering import Order
from bonestudio.training.films import read_films
from bonestudio.training.growing import MALE
from bonestudio.training.virtual import OrderedPhantoms

YEARS = (2.0, 6.0, 10.0, 14.0, 18.0)  # the middles of the five classes
AGAIN = 0.001  # years: the same bone in another pose, under another film's grain


class Lives(OrderedPhantoms):
    """``count`` patients, each imaged at all ``ages``; the patient changes slowest."""

    def __init__(self, kind: Any, count: int, *, seed: int, ages: tuple[float, ...]) -> None:
        self.kind, self.options = kind, {"ordered": True}
        self.orders = tuple(
            Order(kind=kind, seed=number, sex="M" if number % 2 else "F", style="natural", age=age)
            for number in range(seed, seed + count)
            for age in ages
        )
        self.entries = tuple(
            Entry(name=f"{kind}-{o.name}-{o.age}", patient=o.name, age=o.age, sex=o.sex)
            for o in self.orders
        )


@dataclass(frozen=True)
class Grown:
    """Films [patients, ages, size, size] in 0 … 255, and male [patients] (1, 0)."""

    films: NDArray[np.uint8]
    male: NDArray[np.float32]


def grow(kind: str, count: int, *, seed: int, later: float = 0.0, size: int = 128) -> Grown:
    """Render patients at :data:`YEARS` (plus ``later`` years); films are kept in the cache folder."""
    lives = Lives(kind, count, seed=seed, ages=tuple(year + later for year in YEARS))
    films = read_films(lives, size=size, what=f"{kind}s")
    sexes = [entry.sex for entry in lives.entries[:: len(YEARS)]]
    return Grown(
        films.reshape(count, len(YEARS), size, size), np.array([MALE[s] for s in sexes], np.float32)
    )

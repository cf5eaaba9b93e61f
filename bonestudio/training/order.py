"""Which images a step sees: a pure function of the seed and of how many were shown before.

Nothing is stored, so a resumed run draws what the unkilled one would have drawn, whatever the
number of loader processes, and all processes together see what one alone would have seen.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.training.schedules import Plan

Rows = NDArray[np.int64]


def key_of(*parts: object) -> int:
    """Return a 63-bit seed for a purpose: the same parts give the same seed, everywhere."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


class Order:
    """The endless order of one data set: a new permutation each epoch.

    With ``weights`` (one per image) an epoch is drawn with replacement instead, in proportion to
    them: the way out of unbalanced classes.
    """

    def __init__(
        self,
        length: int,
        *,
        seed: int,
        domain: str,
        weights: NDArray[np.floating] | None = None,
    ) -> None:
        self.length, self.seed, self.domain = length, seed, domain
        self._share = None if weights is None else np.asarray(weights) / np.sum(weights)
        self._epoch, self._drawn = -1, np.empty(0, np.int64)

    def rows(self, first: int, count: int) -> Rows:
        """Row numbers of the images ``first`` … ``first + count − 1`` of the order."""
        parts, position, end = [], first, first + count
        while position < end:
            epoch, inside = divmod(position, self.length)
            stop = min(self.length, inside + end - position)
            parts.append(self._draw(epoch)[inside:stop])
            position += stop - inside
        return np.concatenate(parts)

    def _draw(self, epoch: int) -> Rows:
        if epoch != self._epoch:
            random = np.random.default_rng(key_of(self.seed, "order", self.domain, epoch))
            self._drawn = (
                random.permutation(self.length)
                if self._share is None
                else random.choice(self.length, self.length, p=self._share)
            )
            self._epoch = epoch
        return self._drawn


@dataclass(frozen=True)
class Ticket:
    """What one process fetches for one step: row numbers and the position of the first of them."""

    rows: Mapping[str, Rows]
    first: int


@dataclass(frozen=True)
class Tickets:
    """The tickets of one process, from a step to the end of the plan."""

    orders: Mapping[str, Order]
    plan: Plan
    start: int
    rank: int = 0
    processes: int = 1

    def __len__(self) -> int:
        return self.plan.steps - self.start

    def __iter__(self) -> Iterator[Ticket]:
        for step in range(self.start, self.plan.steps):
            place = self.plan.at(step)
            mine = place.batch // self.processes
            first = place.samples + self.rank * mine
            rows = {name: order.rows(first, mine) for name, order in self.orders.items()}
            yield Ticket(rows, first)

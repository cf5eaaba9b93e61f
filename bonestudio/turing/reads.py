"""The answers of an unblinded study as arrays, and which of them are analysed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import StudyError

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ReaderReads:
    """One reader's answers of one round, without practice and repeats, in the order of reading.

    ``truth`` and ``said`` are True for synthetic (or for 'the second image is the older one').
    """

    reader: str
    items: tuple[str, ...]
    groups: tuple[str, ...]
    truth: NDArray[np.bool_]
    said: NDArray[np.bool_]
    confidence: NDArray[np.int_]
    milliseconds: NDArray[np.int_]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Which answers are right."""
        return np.asarray(self.truth == self.said)

    @property
    def rating(self) -> NDArray[np.float64]:
        """Graded rating from −5 (surely real) to 5 (surely synthetic), for ROC analysis."""
        return np.where(self.said, self.confidence, -self.confidence).astype(np.float64)


def by_reader(rows: Rows, *, round_number: int = 1) -> list[ReaderReads]:
    """Split the tidy table of a study with two answers by reader."""
    readers = list(dict.fromkeys(row["reader"] for row in rows))
    reads = [_reads(name, rows, round_number) for name in readers]
    kept = [one for one in reads if len(one.items)]
    if not kept:
        raise StudyError("There are no answers to analyse yet.")
    return kept


def says_true(row: Mapping[str, Any]) -> bool:
    """Whether an answer says 'synthetic', or points at the second image of a pair as the older.

    The second image stands on the right unless the pair was swapped.
    """
    if row["choice"] in {"real", "synthetic"}:
        return bool(row["choice"] == "synthetic")
    return bool((row["choice"] == "right") != row["swapped"])


def repeated(rows: Rows, reader: str) -> list[tuple[bool, bool]]:
    """Return a reader's first and second answer to each hidden repeat."""
    mine = [row for row in rows if row["reader"] == reader and not row["practice"]]
    first = {(row["round"], row["item"]): row for row in mine if not row["repeat"]}
    return [
        (says_true(first[row["round"], row["item"]]), says_true(row))
        for row in mine
        if row["repeat"] and (row["round"], row["item"]) in first
    ]


def _reads(name: str, rows: Rows, round_number: int) -> ReaderReads:
    mine = [
        row
        for row in rows
        if row["reader"] == name
        and row["round"] == round_number
        and not row["practice"]
        and not row["repeat"]
    ]
    return ReaderReads(
        reader=name,
        items=tuple(row["item"] for row in mine),
        groups=tuple(row["group"] for row in mine),
        truth=np.array([row["truth"] in {"synthetic", "progression"} for row in mine], dtype=bool),
        said=np.array([says_true(row) for row in mine], dtype=bool),
        confidence=np.array([row["confidence"] or 0 for row in mine], dtype=int),
        milliseconds=np.array([row["milliseconds"] for row in mine], dtype=int),
    )

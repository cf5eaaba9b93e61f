"""What really comes next: bones aged by the models against the same virtual patients, grown.

Phantoms have a past and a future, so a drawn bone is held against the true one: how alike they are
(SSIM, PSNR), whether it looks its age (an independent reader), whether it is still that patient.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bonestudio.errors import CheckpointError, RequestError
from bonestudio.instruments.age.frames import with_detail
from bonestudio.metrics.extractors import BoneFeatures, find_extractor
from bonestudio.metrics.images import psnr, ssim
from bonestudio.training.tables.agers import BAPGAN, MANY, Ager, Films, as_unit, trained
from bonestudio.training.tables.identity import SamePatient
from bonestudio.training.tables.lives import AGAIN, YEARS, Grown, grow
from bonestudio.training.tables.table import Cell, Table

READER = "growing-phantom"
STEPS = (4, 8, 12, -4, -8, -12)  # years
SCORES = ("SSIM", "PSNR, dB", "age error, years", "same patient, top-1 of {count}")
BLUR = 1.0  # pixels
LEARNED_FROM = 1_000_000  # seeds above the patients' own: whom the identity is learned from
Males = NDArray[np.float32]
Draw = Callable[[Films, float, float, Males], Films]
"""Films, their age, the age asked for, male → films."""
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Judges:
    """Who judges a drawn film: a reader of ages, and a measure of identity."""

    reader: BoneFeatures
    same: SamePatient

    def ages(self, films: Films) -> Values:
        """Read ages in years."""
        read: Values = self.reader.read(list(as_unit(films)))["age"].double().numpy()
        return read


def truth_table(*, bone: str, count: int, others: int, seed: int) -> Table:
    """Score the models, and what needs no model, on ``count`` patients and six steps of age."""
    check_patients(count, others)
    reader = find_extractor(READER)
    if not isinstance(reader, BoneFeatures) or bone not in reader.kinds:
        raise CheckpointError(f"The extractor {reader.name} cannot read the age of a {bone}.")
    grown = grow(bone, count, seed=seed)
    again = grow(bone, count, seed=seed, later=AGAIN)
    judges = Judges(reader, SamePatient(grow(bone, others, seed=seed + LEARNED_FROM).films))
    rows: list[list[Cell]] = []
    for step in STEPS:
        for name, draw in _methods(bone).items():
            found = [_score(grown, *pair, draw, judges) for pair in _pairs(step)]
            rows.append([f"{step:+d}", name, *_cells(np.stack(found))])
        found = [_score(grown, *pair, None, judges, again) for pair in _pairs(step)]
        rows.append([f"{step:+d}", "the truth, filmed again", *_cells(np.stack(found))])
    scores = [score.format(count=count) for score in SCORES]
    return Table(
        name=f"age-truth-{bone}",
        title=f"Aged {MANY[bone]} against the same virtual patients at that age",
        columns=["years", "drawn by", *scores],
        rows=rows,
        plotted=scores,
        along="years",
        notes=_notes(count, others, seed, reader),
    )


def check_patients(count: int, others: int) -> None:
    """Refuse so few that nobody can be mistaken for another."""
    if count < 8 or others < 8:
        raise RequestError(f"At least 8 patients are needed, not {min(count, others)}.")


def _notes(count: int, others: int, seed: int, reader: BoneFeatures) -> list[str]:
    years = ", ".join(f"{year:g}" for year in YEARS)
    return [
        f"{count} patients from seed {seed}, whom neither models nor reader have seen; all pairs of the ages {years}.",
        "Intervals: 95 %, over patients.",
        f"Age error: |age read − age asked for|, read by {reader}; its own error, and that of children who mature early or late, is in 'the truth, filmed again'.",
        f"Same patient: of the true films of all {count} at that age, the patient's own is most like the drawn one. Likeness: cosine between linear discriminants of {others} other patients.",
        "Copies: the film that was given, as it is or blurred by one pixel.",
        "Codes moved: what codes have in common at the film's age is exchanged for what they have at the age asked for. The studio shows this, with the film's own detail where age changes nothing.",
        "The truth, filmed again: the same bone in another pose under another grain, the most that can be reached.",
    ]


def _methods(bone: str) -> Mapping[str, Draw]:
    """Name what draws a film at another age: two that change nothing, then the models."""
    methods: dict[str, Draw] = {
        "a copy": lambda films, _now, _age, _male: films,
        "a copy, blurred": lambda films, _now, _age, _male: gaussian_filter(films, (0, BLUR, BLUR)),
    }
    for model, checkpoint in trained(bone, "phantom"):
        if checkpoint is None:
            continue
        ager = Ager(checkpoint)
        methods[model.name] = _Drawn(ager)
        if model is BAPGAN and "drift" in ager.card.settings:
            methods[f"{model.name}, codes moved"] = along = _Drawn(ager, along=True)
            methods[f"{model.name}, as the studio shows it"] = partial(_detailed, along)
    return methods


class _Drawn:
    """A model's films of the one set of patients; each pair of ages is drawn once.

    ``along`` moves the codes to the age asked for, as the studio does and the paper does not.
    """

    def __init__(self, ager: Ager, *, along: bool = False) -> None:
        self._ager, self._along = ager, along
        self._done: dict[tuple[float, float], Films] = {}

    def __call__(self, films: Films, now: float, age: float, male: Males) -> Films:
        if (now, age) not in self._done:
            ages, own = (np.full(len(films), years, np.float32) for years in (age, now))
            told = own if self._along else None
            self._done[now, age] = self._ager.draw(films, ages, male, now=told)
        return self._done[now, age]


def _detailed(draw: _Drawn, films: Films, now: float, age: float, male: Males) -> Films:
    """Keep the film's own detail where age changes nothing."""
    before, after = (as_unit(draw(films, now, years, male)) for years in (now, age))
    kept = [
        with_detail(drawn[None], own, film)[0]
        for drawn, own, film in zip(after, before, as_unit(films), strict=True)
    ]
    levels: Films = (np.stack(kept) * 255).round().astype(np.uint8)
    return levels


def _pairs(step: int) -> Iterator[tuple[int, int]]:
    """Places in YEARS that lie ``step`` years apart: from, to."""
    for start, year in enumerate(YEARS):
        if year + step in YEARS:
            yield start, YEARS.index(year + step)


def _score(
    grown: Grown,
    start: int,
    end: int,
    draw: Draw | None,
    judges: Judges,
    again: Grown | None = None,
) -> Values:
    """Scores [4, patients] of one pair of ages."""
    truth = grown.films[:, end]
    if draw is not None:
        made = draw(grown.films[:, start], YEARS[start], YEARS[end], grown.male)
    else:
        assert again is not None  # noqa: S101 – without a drawer the truth is filmed again
        made = again.films[:, end]
    pairs: Any = list(zip(as_unit(made), as_unit(truth), strict=True))
    return np.stack(
        [
            [ssim(a, b) for a, b in pairs],
            [psnr(a, b) for a, b in pairs],
            np.abs(judges.ages(made) - YEARS[end]),
            judges.same.found(made, among=truth),
        ]
    )


def _cells(found: NDArray[np.float64]) -> list[Cell]:
    """Means of [pairs, 4, patients] with their intervals over patients."""
    each = found.mean(0)
    means, reach = each.mean(1), 1.96 * each.std(1, ddof=1) / np.sqrt(each.shape[1])
    return [(float(m), float(m - r), float(m + r)) for m, r in zip(means, reach, strict=True)]

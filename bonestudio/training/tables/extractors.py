"""How well the extractors behind FID read bones that they have not seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.cohorts import Cohort, RsnaBoneAge
from bonestudio.errors import RequestError
from bonestudio.metrics.classification import share
from bonestudio.metrics.extractors import BoneFeatures, extractor_names, find_extractor
from bonestudio.training.films import open_cohort
from bonestudio.training.reading import answers
from bonestudio.training.tables.table import Cell, Table
from bonestudio.training.virtual import OrderedPhantoms
from bonestudio.training.virtual_scans import RadiusStacks

COLUMNS = (
    "extractor",
    "data",
    "N",
    "age error, years",
    "error of the mean age, years",
    "sex right",
    "kind right",
    "fracture right",
    "grade error",
    "grade right",
)


def extractors_table(*, data: str, count: int, seed: int) -> Table:
    """Let every shipped bone extractor read virtual patients with new seeds, or a folder's images.

    A folder is one of hands for extractors of films; those of scans read virtual patients alone.
    """
    if count < 2:
        raise RequestError(f"At least 2 patients of each kind are read, not {count}.")
    found = [find_extractor(name) for name in extractor_names()]
    bones = [extractor for extractor in found if isinstance(extractor, BoneFeatures)]
    if not bones:
        raise RequestError("There is no extractor yet; 'bonestudio train extractors/…' makes one.")
    rows: list[list[Cell]] = []
    for extractor in bones:
        if data != "phantom" and extractor.dims == 2:
            rows.append(_row(extractor, *_folder(extractor, data, count)))
        elif data == "phantom":
            for kind in extractor.kinds:
                rows.append(_row(extractor, kind, _patients(extractor, kind, count, seed)))  # noqa: PERF401 – each takes its time
    rows.append(
        [
            "best of the challenge (Halabi et al. 2019)",
            "200 hands, 12 611 to learn from",
            200,
            4.2 / 12,
            *[None] * (len(COLUMNS) - 4),
        ]
    )
    return Table(
        name="extractors",
        title="What the feature extractors read from bones that they have not seen",
        columns=COLUMNS,
        rows=rows,
        plotted=COLUMNS[3:],
        labels=2,
        notes=[
            "Means and shares with 95 % intervals (normal for errors, Wilson's for shares).",
            "The error of the mean age is that of always answering the mean age of these patients.",
            f"Virtual patients: {count} of each kind, seeds from {seed}, none of them trained on."
            if data == "phantom"
            else "Real films: the test part (20 %) of the folder's split by patient.",
        ],
    )


def _folder(extractor: BoneFeatures, data: str, count: int) -> tuple[str, Cohort]:
    """Open what a folder holds for this extractor: whole hands, or phalanges cut out of them."""
    hands = open_cohort(data, phantom="hand", count=count)
    if "hand" not in extractor.kinds and isinstance(hands, RsnaBoneAge):
        return "phalange", hands.phalanges(fingers=(2, 3, 4), min_contrast=0.12).split("test")
    return "hand", hands.split("test")


def _patients(extractor: BoneFeatures, kind: str, count: int, seed: int) -> Cohort:
    """Virtual patients as films, or as scans on the grid that the extractor sees."""
    if extractor.dims == 3:
        slices, rows, columns = extractor.card.settings["scan"]["shape"]
        return RadiusStacks(count, seed=seed, shape=(slices, rows, columns))
    return OrderedPhantoms(kind, count, seed=seed)


def _row(extractor: BoneFeatures, kind: str, cohort: Cohort) -> list[Cell]:
    read = extractor.read([sample.image for sample in cohort], batch=32)
    told = {name: value.float().numpy() for name, value in read.items()}
    truth = answers(cohort.entries)
    kinds = extractor.kinds
    right: Cell = None
    if len(kinds) > 1 and kind in kinds:
        hit = told["kind"].argmax(1) == kinds.index(kind)
        right = _share(hit)
    ages = truth["age"][np.isfinite(truth["age"])]
    return [
        str(extractor),
        f"{kind} ({cohort.source})",
        len(cohort),
        _error(told.get("age"), truth["age"]),
        float(np.abs(ages - ages.mean()).mean()) if len(ages) else None,
        _right(told.get("male"), truth["male"]),
        right,
        _right(told.get("abnormal"), truth["abnormal"]),
        _error(told.get("grade"), truth["grade"]),
        _same(told.get("grade"), truth["grade"]),
    ]


def _error(answer: NDArray[Any] | None, truth: NDArray[Any]) -> Cell:
    """Mean |answer − truth| where it is known, with the interval of a mean."""
    here = np.isfinite(truth)
    if answer is None or here.sum() < 2:
        return None
    errors = np.abs(answer - truth)[here]
    mean, reach = float(errors.mean()), float(1.96 * errors.std(ddof=1) / np.sqrt(here.sum()))
    return mean, mean - reach, mean + reach


def _right(answer: NDArray[Any] | None, truth: NDArray[Any]) -> Cell:
    here = np.isfinite(truth)
    if answer is None or not here.any():
        return None
    return _share((answer[here] > 0) == (truth[here] > 0.5))


def _same(answer: NDArray[Any] | None, truth: NDArray[Any]) -> Cell:
    """Share of whole grades that are the right one."""
    here = np.isfinite(truth)
    if answer is None or not here.any():
        return None
    return _share(np.rint(answer[here]) == truth[here])


def _share(hit: NDArray[Any]) -> Cell:
    found = share(int(hit.sum()), len(hit))
    return found.value, found.low, found.high

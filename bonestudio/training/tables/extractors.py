"""How well the extractors behind FID read bones that they have not seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.cohorts import Cohort
from bonestudio.errors import RequestError
from bonestudio.metrics.classification import share
from bonestudio.metrics.extractors import BoneFeatures, extractor_names, find_extractor
from bonestudio.training.films import known, open_cohort
from bonestudio.training.tables.table import Cell, Table
from bonestudio.training.virtual import OrderedPhantoms

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
)
Truth = dict[str, NDArray[np.float32]]


def extractors_table(*, data: str, count: int, seed: int) -> Table:
    """Let every shipped bone extractor read virtual patients with new seeds, or a folder's hands."""
    if count < 2:
        raise RequestError(f"At least 2 patients of each kind are read, not {count}.")
    found = [find_extractor(name) for name in extractor_names()]
    bones = [extractor for extractor in found if isinstance(extractor, BoneFeatures)]
    if not bones:
        raise RequestError("There is no extractor yet; 'bonestudio train extractors/…' makes one.")
    rows: list[list[Cell]] = []
    for extractor in bones:
        if data != "phantom" and extractor.dims == 2:
            cohort = open_cohort(data, phantom="hand", count=count).split("test")
            rows.append(_row(extractor, "hand", cohort))
        elif data == "phantom":
            for kind in extractor.kinds:
                rows.append(_row(extractor, kind, OrderedPhantoms(kind, count, seed=seed)))  # noqa: PERF401 – each takes its time
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


def _row(extractor: BoneFeatures, kind: str, cohort: Cohort) -> list[Cell]:
    told = extractor.read([sample.image for sample in cohort], batch=32)
    answers = {name: value.float().numpy() for name, value in told.items()}
    truth = _truth(cohort)
    kinds = extractor.kinds
    right: Cell = None
    if len(kinds) > 1 and kind in kinds:
        hit = answers["kind"].argmax(1) == kinds.index(kind)
        right = _share(hit)
    ages = truth["age"][np.isfinite(truth["age"])]
    return [
        str(extractor),
        f"{kind} ({cohort.source})",
        len(cohort),
        _error(answers["age"], truth["age"]),
        float(np.abs(ages - ages.mean()).mean()) if len(ages) else None,
        _right(answers["male"], truth["male"]),
        right,
        _right(answers["abnormal"], truth["abnormal"]),
        _error(answers["grade"], truth["grade"]),
    ]


def _truth(cohort: Cohort) -> Truth:
    entries = cohort.entries
    male = {"M": 1.0, "F": 0.0, None: None}
    return {
        "age": known([entry.age for entry in entries]),
        "male": known([male[entry.sex] for entry in entries]),
        "abnormal": known([entry.labels.get("abnormal") for entry in entries]),
        "grade": known([entry.labels.get("grade") for entry in entries]),
    }


def _error(answer: NDArray[Any], truth: NDArray[Any]) -> Cell:
    """Mean |answer − truth| where it is known, with the interval of a mean."""
    here = np.isfinite(truth)
    if here.sum() < 2:
        return None
    errors = np.abs(answer - truth)[here]
    mean, reach = float(errors.mean()), float(1.96 * errors.std(ddof=1) / np.sqrt(here.sum()))
    return mean, mean - reach, mean + reach


def _right(answer: NDArray[Any], truth: NDArray[Any]) -> Cell:
    here = np.isfinite(truth)
    return _share((answer[here] > 0) == (truth[here] > 0.5)) if here.any() else None


def _share(hit: NDArray[Any]) -> Cell:
    found = share(int(hit.sum()), len(hit))
    return found.value, found.low, found.high

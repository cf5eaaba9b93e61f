"""How well the classifiers of fractures judge studies, whether their probabilities hold, where they look."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from bonestudio.cohorts import Cohort
from bonestudio.errors import RequestError
from bonestudio.instruments.fracture.abnormality import AbnormalityClassifier, classifiers
from bonestudio.metrics.calibration import brier, calibration_error, reliability
from bonestudio.metrics.classification import Estimate, classify, share
from bonestudio.training.arm_studies import SEEDS, ArmStudies
from bonestudio.training.studies import open_labelled, study_of
from bonestudio.training.tables.table import Cell, Table

UNSEEN = SEEDS + 1_000_000  # virtual patients that no recipe trains on
AROUND = 10.0  # mm about a break that still count as on it
_BATCH = 32
SCORES = ("accuracy", "kappa", "auc", "sensitivity", "specificity")


@dataclass
class Read:
    """What one classifier says about every film, and how much of its heat lies on the breaks."""

    p: list[float]
    heat: list[float]
    hits: list[bool]


def abnormality_tables(
    checkpoint: str | None, *, data: str, region: str, count: int
) -> tuple[Table, Table]:
    """Judge studies that no classifier has seen: the scores, and the calibration plot."""
    if count < 4:
        raise RequestError(f"At least 4 patients of each kind are judged, not {count}.")
    names = [checkpoint] if checkpoint else [card.id for card in classifiers()]
    if not names:
        raise RequestError(
            "There is no classifier yet; 'bonestudio train fracture/densenet169-forearm-phantom' "
            "makes one."
        )
    judges = {name: AbnormalityClassifier(name) for name in names}
    for judge in judges.values():
        judge.card  # noqa: B018 – an unknown name is refused before anything is rendered
    cohorts = _open(data, region, count)
    entries = [(cohort.source, entry) for cohort in cohorts for entry in cohort.entries]
    truth = np.array([entry.labels["abnormal"] for _, entry in entries]) > 0.5
    studies = [study_of(source, entry) for source, entry in entries]
    read, areas = _judge(judges, cohorts)
    rows: list[list[Cell]] = []
    curve: list[list[Cell]] = [
        [x, "a probability that means what it says", x, 0] for x in (0.0, 1.0)
    ]
    for name, told in read.items():
        p = np.array(told.p)
        rows.append([name, *_scores(p, truth, studies), *_looked(told, areas)])
        curve += [
            [b.said, name, (b.true.value, b.true.low, b.true.high), b.true.n]
            for b in reliability(p, truth)
        ]
    of = "virtual patients" if data == "phantom" else Path(data).name
    return (
        Table(
            name="abnormality",
            title="Classifiers of fractures on studies that they have not seen",
            columns=(
                "classifier",
                "studies",
                *SCORES,
                "calibration error",
                "Brier score",
                "heat on the break",
                "area of the break",
                "hottest point on the break",
            ),
            rows=rows,
            plotted=("accuracy", "kappa", "auc", "heat on the break"),
            notes=_notes(of, len(truth)),
        ),
        Table(
            name="calibration",
            title="What the classifiers say, and what is true",
            columns=("probability said", "whose", "truly abnormal", "films"),
            rows=curve,
            plotted=("truly abnormal",),
            along="probability said",
            notes=[f"{len(truth)} films of {of} in ten bins of equal width; Wilson's intervals."],
        ),
    )


def _open(data: str, region: str, count: int) -> Sequence[Cohort]:
    if data == "phantom":
        return [ArmStudies(("forearm", "wrist"), count, seed=UNSEEN, evened=False)]
    return [cohort.split("test") for cohort in open_labelled(Path(data), [region])]


def _judge(
    judges: dict[str, AbnormalityClassifier], cohorts: Sequence[Cohort]
) -> tuple[dict[str, Read], list[float]]:
    """Show every film to every classifier; areas are the breaks' shares of their films."""
    read = {name: Read([], [], []) for name in judges}
    areas: list[float] = []
    for cohort in cohorts:
        for first in range(0, len(cohort), _BATCH):
            some = [cohort[i] for i in range(first, min(first + _BATCH, len(cohort)))]
            masks = [_around(sample.masks.get("fracture"), sample.spacing) for sample in some]
            areas += [float(mask.mean()) for mask in masks if mask is not None]
            for name, judge in judges.items():
                told = judge.judge([sample.image for sample in some])
                read[name].p += told.views
                for heat, mask in zip(told.heat, masks, strict=True):
                    if mask is not None:
                        read[name].heat.append(float(heat[mask].sum() / max(heat.sum(), 1e-12)))
                        read[name].hits.append(
                            bool(mask[np.unravel_index(heat.argmax(), heat.shape)])
                        )
    return read, areas


def _around(
    mask: NDArray[np.bool_] | None, spacing: tuple[float, ...] | None
) -> NDArray[np.bool_] | None:
    """All that lies within AROUND millimetres of a break; None where there is none to be seen."""
    if mask is None or spacing is None or not mask.any():
        return None
    near: NDArray[np.bool_] = distance_transform_edt(~mask, sampling=spacing) <= AROUND
    return near


def _scores(p: NDArray[Any], truth: NDArray[np.bool_], studies: Sequence[str]) -> list[Cell]:
    _, number = np.unique(studies, return_inverse=True)
    count = np.bincount(number)
    means, broken = np.bincount(number, p) / count, np.bincount(number, truth) / count > 0.5
    found = classify(means, broken)
    return [
        len(means),
        *(_cell(getattr(found, name)) for name in SCORES),
        calibration_error(p, truth),
        brier(p, truth),
    ]


def _looked(told: Read, areas: Sequence[float]) -> list[Cell]:
    if len(areas) < 2:
        return [None, None, None]
    heat = np.array(told.heat)
    mean, reach = float(heat.mean()), float(1.96 * heat.std(ddof=1) / np.sqrt(len(heat)))
    hits = share(sum(told.hits), len(told.hits))
    return [(mean, mean - reach, mean + reach), float(np.mean(areas)), _cell(hits)]


def _cell(found: Estimate) -> Cell:
    return found.value, found.low, found.high


def _notes(of: str, films: int) -> list[str]:
    return [
        f"{films} films of {of}; a study's probability is the mean over its views, called above 0.5.",
        "Virtual patients are seen twice, whole and broken; the intervals take all studies for others'.",
        "95 % intervals: Wilson (shares), Fleiss (κ), DeLong (AUC), normal (heat).",
        "Calibration error and Brier score are of single films.",
        f"Heat: the share of Grad-CAM's map within {AROUND:g} mm of a break, over all broken films.",
        "Area: that region's own share of the film, which heat without sense would reach.",
        "Best published κ of MURA's hands: 0.851 (Rajpurkar et al. 2018), of real films.",
    ]

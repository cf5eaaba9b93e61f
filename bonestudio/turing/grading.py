"""Quality grades 1–5 against automatic realism scores, and against each other (paper 003, 4.5)."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bonestudio.errors import StudyError
from bonestudio.turing.agreement import alpha
from bonestudio.turing.protocol import Item
from bonestudio.turing.reads import Rows


@dataclass(frozen=True)
class Correlation:
    """Rank correlation of one expert's grades with one score over n images.

    Grade 1 is best, so a good score correlates negatively.
    """

    expert: str
    score: str
    spearman: float
    p_spearman: float
    kendall: float
    p_kendall: float
    n: int


@dataclass(frozen=True)
class Grading:
    """A whole grading study."""

    grades: dict[str, dict[str, int]]
    """Expert → item → grade."""
    correlations: tuple[Correlation, ...]
    weighted_kappa: dict[tuple[str, str], float]
    """Quadratically weighted κ of each pair of experts."""
    krippendorff: float
    """Ordinal α of all experts."""
    oneself: dict[str, tuple[float, int]]
    """Expert → quadratically weighted κ with his own hidden repeats, and their number."""


def analyse_grades(rows: Rows, items: tuple[Item, ...]) -> Grading:
    """Analyse the first reading of every expert."""
    grades: dict[str, dict[str, int]] = {}
    again: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["round"] == 1 and not row["practice"]:
            place = again if row["repeat"] else grades
            place.setdefault(row["reader"], {})[row["item"]] = int(row["choice"])
    if not grades:
        raise StudyError("There are no answers to analyse yet.")
    scores = {item.key: item.scores for item in items}
    names = sorted({name for given in scores.values() for name in given})
    return Grading(
        grades=grades,
        correlations=tuple(
            _correlate(expert, given, name, scores)
            for expert, given in grades.items()
            for name in names
        ),
        weighted_kappa={
            (a, b): _weighted_kappa(grades[a], grades[b]) for a, b in combinations(grades, 2)
        },
        krippendorff=_ordinal_alpha(list(grades.values())),
        oneself={
            expert: (_weighted_kappa(second, grades[expert]), len(second))
            for expert, second in again.items()
        },
    )


def _correlate(
    expert: str, given: dict[str, int], name: str, scores: dict[str, dict[str, float]]
) -> Correlation:
    from scipy.stats import kendalltau, spearmanr

    shared = [item for item in given if name in scores[item]]
    grade = np.array([given[item] for item in shared])
    score = np.array([scores[item][name] for item in shared])
    if len(shared) < 3 or len(set(grade)) < 2 or len(set(score)) < 2:
        nan = float("nan")
        return Correlation(expert, name, nan, nan, nan, nan, len(shared))
    rho, tau = spearmanr(grade, score), kendalltau(grade, score)
    return Correlation(
        expert,
        name,
        float(rho.statistic),
        float(rho.pvalue),
        float(tau.statistic),
        float(tau.pvalue),
        len(shared),
    )


def _ordinal_alpha(grades: list[dict[str, int]]) -> float:
    items = list(dict.fromkeys(item for given in grades for item in given))
    table = np.array([[given.get(item, np.nan) for item in items] for given in grades], dtype=float)
    return alpha(table, "ordinal")


def _weighted_kappa(first: dict[str, int], second: dict[str, int]) -> float:
    from sklearn.metrics import cohen_kappa_score

    shared = [item for item in first if item in second]
    a, b = [first[item] for item in shared], [second[item] for item in shared]
    if len({*a, *b}) < 2:  # one grade for all: agreement beyond chance has no meaning
        return float("nan")
    return float(cohen_kappa_score(a, b, labels=[1, 2, 3, 4, 5], weights="quadratic"))

"""How far readers agree: with each other, and each with himself."""

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import StudyError
from bonestudio.metrics.classification import Estimate, cohen_kappa
from bonestudio.turing.reads import ReaderReads, Rows, repeated


@dataclass(frozen=True)
class Agreement:
    """Agreement of two or more readers over the items that all of them answered (α: any two)."""

    pairs: dict[tuple[str, str], Estimate]
    """Cohen's κ of each pair."""
    fleiss: float
    krippendorff: float
    items: int


def between_readers(reads: list[ReaderReads]) -> Agreement:
    """Agree on what was said, whether right or wrong."""
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    if len(reads) < 2:
        raise StudyError("Agreement needs two readers or more.")
    table = answers_by_item(reads)  # [readers, items], NaN where not answered
    whole = ~np.isnan(table).any(axis=0)
    complete = table[:, whole]
    pairs = {}
    for a, b in combinations(range(len(reads)), 2):
        both = ~np.isnan(table[[a, b]]).any(axis=0)
        pairs[reads[a].reader, reads[b].reader] = _kappa(table[a, both], table[b, both])
    one_answer = len(np.unique(complete)) < 2
    return Agreement(
        pairs=pairs,
        fleiss=(
            float("nan")
            if one_answer
            else float(fleiss_kappa(aggregate_raters(complete.T.astype(int), n_cat=2)[0]))
        ),
        krippendorff=alpha(table, "nominal"),
        items=int(whole.sum()),
    )


def alpha(table: NDArray[np.float64], level: Literal["nominal", "ordinal"]) -> float:
    """Krippendorff's α of answers [readers, items], NaN where there is none; NaN where undefined."""
    import krippendorff

    paired = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        return float("nan")
    return float(krippendorff.alpha(paired, level_of_measurement=level))


def answers_by_item(reads: list[ReaderReads]) -> NDArray[np.float64]:
    """Lay the answers out as [readers, items]: 1 synthetic, 0 real, NaN not answered."""
    items = list(dict.fromkeys(item for one in reads for item in one.items))
    column = {item: i for i, item in enumerate(items)}
    table = np.full((len(reads), len(items)), np.nan)
    for row, one in enumerate(reads):
        for item, said in zip(one.items, one.said, strict=True):
            table[row, column[item]] = said
    return table


def with_oneself(rows: Rows, reader: str) -> Estimate | None:
    """Cohen's κ of a reader's two answers to the hidden repeats; None without repeats."""
    pairs = repeated(rows, reader)
    if not pairs:
        return None
    first, second = map(np.array, zip(*pairs, strict=True))
    return _kappa(first, second)


def between_readings(first: ReaderReads, later: ReaderReads) -> Estimate:
    """Cohen's κ of a reader's first reading with a later one, after the washout."""
    both = answers_by_item([first, later])
    whole = ~np.isnan(both).any(axis=0)
    return _kappa(both[0, whole], both[1, whole])


def _kappa(first: NDArray[Any], second: NDArray[Any]) -> Estimate:
    """Cohen's κ; not a number where all answers are one and the same, or none was given twice."""
    if len(np.unique([*first, *second])) < 2:
        return Estimate(float("nan"), float("nan"), float("nan"), len(first))
    return cohen_kappa(first, second)

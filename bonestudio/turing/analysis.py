"""What one reader's answers say: shares with intervals, tests against chance, d′, AUC, times.

Pure functions over :class:`bonestudio.turing.reads.ReaderReads`; several readers together are the
business of ``agreement`` and ``multireader``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.metrics.classification import Estimate, delong
from bonestudio.turing.reads import ReaderReads


@dataclass(frozen=True)
class Proportion:
    """k of n, with both usual 95 % intervals and the exact two-sided test against 50 %."""

    k: int
    n: int
    value: float
    wilson: tuple[float, float]
    clopper_pearson: tuple[float, float]
    p_chance: float


@dataclass(frozen=True)
class Detection:
    """Signal detection: sensitivity index d′ and criterion c, by the log-linear rule."""

    d_prime: float
    criterion: float


@dataclass(frozen=True)
class RealOrSynthetic:
    """One reader of a real-or-synthetic study (table 2 of the BAPGAN paper, and more)."""

    reader: str
    accuracy: Proportion
    real_as_real: Proportion
    synthetic_as_synthetic: Proportion
    detection: Detection
    auc: Estimate
    seconds: dict[str, float]
    """Median response time by true class."""

    @property
    def real_as_synthetic(self) -> float:
        """Share of real images called synthetic."""
        return 1 - self.real_as_real.value

    @property
    def synthetic_as_real(self) -> float:
        """Share of synthetic images called real."""
        return 1 - self.synthetic_as_synthetic.value


@dataclass(frozen=True)
class OlderOfTwo:
    """One reader of a progression/regression study (table 3 of the BAPGAN paper)."""

    reader: str
    accuracy: Proportion
    progression: Proportion
    regression: Proportion
    seconds: dict[str, float]


def proportion(k: int, n: int) -> Proportion:
    """Describe k successes of n tries."""
    from scipy.stats import binomtest

    if n == 0:
        nothing = (float("nan"), float("nan"))
        return Proportion(0, 0, float("nan"), nothing, nothing, float("nan"))
    test = binomtest(k, n, 0.5)
    wilson, exact = test.proportion_ci(method="wilson"), test.proportion_ci(method="exact")
    return Proportion(
        k,
        n,
        k / n,
        (float(wilson.low), float(wilson.high)),
        (float(exact.low), float(exact.high)),
        float(test.pvalue),
    )


def detection(hits: int, signals: int, false_alarms: int, noises: int) -> Detection:
    """d′ = z(H) − z(F), c = −(z(H) + z(F)) / 2 with ½ added to each cell (Hautus 1995)."""
    from scipy.stats import norm

    if not signals or not noises:
        return Detection(float("nan"), float("nan"))
    hit = norm.ppf((hits + 0.5) / (signals + 1))
    alarm = norm.ppf((false_alarms + 0.5) / (noises + 1))
    return Detection(float(hit - alarm), float(-(hit + alarm) / 2))


def real_or_synthetic(reads: ReaderReads) -> RealOrSynthetic:
    """Analyse one reader; 'synthetic' is the positive class."""
    truth, said = reads.truth, reads.said
    both = truth.any() and not truth.all()
    nothing = Estimate(float("nan"), float("nan"), float("nan"), len(truth))
    return RealOrSynthetic(
        reader=reads.reader,
        accuracy=proportion(int(reads.correct.sum()), len(truth)),
        real_as_real=proportion(int((~truth & ~said).sum()), int((~truth).sum())),
        synthetic_as_synthetic=proportion(int((truth & said).sum()), int(truth.sum())),
        detection=detection(
            int((truth & said).sum()),
            int(truth.sum()),
            int((~truth & said).sum()),
            int((~truth).sum()),
        ),
        auc=delong(reads.rating, truth) if both else nothing,
        seconds={
            "real": _median_seconds(reads.milliseconds[~truth]),
            "synthetic": _median_seconds(reads.milliseconds[truth]),
        },
    )


def older_of_two(reads: ReaderReads) -> OlderOfTwo:
    """Analyse one reader of pairs; ``truth`` is True where the second image is the older."""
    truth, correct = reads.truth, reads.correct
    return OlderOfTwo(
        reader=reads.reader,
        accuracy=proportion(int(correct.sum()), len(correct)),
        progression=proportion(int(correct[truth].sum()), int(truth.sum())),
        regression=proportion(int(correct[~truth].sum()), int((~truth).sum())),
        seconds={
            "progression": _median_seconds(reads.milliseconds[truth]),
            "regression": _median_seconds(reads.milliseconds[~truth]),
        },
    )


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Adjust p-values of subgroups for their number (Holm 1979)."""
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return {}
    adjusted = multipletests(list(p_values.values()), method="holm")[1]
    return dict(zip(p_values, map(float, adjusted), strict=True))


def by_group(reads: ReaderReads) -> dict[str, Proportion]:
    """Accuracy of one reader in each subgroup."""
    groups = np.array(reads.groups)
    return {
        str(group): proportion(
            int(reads.correct[groups == group].sum()), int((groups == group).sum())
        )
        for group in np.unique(groups)
    }


def _median_seconds(milliseconds: NDArray[np.int_]) -> float:
    return float(np.median(milliseconds) / 1000) if len(milliseconds) else float("nan")

"""The pooled result of several readers on the same cases: Obuchowski-Rockette, one modality.

Reads of one case by several readers are correlated, and so are reads of one reader: a binomial
test over all of them together takes 2 × 100 reads for 200 independent ones and is wrong. In the
model of Obuchowski & Rockette (1995), as Hillis (2014) unified it, readers and cases are both
random: Var(θ̄) = (MS(R) + J · max(Cov₂, 0)) / J with Satterthwaite's degrees of freedom.

MS(R) estimates σ²(R) + Var − Cov₂. With two or three readers it is often near zero by chance (two
readers with the same score would have no error at all), and the test rejects too often: 9 instead
of 5 of 100 studies of two guessing readers. So the pooled results here hold σ²(R) at zero or more:
MS(R) counts as at least Var − Cov₂, the error that the readers' own cases alone bring.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import StudyError
from bonestudio.turing.reads import ReaderReads

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """Mean figure of merit over readers, its 95 % interval and its test against chance."""

    estimate: float
    standard_error: float
    degrees_of_freedom: float
    low: float
    high: float
    p_chance: float
    readers: int
    cases: int


def pooled_accuracy(reads: list[ReaderReads]) -> Pooled:
    """Mean accuracy, readers and cases random."""
    correct, _, _ = _complete(reads)
    return _pool(correct.mean(1), jackknife(correct, lambda kept: kept.mean(1)), correct.shape[1])


def pooled_auc(reads: list[ReaderReads]) -> Pooled:
    """Mean area under the ROC curve of the graded confidences, readers and cases random."""
    _, ratings, truth = _complete(reads)
    if min(truth.sum(), (~truth).sum()) < 2:
        raise StudyError("An ROC analysis needs two cases or more of each class.")
    return _pool(areas(ratings, truth), delong_covariance(ratings, truth), ratings.shape[1])


def obuchowski_rockette(
    merits: Numbers, covariance_between_readers: float, *, own_variance: float = 0.0
) -> tuple[float, float, float]:
    """Return mean, standard error and degrees of freedom from readers' figures of merit [J].

    ``own_variance`` is the readers' mean variance Var over cases; where it is given, σ²(R) is
    held at zero or more. With one reader only the cases vary; that is the business of the
    reader's own interval.
    """
    count = len(merits)
    if count < 2:
        raise StudyError(
            "A pooled result needs two readers or more; see the reader's own interval."
        )
    mean_square = float(np.var(merits, ddof=1))
    shared = max(covariance_between_readers, 0.0)
    total = max(mean_square, own_variance - shared) + count * shared
    if total == 0:
        return float(np.mean(merits)), 0.0, float("inf")
    freedom = float("inf") if mean_square == 0 else (count - 1) * (total / mean_square) ** 2
    return float(np.mean(merits)), float(np.sqrt(total / count)), freedom


def areas(ratings: Numbers, truth: NDArray[np.bool_]) -> Numbers:
    """Empirical AUC of each reader, ratings [readers, cases]."""
    high, low = ratings[:, truth, None], ratings[:, None, ~truth]
    return np.asarray(((high > low) + 0.5 * (high == low)).mean((1, 2)))


def delong_covariance(ratings: Numbers, truth: NDArray[np.bool_]) -> Numbers:
    """Covariance [readers, readers] of the AUCs (DeLong 1988)."""
    high, low = ratings[:, truth, None], ratings[:, None, ~truth]
    psi = (high > low) + 0.5 * (high == low)  # [readers, positives, negatives]
    by_positive, by_negative = psi.mean(2), psi.mean(1)
    return np.asarray(
        np.atleast_2d(np.cov(by_positive)) / truth.sum()
        + np.atleast_2d(np.cov(by_negative)) / (~truth).sum()
    )


def jackknife(table: Numbers, merit: Callable[[Numbers], Numbers]) -> Numbers:
    """Covariance [readers, readers] of figures of merit, cases (columns) left out in turn."""
    cases = table.shape[1]
    left_out = np.stack([merit(np.delete(table, i, axis=1)) for i in range(cases)], axis=1)
    return np.asarray(np.atleast_2d(np.cov(left_out)) * (cases - 1) ** 2 / cases)


def _pool(merits: Numbers, covariance: Numbers, cases: int) -> Pooled:
    from scipy.stats import t

    count = len(merits)
    off_diagonal = covariance[~np.eye(count, dtype=bool)]
    mean, error, freedom = obuchowski_rockette(
        merits, float(off_diagonal.mean()), own_variance=float(np.diag(covariance).mean())
    )
    if error == 0:  # nothing varies (all readers are always right): there is no error to estimate
        unknown = float("nan")
        return Pooled(mean, unknown, unknown, unknown, unknown, unknown, count, cases)
    reach = float(t.ppf(0.975, freedom)) * error
    p = float(2 * t.sf(abs(mean - 0.5) / error, freedom))
    return Pooled(mean, error, freedom, mean - reach, mean + reach, p, count, cases)


def _complete(reads: list[ReaderReads]) -> tuple[Numbers, Numbers, NDArray[np.bool_]]:
    """Cases that all readers answered: correct [readers, cases], ratings, truth [cases]."""
    if len(reads) < 2:
        raise StudyError(
            "A pooled result needs two readers or more; see the reader's own interval."
        )
    shared = [item for item in reads[0].items if all(item in one.items for one in reads[1:])]
    if len(shared) < 2:
        raise StudyError("The readers have answered fewer than two items in common.")
    places = [[one.items.index(item) for item in shared] for one in reads]
    pairs = list(zip(reads, places, strict=True))
    correct = np.stack([one.correct[place] for one, place in pairs]).astype(np.float64)
    ratings = np.stack([one.rating[place] for one, place in pairs])
    return correct, ratings, reads[0].truth[places[0]]

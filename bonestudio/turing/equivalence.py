"""Equivalence with guessing: 'not significantly different from 50 %' is not 'no better than chance'.

Two one-sided tests (Schuirmann 1987) against the margin that the protocol set: accuracy is called
equivalent to 50 % when it is significantly above 50 % − margin and significantly below 50 % + margin.
"""

from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

from bonestudio.errors import RequestError


@dataclass(frozen=True)
class Equivalence:
    """Outcome of the two one-sided tests."""

    margin: float
    p_above_lower: float
    p_below_upper: float
    alpha: float

    @property
    def p(self) -> float:
        """The larger of the two, which decides."""
        return max(self.p_above_lower, self.p_below_upper)

    @property
    def equivalent(self) -> bool:
        """Whether both tests reject."""
        return self.p < self.alpha


def exact_tost(k: int, n: int, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """One reader: exact binomial tests of k right answers of n."""
    from scipy.stats import binomtest

    _check(margin, alpha)
    return Equivalence(
        margin,
        float(binomtest(k, n, 0.5 - margin, alternative="greater").pvalue),
        float(binomtest(k, n, 0.5 + margin, alternative="less").pvalue),
        alpha,
    )


def pooled_tost(
    estimate: float,
    standard_error: float,
    degrees_of_freedom: float,
    *,
    margin: float,
    alpha: float = 0.05,
) -> Equivalence:
    """Several readers: t-tests with the error of the Obuchowski-Rockette model (NaN without one)."""
    from scipy.stats import t

    _check(margin, alpha)
    if not standard_error > 0:  # nothing varied: there is no error to test with
        return Equivalence(margin, float("nan"), float("nan"), alpha)
    return Equivalence(
        margin,
        float(t.sf((estimate - (0.5 - margin)) / standard_error, degrees_of_freedom)),
        float(t.cdf((estimate - (0.5 + margin)) / standard_error, degrees_of_freedom)),
        alpha,
    )


def reads_needed(*, margin: float = 0.10, alpha: float = 0.05, power: float = 0.8) -> int:
    """Independent reads for equivalence with 50 % when that is the truth.

    n = (z₁₋α + z₁₋β/₂)² · ¼ / margin² (Chow, Shao & Wang 2008, section 4.2): 215 for ±10 points,
    α 0.05 and power 0.8 (214.1 before rounding up).
    """
    _check(margin, alpha)
    if not 0 < power < 1:
        raise RequestError(f"A power lies between 0 and 1, not at {power}.")
    # The standard library knows quantiles too; the form shows this number before SciPy is needed.
    quantile = NormalDist().inv_cdf
    z = quantile(1 - alpha) + quantile(1 - (1 - power) / 2)
    return ceil(z**2 * 0.25 / margin**2)


def _check(margin: float, alpha: float) -> None:
    if not 0 < margin < 0.5:
        raise RequestError(f"An equivalence margin lies between 0 and 0.5, not at {margin}.")
    if not 0 < alpha < 0.5:
        raise RequestError(f"A significance level lies between 0 and 0.5, not at {alpha}.")

"""The statistics of reader studies against independent software and published worked examples."""

import math

import numpy as np
import pytest
from scipy import stats

from bonestudio.errors import StudyError
from bonestudio.turing.agreement import alpha, between_readers, with_oneself
from bonestudio.turing.analysis import detection, holm, older_of_two, proportion, real_or_synthetic
from bonestudio.turing.equivalence import exact_tost, pooled_tost, reads_needed
from bonestudio.turing.multireader import (
    areas,
    delong_covariance,
    jackknife,
    obuchowski_rockette,
    pooled_accuracy,
    pooled_auc,
)
from bonestudio.turing.reads import ReaderReads, by_reader, says_true

RNG = np.random.default_rng(7)


def reads(name, truth, said, confidence=None):
    n = len(truth)
    return ReaderReads(
        reader=name,
        items=tuple(f"item {i}" for i in range(n)),
        groups=("",) * n,
        truth=np.asarray(truth, bool),
        said=np.asarray(said, bool),
        confidence=np.asarray(confidence if confidence is not None else [3] * n),
        milliseconds=np.arange(n) * 100,
    )


def panel(readers=4, cases=60, accuracy=0.7):
    truth = np.arange(cases) % 2 == 0
    hard = RNG.random(cases) < 0.3  # cases that are hard for all: reads are correlated
    made = []
    for i in range(readers):
        right = RNG.random(cases) < np.where(hard, accuracy - 0.25, accuracy)
        made.append(reads(f"R{i}", truth, truth == right, RNG.integers(1, 6, cases)))
    return made


# --- one reader -----------------------------------------------------------------------------


def test_intervals_and_test_agree_with_statsmodels():
    from statsmodels.stats.proportion import binom_test, proportion_confint

    for k, n in [(67, 100), (50, 100), (0, 20), (20, 20), (33, 50)]:
        ours = proportion(k, n)
        assert ours.wilson == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-9)
        exact = proportion_confint(k, n, method="beta")
        assert ours.clopper_pearson == pytest.approx(exact, abs=1e-9)
        assert ours.p_chance == pytest.approx(binom_test(k, n, 0.5), abs=1e-12)


def test_the_rows_of_table_2_of_the_paper_come_out():
    # CAAE, femur, orthopaedist A: R as R 74 %, S as S 57 % of 50 each would be 37 and 28.5; the
    # paper's own accuracy (67 %) weighs its classes, so a row is made here and laid out as there.
    truth = np.array([False] * 50 + [True] * 50)
    said = np.concatenate([np.arange(50) >= 37, np.arange(50) < 28])
    row = real_or_synthetic(reads("A", truth, said))
    assert row.real_as_real.value == pytest.approx(0.74)
    assert row.real_as_synthetic == pytest.approx(0.26)
    assert row.synthetic_as_synthetic.value == pytest.approx(0.56)
    assert row.synthetic_as_real == pytest.approx(0.44)
    assert row.accuracy.value == pytest.approx(0.65)
    assert row.seconds == {"real": pytest.approx(2.45), "synthetic": pytest.approx(7.45)}


def test_d_prime_of_a_known_observer():
    # H = 0.8413, F = 0.1587 for an unbiased observer with d' = 2.
    many = 10**7
    found = detection(round(0.841344746 * many), many, round(0.158655254 * many), many)
    assert found.d_prime == pytest.approx(2, abs=1e-5)
    assert found.criterion == pytest.approx(0, abs=1e-5)
    perfect = detection(10, 10, 0, 10)  # finite, by the log-linear rule
    assert perfect.d_prime == pytest.approx(2 * stats.norm.ppf(10.5 / 11))


def test_pairs_know_which_side_the_older_bone_was_on():
    base = {"truth": "progression", "confidence": 3, "milliseconds": 1, "group": "", "round": 1}
    base |= {"practice": False, "repeat": False, "reader": "A"}
    shown = [("right", False), ("left", True), ("left", False), ("right", True)]
    rows = [
        base | {"item": str(i), "choice": choice, "swapped": swapped}
        for i, (choice, swapped) in enumerate(shown)
    ]
    assert [says_true(row) for row in rows] == [True, True, False, False]
    result = older_of_two(by_reader(rows)[0])
    assert result.progression.value == 0.5
    younger = [row | {"truth": "regression"} for row in rows]
    assert older_of_two(by_reader(younger)[0]).regression.value == 0.5


def test_holm_against_its_definition():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )
    assert holm({}) == {}


# --- several readers ------------------------------------------------------------------------

# Chakraborty, 'The RJafroc ROC Book', chapter on Obuchowski-Rockette examples, random readers and
# random cases: dataset02 (Van Dyke 1993; its mean squares) and dataset04 (Zanca 2009; its AUCs).
VAN_DYKE = [
    # mean square of readers, Cov2, standard error, degrees of freedom
    (0.0030826287, 0.00048396180, 0.033173597, 12.744648),
    (0.0013046019, 0.00020418785, 0.021566368, 12.710190),
]
ZANCA = [
    ([0.90425, 0.79820, 0.81175, 0.86645], 0.00021118589, 0.8451625, 0.028578244, 5.4574766, (0.77351391, 0.91681109)),
    ([0.86425, 0.84470, 0.82050, 0.87160], 0.00026649085, 0.8502625, 0.019928157, 27.7225775, (0.80942311, 0.89110189)),
    ([0.81295, 0.81635, 0.75275, 0.85730], 0.00024646233, 0.8098375, 0.026647889, 7.0371428, (0.74689261, 0.87278239)),
    ([0.90235, 0.83150, 0.78865, 0.87980], 0.00022042897, 0.8505750, 0.029408701, 5.4032614, (0.77664342, 0.92450658)),
    ([0.84140, 0.77300, 0.77115, 0.84800], 0.00022200226, 0.8083875, 0.025758346, 6.7756525, (0.74706746, 0.86970754)),
]  # fmt: skip


@pytest.mark.parametrize(("square", "covariance", "error", "freedom"), VAN_DYKE)
def test_obuchowski_rockette_on_van_dyke(square, covariance, error, freedom):
    # Any five numbers with the published mean square have the published error.
    five = np.array([-2.0, -1, 0, 1, 2])
    merits = 0.9 + five * math.sqrt(square / five.var(ddof=1))
    _, ours, df = obuchowski_rockette(merits, covariance)
    assert ours == pytest.approx(error, rel=1e-6)
    assert df == pytest.approx(freedom, rel=1e-6)


@pytest.mark.parametrize(("merits", "covariance", "mean", "error", "freedom", "interval"), ZANCA)
def test_obuchowski_rockette_on_zanca(merits, covariance, mean, error, freedom, interval):
    ours, se, df = obuchowski_rockette(np.array(merits), covariance)
    assert (ours, se) == pytest.approx((mean, error), rel=1e-5)
    assert df == pytest.approx(freedom, rel=1e-4)
    reach = stats.t.ppf(0.975, df) * se
    assert (ours - reach, ours + reach) == pytest.approx(interval, abs=1e-5)


def test_delong_covariance_agrees_with_the_jackknife_and_areas_with_sklearn():
    from sklearn.metrics import roc_auc_score

    truth = np.arange(80) % 2 == 0
    signal = RNG.normal(0, 1, 80) + truth
    ratings = np.round(signal + RNG.normal(0, 0.7, (3, 80)), 1)
    found = areas(ratings, truth)
    assert found == pytest.approx([roc_auc_score(truth, r) for r in ratings])
    delong = delong_covariance(ratings, truth)
    table = np.vstack([ratings, truth])
    other = jackknife(table, lambda kept: areas(kept[:-1], kept[-1].astype(bool)))
    assert delong == pytest.approx(other, rel=0.05)  # two estimates of one thing
    assert (np.linalg.eigvalsh(delong) > 0).all()


def test_pooling_keeps_its_level_where_a_binomial_test_does_not():
    # Readers who guess, but on a common cue: their reads are correlated. 400 studies.
    wrong_binomial = wrong_pooled = 0
    truth = np.arange(40) % 2 == 0
    for _ in range(400):
        cue = RNG.random(40) < 0.5
        panel = [
            reads(f"R{i}", truth, np.where(RNG.random(40) < 0.8, cue, RNG.random(40) < 0.5))
            for i in range(4)
        ]
        right = int(sum(one.correct.sum() for one in panel))
        wrong_binomial += proportion(right, 160).p_chance < 0.05
        wrong_pooled += pooled_accuracy(panel).p_chance < 0.05
    assert wrong_binomial / 400 > 0.15
    assert wrong_pooled / 400 < 0.08


def test_pooled_results_are_the_mean_of_the_readers():
    readers = panel()
    pooled = pooled_accuracy(readers)
    assert pooled.estimate == pytest.approx(np.mean([one.correct.mean() for one in readers]))
    assert pooled.low < pooled.estimate < pooled.high
    assert (pooled.readers, pooled.cases) == (4, 60)
    roc = pooled_auc(readers)
    assert roc.estimate == pytest.approx(np.mean([real_or_synthetic(r).auc.value for r in readers]))
    with pytest.raises(StudyError, match="two readers"):
        pooled_accuracy(readers[:1])


def test_kappas_agree_with_statsmodels_and_alpha_with_krippendorff():
    from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

    readers = panel(3)
    found = between_readers(readers)
    said = np.stack([one.said for one in readers])
    counts, _ = aggregate_raters(said.T.astype(int), n_cat=2)
    assert found.fleiss == pytest.approx(fleiss_kappa(counts))
    for (a, b), kappa in found.pairs.items():
        x, y = (next(o.said for o in readers if o.reader == name) for name in (a, b))
        table = np.array([[np.sum((x == i) & (y == j)) for j in (0, 1)] for i in (0, 1)])
        assert kappa.value == pytest.approx(cohens_kappa(table).kappa)
    # Nominal alpha by its definition: 1 − observed / expected disagreement.
    n = said.size
    ones = said.sum(0)
    observed = (2 * ones * (3 - ones) / (3 - 1)).sum() / n
    expected = 2 * said.sum() * (n - said.sum()) / (n * (n - 1))
    assert found.krippendorff == pytest.approx(1 - observed / expected)


def test_alpha_on_krippendorffs_own_example():
    # Krippendorff (2011), 'Computing Krippendorff's Alpha-Reliability', section C.
    nan = math.nan
    table = np.array([
        [1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
        [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan],
    ])  # fmt: skip
    assert alpha(table, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert alpha(table, "ordinal") == pytest.approx(0.815, abs=5e-4)
    assert math.isnan(alpha(np.array([[1, nan], [nan, 2]]), "nominal"))  # nothing is read twice


def test_a_reader_agrees_with_himself_as_far_as_the_repeats_say():
    base = {"reader": "A", "practice": False, "round": 1, "swapped": False}
    first = [
        base | {"item": str(i), "repeat": False, "choice": "real" if i < 4 else "synthetic"}
        for i in range(8)
    ]
    again = [
        base | {"item": str(i), "repeat": True, "choice": "real" if i < 3 else "synthetic"}
        for i in range(8)
    ]
    assert with_oneself(first + again, "A").value == pytest.approx((7 / 8 - 0.5) / 0.5)
    assert with_oneself(first, "A") is None


# --- equivalence ----------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "n"), [(50, 100), (110, 214), (60, 100), (45, 100)])
def test_two_one_sided_tests_agree_with_statsmodels(k, n):
    from statsmodels.stats.proportion import binom_tost

    other, *_ = binom_tost(k, n, 0.4, 0.6)
    assert exact_tost(k, n, margin=0.1).p == pytest.approx(float(other), rel=1e-9)


def test_the_sample_size_of_the_protocol_has_its_power():
    needed = reads_needed()
    assert needed == 215  # 214.1 by the formula
    k = np.arange(needed + 1)
    p = np.array([exact_tost(int(i), needed, margin=0.1).p for i in k])
    power = stats.binom.pmf(k[p < 0.05], needed, 0.5).sum()
    assert power == pytest.approx(0.8, abs=0.03)


def test_pooled_equivalence_is_a_pair_of_t_tests():
    found = pooled_tost(0.52, 0.03, 6.0, margin=0.1)
    assert found.p_above_lower == pytest.approx(stats.t.sf((0.52 - 0.4) / 0.03, 6))
    assert found.p_below_upper == pytest.approx(stats.t.cdf((0.52 - 0.6) / 0.03, 6))
    assert found.equivalent
    assert not pooled_tost(0.5, 0.2, 6.0, margin=0.1).equivalent  # no difference is not equivalence

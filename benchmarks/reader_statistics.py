"""Statistics of reader studies: ours against independent software and published worked examples.

    python benchmarks/reader_statistics.py

Prints a table of ours against theirs with the largest difference, and keeps it under artefacts/.
"""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import krippendorff
import numpy as np
import pingouin
from scipy import stats
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from statsmodels.stats import inter_rater, multitest, proportion

from bonestudio.metrics.classification import cohen_kappa, delong
from bonestudio.turing import agreement, analysis, equivalence, multireader

CHANCE = np.random.default_rng(11)
Line = tuple[str, str, str, float, float]  # statistic, reference, case, ours, theirs


def one_reader() -> Iterator[Line]:
    for k, n in [(67, 100), (50, 100), (0, 20), (20, 20), (33, 50), (110, 214)]:
        ours, case = analysis.proportion(k, n), f"{k}/{n}"
        for end, (mine, theirs) in enumerate(
            zip(ours.wilson, proportion.proportion_confint(k, n, method="wilson"), strict=True)
        ):
            yield (
                "Wilson interval",
                "statsmodels",
                f"{case} {['low', 'high'][end]}",
                mine,
                theirs,
            )
        for end, (mine, theirs) in enumerate(
            zip(
                ours.clopper_pearson,
                proportion.proportion_confint(k, n, method="beta"),
                strict=True,
            )
        ):
            yield (
                "Clopper-Pearson",
                "statsmodels",
                f"{case} {['low', 'high'][end]}",
                mine,
                theirs,
            )
        yield "binomial test", "statsmodels", case, ours.p_chance, proportion.binom_test(k, n, 0.5)
        tost = equivalence.exact_tost(k, n, margin=0.1).p
        yield "TOST", "statsmodels", case, tost, proportion.binom_tost(k, n, 0.4, 0.6)[0]
    # An unbiased observer with d' 2: H 0.8413, F 0.1587 (Macmillan & Creelman 2005, table of z).
    many = 10**7
    seen = analysis.detection(round(0.841344746 * many), many, round(0.158655254 * many), many)
    yield "d′", "definition", "H .841, F .159", seen.d_prime, 2.0
    yield "criterion", "definition", "H .841, F .159", seen.criterion, 0.0
    # Chow, Shao & Wang's formula; the protocol's own example says 214 before rounding up.
    z = stats.norm.ppf(0.95) + stats.norm.ppf(0.9)
    yield (
        "sample size",
        "formula, SciPy",
        "±10, .05, .8",
        equivalence.reads_needed(),
        math.ceil(z**2 / 0.04),
    )


def delong_by_definition(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """AUC and its variance as DeLong, DeLong & Clarke-Pearson (1988) write them, pair by pair."""
    x, y = scores[truth], scores[~truth]
    psi = np.array([[1.0 if a > b else 0.5 if a == b else 0.0 for b in y] for a in x])
    theta = psi.mean()
    s10 = ((psi.mean(1) - theta) ** 2).sum() / (len(x) - 1)
    s01 = ((psi.mean(0) - theta) ** 2).sum() / (len(y) - 1)
    return theta, s10 / len(x) + s01 / len(y)


def roc() -> Iterator[Line]:
    truth = np.arange(100) % 2 == 0
    for case in range(5):
        scores = np.clip(np.round(CHANCE.normal(truth * case / 2, 1, 100) * 2), -5, 5)
        ours = delong(scores, truth)
        area, variance = delong_by_definition(scores, truth)
        yield "AUC", "scikit-learn", f"panel {case}", ours.value, roc_auc_score(truth, scores)
        low = max(0.0, area - 1.959963984540054 * math.sqrt(variance))
        yield "DeLong interval", "definition", f"panel {case} low", ours.low, low
        both = np.stack([scores, CHANCE.permutation(scores)])
        covariance = multireader.delong_covariance(both, truth)[0, 0]
        yield "DeLong variance", "definition", f"panel {case}", covariance, variance


# Chakraborty, 'The RJafroc ROC Book', Obuchowski-Rockette, random readers and random cases.
# Dataset 02 (Van Dyke 1993): mean square of 5 readers, Cov2; standard error, degrees of freedom.
VAN_DYKE = [
    (0.0030826287, 0.00048396180, 0.033173597, 12.744648),
    (0.0013046019, 0.00020418785, 0.021566368, 12.710190),
]
# Dataset 04 (Zanca 2009): AUCs of 4 readers, Cov2; mean, standard error, degrees of freedom.
ZANCA = [
    ([0.90425, 0.79820, 0.81175, 0.86645], 0.00021118589, 0.8451625, 0.028578244, 5.4574766),
    ([0.86425, 0.84470, 0.82050, 0.87160], 0.00026649085, 0.8502625, 0.019928157, 27.7225775),
    ([0.81295, 0.81635, 0.75275, 0.85730], 0.00024646233, 0.8098375, 0.026647889, 7.0371428),
    ([0.90235, 0.83150, 0.78865, 0.87980], 0.00022042897, 0.8505750, 0.029408701, 5.4032614),
    ([0.84140, 0.77300, 0.77115, 0.84800], 0.00022200226, 0.8083875, 0.025758346, 6.7756525),
]


def several_readers() -> Iterator[Line]:
    five = np.array([-2.0, -1, 0, 1, 2])
    for number, (square, covariance, error, freedom) in enumerate(VAN_DYKE, start=1):
        merits = 0.9 + five * math.sqrt(square / five.var(ddof=1))
        _, ours, df = multireader.obuchowski_rockette(merits, covariance)
        yield "Obuchowski-Rockette SE", "RJafroc, Van Dyke", f"modality {number}", ours, error
        yield "Obuchowski-Rockette df", "RJafroc, Van Dyke", f"modality {number}", df, freedom
    for number, (aucs, covariance, mean, error, freedom) in enumerate(ZANCA, start=1):
        average, ours, df = multireader.obuchowski_rockette(np.array(aucs), covariance)
        yield "Obuchowski-Rockette mean", "RJafroc, Zanca", f"modality {number}", average, mean
        yield "Obuchowski-Rockette SE", "RJafroc, Zanca", f"modality {number}", ours, error
        yield "Obuchowski-Rockette df", "RJafroc, Zanca", f"modality {number}", df, freedom
    found = equivalence.pooled_tost(0.52, 0.03, 6.0, margin=0.1)
    by_hand = max(stats.t.sf(0.12 / 0.03, 6), stats.t.cdf(-0.08 / 0.03, 6))
    yield "pooled TOST", "SciPy t", "0.52 ± 0.03, 6 df", found.p, by_hand
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.2}
    for name, q in zip(p, multitest.multipletests([*p.values()], method="holm")[1], strict=True):
        yield "Holm", "statsmodels", name, analysis.holm(p)[name], q
        pingouins = pingouin.multicomp([*p.values()], method="holm")[1][list(p).index(name)]
        yield "Holm", "pingouin", name, analysis.holm(p)[name], pingouins


_ = math.nan
# Krippendorff (2011), 'Computing Krippendorff's Alpha-Reliability': section C (four observers,
# nominal 0.743, ordinal 0.815) and, in Hayes & Krippendorff's form, the three coders of the
# reliability package (nominal 0.691, interval 0.811).
FOUR = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
])  # fmt: skip
THREE = np.array([
    [_, _, _, _, _, 3, 4, 1, 2, 1, 1, 3, 3, _, 3],
    [1, _, 2, 1, 3, 3, 4, 3, _, _, _, _, _, _, _],
    [_, _, 2, 1, 3, 4, 4, _, 2, 1, 1, 3, 3, _, 4],
])  # fmt: skip


def agreeing() -> Iterator[Line]:
    yield (
        "Krippendorff α nominal",
        "Krippendorff 2011",
        "4 observers",
        agreement.alpha(FOUR, "nominal"),
        0.743,
    )
    yield (
        "Krippendorff α ordinal",
        "Krippendorff 2011",
        "4 observers",
        agreement.alpha(FOUR, "ordinal"),
        0.815,
    )
    yield (
        "Krippendorff α nominal",
        "published example",
        "3 coders",
        agreement.alpha(THREE, "nominal"),
        0.691,
    )
    for case in range(4):
        said = (CHANCE.random((3, 60)) < 0.5) ^ (CHANCE.random(60) < 0.5)
        table = said.astype(float)
        yield (
            "Krippendorff α nominal",
            "krippendorff",
            f"panel {case}",
            agreement.alpha(table, "nominal"),
            krippendorff.alpha(table, level_of_measurement="nominal"),
        )
        ours = cohen_kappa(said[0], said[1])
        yield (
            "Cohen κ",
            "scikit-learn",
            f"panel {case}",
            ours.value,
            cohen_kappa_score(said[0], said[1]),
        )
        square = np.array(
            [[np.sum((said[0] == i) & (said[1] == j)) for j in (0, 1)] for i in (0, 1)]
        )
        theirs = inter_rater.cohens_kappa(square)
        yield "Cohen κ interval", "statsmodels", f"panel {case}", ours.low, theirs.kappa_low


def main() -> None:
    lines = [*one_reader(), *roc(), *several_readers(), *agreeing()]
    folder = Path("artefacts")
    folder.mkdir(exist_ok=True)
    with (folder / "reader_statistics.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("statistic", "reference", "case", "ours", "theirs"), *lines])
    groups: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for name, reference, _case, ours, theirs in lines:
        groups.setdefault((name, reference), []).append((abs(ours - theirs), ours, theirs))
    text = [
        f"{'statistic':26} {'reference':20} {'cases':>5} {'ours':>12} {'theirs':>12} {'largest difference':>19}"
    ]
    for (name, reference), found in groups.items():
        difference, ours, theirs = max(found)
        text.append(
            f"{name:26} {reference:20} {len(found):5} {ours:12.6g} {theirs:12.6g} {difference:19.2g}"
        )
    print("\n".join(text))
    (folder / "reader_statistics.txt").write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

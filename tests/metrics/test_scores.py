"""Image, agreement, mask and class scores against other people's libraries and closed forms."""

import math
import warnings

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.metrics.agreement import bland_altman, icc, mean_absolute_error, pearson
from bonestudio.metrics.classification import classify, cohen_kappa, delong, share
from bonestudio.metrics.images import gradient_correlation, psnr, ssim
from bonestudio.metrics.segmentation import score_foreground, score_labels

RNG = np.random.default_rng(0)


# --- images ---------------------------------------------------------------------------------


def test_psnr_closed_form_and_region():
    truth = np.zeros((20, 20))
    image = truth + 0.1
    assert psnr(image, truth) == pytest.approx(20)
    assert psnr(truth, truth) == math.inf
    image[:, :10] = 0
    right = np.zeros_like(truth, dtype=bool)
    right[:, 10:] = True
    assert psnr(image, truth, region=right) == pytest.approx(20)
    assert psnr(image, truth) == pytest.approx(20 + 10 * math.log10(2))


def test_ssim_agrees_with_torchmetrics():
    import torch

    from bonestudio.vision import torchmetrics

    truth = RNG.random((64, 48))
    image = np.clip(truth + 0.1 * RNG.standard_normal(truth.shape), 0, 1)
    other = torchmetrics.functional.image.structural_similarity_index_measure(
        torch.tensor(image)[None, None],
        torch.tensor(truth)[None, None],
        data_range=1.0,
        gaussian_kernel=True,
        sigma=1.5,
    )
    assert ssim(image, truth) == pytest.approx(float(other), abs=5e-3)  # they differ at the border
    assert ssim(truth, truth) == pytest.approx(1)


def test_gradient_correlation_sees_edges_not_brightness():
    image = RNG.random((30, 40))
    assert gradient_correlation(image, 3 * image + 2) == pytest.approx(1)
    assert gradient_correlation(image, -image) == pytest.approx(-1)
    assert gradient_correlation(image, np.ones_like(image)) == 0


# --- agreement ------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "row"), [("2,1", "ICC(A,1)"), ("3,1", "ICC(C,1)")])
def test_icc_agrees_with_pingouin(form, row):
    import pandas as pd
    import pingouin

    truth = RNG.normal(1.0, 0.2, 25)
    table = np.stack([truth + RNG.normal(0, 0.05, 25) + bias for bias in (0, 0.1, -0.05)], 1)
    long = pd.DataFrame(
        [(i, j, table[i, j]) for i in range(25) for j in range(3)], columns=["s", "r", "v"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = pingouin.intraclass_corr(long, targets="s", raters="r", ratings="v").set_index(
            "Type"
        )
    names = {"ICC(A,1)": "ICC2", "ICC(C,1)": "ICC3"}
    key = row if row in answer.index else names[row]
    assert icc(table, form=form) == pytest.approx(float(answer.loc[key, "ICC"]), abs=1e-6)


def test_icc_of_shrout_and_fleiss():
    # Shrout & Fleiss 1979, table 2 and 4: ICC(2,1) = .29, ICC(3,1) = .71.
    table = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc(np.array(table), form="2,1") == pytest.approx(0.29, abs=0.005)
    assert icc(np.array(table), form="3,1") == pytest.approx(0.71, abs=0.005)


def test_pearson_error_and_limits():
    x = RNG.random(50)
    assert pearson(2 * x + 1, x) == pytest.approx(1)
    assert pearson(x, RNG.permutation(x)) == pytest.approx(pearson(RNG.permutation(x), x), abs=1)
    y = RNG.random(50)
    assert pearson(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert mean_absolute_error(x + 0.2, x) == pytest.approx(0.2)
    limits = bland_altman(x + 0.2, x)
    assert limits.bias == pytest.approx(0.2)
    assert limits.sd == pytest.approx(0, abs=1e-12)
    spread = bland_altman(y, x)
    assert spread.upper - spread.lower == pytest.approx(2 * 1.96 * np.std(y - x, ddof=1))


# --- masks ----------------------------------------------------------------------------------


def test_overlap_of_two_squares():
    a, b = np.zeros((40, 40), int), np.zeros((40, 40), int)
    a[10:20, 10:20] = 1
    b[10:20, 15:25] = 1
    (score,) = score_labels(a, b)
    assert score.dice == pytest.approx(0.5)
    assert score.iou == pytest.approx(1 / 3)
    assert score.hd95 == pytest.approx(5)
    (mm,) = score_labels(a, b, spacing=(0.5, 0.5))
    assert mm.hd95 == pytest.approx(2.5)


def test_masks_agree_with_monai():
    import torch

    from bonestudio.vision import monai

    yy, xx = np.mgrid[:60, :70]
    a = ((yy - 30) ** 2 / 200 + (xx - 30) ** 2 / 400 < 1).astype(int)
    b = ((yy - 33) ** 2 / 250 + (xx - 35) ** 2 / 300 < 1).astype(int)
    tensors = [torch.tensor(m)[None, None].float() for m in (a, b)]
    score = score_foreground(a, b)
    assert score.dice == pytest.approx(float(monai.metrics.compute_dice(*tensors)), abs=1e-6)
    other = float(
        monai.metrics.compute_hausdorff_distance(*tensors, include_background=True, percentile=95)
    )
    assert score.hd95 == pytest.approx(other, abs=0.5)


def test_a_missing_label_is_not_a_zero_distance():
    a, b = np.zeros((9, 9), int), np.zeros((9, 9), int)
    b[2:5, 2:5] = 3
    (score,) = score_labels(a, b)
    assert (score.label, score.dice, score.iou, score.hd95) == (3, 0, 0, math.inf)
    (neither,) = score_labels(a, b, labels=[7])
    assert math.isnan(neither.dice)


# --- classes --------------------------------------------------------------------------------


def test_wilson_agrees_with_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    for k, n in [(0, 10), (7, 10), (50, 100), (100, 100)]:
        low, high = proportion_confint(k, n, method="wilson")
        ours = share(k, n)
        assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-9)


def test_kappa_agrees_with_statsmodels():
    from sklearn.metrics import confusion_matrix
    from statsmodels.stats.inter_rater import cohens_kappa

    first = RNG.integers(0, 3, 200)
    second = np.where(RNG.random(200) < 0.7, first, RNG.integers(0, 3, 200))
    other = cohens_kappa(confusion_matrix(first, second))
    ours = cohen_kappa(first, second)
    assert ours.value == pytest.approx(other.kappa)
    assert ours.low == pytest.approx(other.kappa_low)
    assert ours.high == pytest.approx(other.kappa_upp)


def test_auc_agrees_with_sklearn_and_its_variance_with_the_definition():
    from sklearn.metrics import roc_auc_score

    y = RNG.random(150) < 0.4
    scores = np.round(RNG.normal(0, 1, 150) + y, 1)  # with ties
    ours = delong(scores, y)
    assert ours.value == pytest.approx(roc_auc_score(y, scores))
    psi = (scores[y][:, None] > scores[~y]) + 0.5 * (scores[y][:, None] == scores[~y])
    variance = psi.mean(1).var(ddof=1) / y.sum() + psi.mean(0).var(ddof=1) / (~y).sum()
    assert ours.high - ours.low == pytest.approx(2 * 1.959963984540054 * math.sqrt(variance))


def test_a_classifier_is_scored_whole():
    y = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    p = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.2, 0.3, 0.6, 0.1, 0.4])
    score = classify(p, y)
    assert score.accuracy.value == pytest.approx(0.8)
    assert score.sensitivity.value == pytest.approx(3 / 4)
    assert score.specificity.value == pytest.approx(5 / 6)
    assert score.kappa.value == pytest.approx((0.8 - 0.52) / 0.48)


@pytest.mark.parametrize(
    "call",
    [
        lambda: psnr(np.zeros((2, 2)), np.zeros((3, 3))),
        lambda: ssim(np.zeros((12, 12)), np.zeros((12, 12)), region=np.zeros((12, 12))),
        lambda: pearson(np.ones(4), np.arange(4)),
        lambda: pearson(np.array([1.0, np.nan]), np.arange(2)),
        lambda: icc(np.zeros((3, 1))),
        lambda: icc(np.random.default_rng(0).random((4, 3)), form="1,k"),
        lambda: score_labels(np.zeros((2, 2)), np.zeros((3, 3))),
        lambda: classify(np.array([0.2, 0.3]), np.array([True, True])),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(call):
    with pytest.raises(RequestError, match=r"[A-Z].*\.$"):
        call()

"""FID and KID against closed forms and an independent implementation."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from bonestudio.errors import RequestError
from bonestudio.metrics.distributions import frechet_distance, kernel_distance
from bonestudio.metrics.manifolds import manifold_scores, realism


def normal(n, d, seed, scale=1.0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) * scale + shift


def test_fid_of_a_set_with_itself_is_zero():
    x = normal(300, 16, 0)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    few = normal(20, 64, 0)  # fewer images than dimensions
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)


def test_equal_covariance_leaves_the_distance_of_the_means():
    x = normal(500, 8, 1)
    shift = torch.arange(8, dtype=torch.float64)
    assert frechet_distance(x, x + shift) == pytest.approx(float(shift.square().sum()), rel=1e-9)


def test_scaling_gives_the_closed_form():
    x = normal(400, 6, 2)
    x = x - x.mean(0)
    trace = float(x.square().sum() / (len(x) - 1))
    assert frechet_distance(x, 3 * x) == pytest.approx((3 - 1) ** 2 * trace, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 150, 10), (12, 30, 20), (50, 8, 9)])
def test_fid_agrees_with_the_matrix_root(n, m, d):
    a, b = normal(n, d, 3).numpy(), normal(m, d, 4, 1.7, 0.3).numpy()
    ca, cb = np.cov(a.T), np.cov(b.T)
    eps = 1e-12 * np.eye(d)
    root = sqrtm((ca + eps) @ (cb + eps)).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * root)
    assert frechet_distance(torch.tensor(a), torch.tensor(b)) == pytest.approx(expected, rel=1e-4)


def test_kid_is_unbiased_and_matches_its_definition():
    a, b = normal(40, 3, 5), normal(40, 3, 6, shift=0.5)

    def kernel(x, y):
        return (float(x @ y) / 3 + 1) ** 3

    within = [kernel(s[i], s[j]) for s in (a, b) for i in range(40) for j in range(40) if i != j]
    between = [kernel(x, y) for x in a for y in b]
    expected = sum(within) / (40 * 39) - 2 * sum(between) / 1600
    mean, deviation = kernel_distance(a, b)
    assert mean == pytest.approx(expected, rel=1e-9)
    assert math.isnan(deviation)
    # Two samples of one distribution: 0 on average, which a biased estimate would not give.
    same = [kernel_distance(normal(60, 3, 2 * s), normal(60, 3, 2 * s + 1))[0] for s in range(200)]
    assert abs(np.mean(same)) < 3 * np.std(same) / math.sqrt(200)


def test_kid_of_subsets_repeats_with_its_seed():
    a, b = normal(300, 4, 7), normal(200, 4, 8, shift=1)
    first = kernel_distance(a, b, subset=50, subsets=20, seed=3)
    assert first == kernel_distance(a, b, subset=50, subsets=20, seed=3)
    assert first[0] == pytest.approx(kernel_distance(a, b, subset=200)[0], rel=0.2)


def disk(n, seed, centre=0.0):
    generator = torch.Generator().manual_seed(seed)
    radius = torch.rand(n, generator=generator, dtype=torch.float64).sqrt()
    angle = 2 * math.pi * torch.rand(n, generator=generator, dtype=torch.float64)
    return torch.stack([radius * angle.cos() + centre, radius * angle.sin()], 1)


def test_precision_and_recall_on_two_disks_are_their_overlap():
    real, synthetic = disk(3000, 0), disk(3000, 1, centre=1.0)
    overlap = (2 * math.acos(0.5) - 0.5 * math.sqrt(3)) / math.pi  # lens of two unit disks, 1 apart
    scores = manifold_scores(real, synthetic)
    assert scores.precision == pytest.approx(overlap, abs=0.04)
    assert scores.recall == pytest.approx(overlap, abs=0.04)
    assert scores.density == pytest.approx(overlap, abs=0.06)


def test_a_set_covers_itself_and_nothing_far_away():
    real = disk(500, 2)
    itself = manifold_scores(real, real)
    assert (itself.precision, itself.recall, itself.coverage) == (1, 1, 1)
    far = manifold_scores(real, disk(500, 3, centre=10))
    assert (far.precision, far.recall, far.density, far.coverage) == (0, 0, 0, 0)
    # One mode only: precise, but it covers little.
    mode = manifold_scores(real, 0.05 * disk(500, 4))
    assert mode.precision > 0.95
    assert mode.recall < 0.1


def test_realism_on_a_line_of_points():
    real = torch.arange(21, dtype=torch.float64)[:, None]
    # With three neighbours the balls of the points within reach to 2; the two ends reach to 3 and
    # are left out with the larger half.
    images = torch.tensor([[10.5], [21.0], [25.0], [119.0]], dtype=torch.float64)
    assert realism(real, images).tolist() == pytest.approx([2 / 0.5, 2 / 2, 2 / 6, 2 / 100])


@pytest.mark.parametrize(
    "call",
    [
        lambda: frechet_distance(torch.zeros(5, 3), torch.zeros(5, 4)),
        lambda: frechet_distance(torch.zeros(1, 3), torch.zeros(5, 3)),
        lambda: manifold_scores(torch.zeros(3, 2), torch.zeros(9, 2)),
        lambda: realism(torch.zeros(9, 2), torch.zeros(9, 3)),
    ],
)
def test_too_little_to_compare_is_one_sentence(call):
    with pytest.raises(RequestError, match=r"[A-Z].*\.$"):
        call()

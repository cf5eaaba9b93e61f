"""Preparation of HR-pQCT scans: what goes in comes out, and padding holds noise alone."""

from pathlib import Path

import numpy as np
import pytest

from bonestudio.cohorts import hrpqct_preparation as prep
from bonestudio.errors import ImageError

JOINT = Path(__file__).resolve().parents[2] / "../shared/data/hrpqct-joint/test_joint.nii.gz"


def scan(shape, seed=0):
    """A bright rod in noise."""
    random = np.random.default_rng(seed)
    _, y, x = np.indices(shape)
    rod = (y - shape[1] / 2) ** 2 + (x - shape[2] / 2) ** 2 < (min(shape[1:]) / 4) ** 2
    return (900.0 * rod + random.normal(40, 60, shape)).astype(np.float32)


@pytest.mark.parametrize("shape", [(20, 30, 26), (30, 60, 50), (17, 33, 47), (24, 40, 32)])
def test_a_scan_comes_back_from_its_padding(shape):
    small = scan(shape)
    padded, where = prep.pad_with_noise(small, (24, 40, 32))
    assert padded.shape == (24, 40, 32)
    back = prep.take_out(padded, where)
    assert np.array_equal(back, small[tuple(slice(*s) for s in where.source)])


def test_padding_holds_background_and_noise_but_no_bone():
    small = scan((24, 48, 40))
    padded, where = prep.pad_with_noise(small, (24, 80, 70), clip=100.0)
    outside = np.ones(padded.shape, bool)
    outside[tuple(slice(*t) for t in where.target)] = False
    assert abs(padded[outside].mean() - 40) < 25
    assert padded[outside].max() < 450  # mirrored bone would be 900
    assert padded[outside].std() > 20  # zeros would be 0


def test_clipping_in_cosines_is_exact_for_one_cosine():
    # An orthonormal cosine of coefficient 5000 comes out with coefficient 1000.
    from scipy.fft import idctn

    coefficients = np.zeros((8, 8, 8))
    coefficients[1, 2, 3] = 5000.0
    wave = idctn(coefficients, norm="ortho").astype(np.float32)
    assert np.allclose(prep.noise_volume(wave), wave / 5, atol=1e-2)


def test_halving_takes_the_mean_of_eight():
    volume = np.arange(4 * 6 * 5, dtype=np.float32).reshape(4, 6, 5)
    half = prep.halve(volume)
    assert half.shape == (2, 3, 2)
    assert half[1, 2, 0] == volume[2:4, 4:6, 0:2].mean()


def test_stacks_stitch_without_a_seam():
    volume = scan((84, 6, 5))
    stacks = prep.cut_stacks(volume)
    assert stacks.shape == (4, 32, 6, 5)
    assert np.allclose(prep.stitch_stacks(stacks), volume, atol=1e-3)
    # Stacks that disagree go over smoothly: no step is larger than the ramp's steepest.
    steps = np.stack([np.full((32, 1, 1), value, np.float32) for value in (0, 1, 0, 1)])
    joined = prep.stitch_stacks(steps)[:, 0, 0]
    assert np.abs(np.diff(joined)).max() < 0.12
    assert joined[0] == 0
    assert joined[-1] == 1


def test_turning_back_restores_the_middle_and_zoom_magnifies():
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(scan((4, 60, 60)), (0, 3, 3))
    there = prep.turn_and_zoom(smooth, 0.15, 1.0)
    back = prep.turn_and_zoom(there, -0.15, 1.0)
    assert np.abs(back - smooth)[:, 15:-15, 15:-15].max() < 25
    assert (prep.turn_and_zoom(smooth, 0.0, 1.15) > 450).sum() == pytest.approx(
        1.15**2 * (smooth > 450).sum(), rel=0.02
    )


def test_augmentation_stays_within_its_bounds_and_repeats_with_its_seed():
    stack = scan((4, 40, 30))
    one, same = (prep.augment(stack, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, same)
    assert one.shape == stack.shape
    assert one.dtype == np.float32
    assert not np.array_equal(one, prep.augment(stack, np.random.default_rng(6)))


@pytest.mark.parametrize(
    "bad", [np.zeros((5, 5), np.float32), np.full((4, 4, 4), np.nan, np.float32)]
)
def test_what_is_no_scan_is_refused_with_a_sentence(bad):
    with pytest.raises(ImageError, match="scan"):
        prep.pad_with_noise(bad)


def test_too_few_slices_for_four_stacks():
    with pytest.raises(ImageError, match="84 slices"):
        prep.cut_stacks(np.zeros((60, 4, 4), np.float32))


def test_a_real_joint_goes_through():
    if not JOINT.exists():
        pytest.skip("needs the HR-pQCT joint beside the repository")
    import nibabel

    joint = (
        np.asarray(nibabel.load(JOINT).dataobj)[:, 40:200, 20:160]
        .transpose(2, 0, 1)
        .astype(np.float32)
    )
    padded, where = prep.pad_with_noise(joint, (148, 448, 224))
    assert np.array_equal(prep.take_out(padded, where), joint)
    outside = np.ones(padded.shape, bool)
    outside[tuple(slice(*t) for t in where.target)] = False
    # 1500 HU and more is bone: a fifth of the joint, next to none of what surrounds it.
    assert (joint > 1500).mean() > 0.05
    assert (padded[outside] > 1500).mean() < 0.01 * (joint > 1500).mean()

import shutil
from pathlib import Path

import numpy as np
import pytest

from bonestudio.cohorts import HrPqct, hrpqct_stacks
from bonestudio.cohorts.hrpqct_preparation import STARTS, halve, pad_with_noise

JOINT = Path(__file__).resolve().parents[2] / "../shared/data/hrpqct-joint"
pytestmark = pytest.mark.usefixtures("own_cache")


def test_stacks_are_the_prepared_scan_and_are_kept(tmp_path, monkeypatch):
    voxels = np.random.default_rng(0).normal(400, 200, (168, 300, 280)).astype(np.float32)
    np.save(tmp_path / "a.npy", voxels)
    np.save(tmp_path / "b.npy", voxels[:20])
    scans = HrPqct(tmp_path)
    stacks = scans.stacks()
    assert len(stacks) == 8
    sample = stacks[2]
    assert sample.image.shape == (32, 288, 224)
    assert sample.labels["first_slice"] == STARTS[2]
    expected = halve(pad_with_noise(voxels)[0])[STARTS[2] : STARTS[2] + 32]
    np.testing.assert_allclose(sample.image, expected, atol=0.6)
    assert sample.masks["scan"].sum() == 32 * 150 * 140
    np.testing.assert_allclose(
        sample.image[sample.masks["scan"]],
        halve(voxels)[STARTS[2] : STARTS[2] + 32].ravel(),
        atol=0.6,
    )
    monkeypatch.setattr(hrpqct_stacks, "pad_with_noise", lambda _: pytest.fail("prepared twice"))
    np.testing.assert_array_equal(stacks[2].image, sample.image)
    parts = stacks.parts()
    assert {stacks.entries[i].patient for i in parts["train"]} != {
        stacks.entries[i].patient for i in parts["validation"]
    }
    assert len(parts["validation"]) == 4


def test_a_real_joint_is_prepared(tmp_path):
    if not JOINT.is_dir():
        pytest.skip("the real HR-pQCT joint (../shared/data/hrpqct-joint) is not on this machine")
    shutil.copy(JOINT / "test_joint.nii.gz", tmp_path)
    sample = HrPqct(tmp_path).stacks()[1]
    assert sample.image.shape == (32, 288, 224)
    assert np.isfinite(sample.image).all()
    assert sample.spacing == pytest.approx((0.1214,) * 3, rel=1e-3)
    inside = sample.masks["scan"]
    assert sample.image[inside].std() > 2 * sample.image[~inside].std()  # bone only in the scan

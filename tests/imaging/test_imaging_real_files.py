"""The real images beside the repository, read as they are."""

import subprocess
import sys

import numpy as np
import pytest

from bonestudio.imaging import describe, read_radiograph, read_volume, upright_angle


def test_hand_radiographs(real_images):
    paths = sorted((real_images / "rsna-hands-1050/images").glob("*.jpg"))[::35]
    paths += sorted((real_images / "rsna-hands").rglob("*.png"))[::4]
    assert len(paths) >= 40
    for path in paths:
        film = read_radiograph(path)
        assert min(film.shape) > 300
        assert film.pixels.dtype == np.float32
        assert 0 <= film.pixels.min() < film.pixels.max() <= 1
        assert film.spacing is None
        assert abs(upright_angle(film)) <= 90


def test_pelvis_and_its_masks_lie_on_each_other(real_images):
    ct = read_volume(real_images / "ct-pelvis/ct.nii.gz", unit="HU")
    assert ct.spacing == (3, 3, 3)
    assert ct.unit == "HU"
    assert ct.shape == (112, 101, 122)
    left = read_volume(real_images / "ct-pelvis/femur_left.nii.gz")
    right = read_volume(real_images / "ct-pelvis/femur_right.nii.gz")
    sacrum = read_volume(real_images / "ct-pelvis/sacrum.nii.gz")
    assert ct.voxels[right.voxels > 0].mean() > 150  # Bone is denser than soft tissue.
    # Slices run from foot to head, columns from the patient's right to left, rows to the back.
    places = {
        name: np.argwhere(mask.voxels > 0).mean(axis=0)
        for name, mask in (("left", left), ("right", right), ("sacrum", sacrum))
    }
    assert places["left"][2] > places["sacrum"][2] > places["right"][2]
    assert places["sacrum"][0] > places["left"][0]
    assert places["sacrum"][1] > places["left"][1]


def test_hrpqct_joint_and_its_mask(real_images):
    joint = read_volume(real_images / "hrpqct-joint/test_joint.nii.gz")
    mask = read_volume(real_images / "hrpqct-joint/test_joint_mask.nii.gz")
    assert joint.shape == mask.shape == (202, 232, 390)
    assert joint.spacing == pytest.approx((0.060699, 0.0607, 0.0607))
    inside = mask.voxels > 0
    assert joint.voxels[inside].mean() > joint.voxels[~inside].mean() + 100


def test_trabecular_blocks_have_no_spacing(real_images):
    for name in ("roi-1.nrrd", "roi-2.nrrd"):
        block = read_volume(real_images / "lumbar-trabeculae" / name)
        assert block.shape == (300, 300, 300)
        assert block.spacing is None
        assert np.unique(block.voxels).size == 2
    assert describe(real_images / "lumbar-trabeculae/roi-1.nrrd").format == "NRRD"


def test_importing_the_room_loads_no_image_library():
    program = (
        "import sys, bonestudio.imaging as room; "
        "heavy = {'pydicom', 'SimpleITK', 'nibabel', 'torch', 'scipy', 'skimage', 'PIL', "
        "'tifffile', 'py_aimio'} & set(sys.modules); "
        "assert not heavy, heavy; "
        "assert all(getattr(room, name) for name in room.__all__)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)

"""Micro-architecture against closed forms, a phantom's truth and a real joint."""

from pathlib import Path

import numpy as np
import pytest

from bonestudio.errors import ImageError
from bonestudio.imaging.types import Volume
from bonestudio.measures.compartments import Compartments, find_compartments
from bonestudio.measures.microarchitecture import measure_microarchitecture
from bonestudio.measures.thickness import local_thickness

JOINT = Path(__file__).resolve().parents[2] / "../shared/data/hrpqct-joint/test_joint.nii.gz"
STEP = 0.06


@pytest.mark.parametrize("voxels", [3, 4, 5, 8, 12])
def test_a_plate_is_as_thick_as_it_is(voxels):
    mask = np.zeros((20, 20, 24), bool)
    mask[:, :, 6 : 6 + voxels] = True
    thickness = local_thickness(mask, (STEP,) * 3)
    assert thickness[mask].mean() == pytest.approx(voxels * STEP, abs=0.5 * STEP + 1e-6)
    assert (thickness[~mask] == 0).all()


@pytest.mark.parametrize("voxels", [4, 6, 8, 10, 12])
def test_a_rod_is_as_thick_as_it_is(voxels):
    y, x = np.indices((30, 30))
    mask = np.repeat(((y - 14.7) ** 2 + (x - 15.1) ** 2 < (voxels / 2) ** 2)[None], 24, axis=0)
    assert local_thickness(mask, (STEP,) * 3)[mask].mean() == pytest.approx(voxels * STEP, abs=STEP)


def tube(slices=12, side=120):
    """A cylinder of cortex (900) around plates (780) 4 voxels thick every 14, in soft tissue (45)."""
    _, y, x = np.indices((slices, side, side), dtype=float)
    radius = np.hypot(y - side / 2 + 0.3, x - side / 2 + 0.3)
    plates = (x.astype(int) % 14) < 4
    inside = np.where(plates, 780.0, -15.0)
    voxels = np.where(radius < 52, np.where(radius < 37, inside, 900.0), 45.0)
    scan = Volume(voxels=voxels.astype(np.float32), spacing=(STEP,) * 3, unit="mg HA/cm³")
    return scan, Compartments(cortical=(radius < 52) & (radius >= 37), trabecular=radius < 37)


def test_plates_in_a_tube_measure_as_they_were_drawn():
    scan, parts = tube()
    found = measure_microarchitecture(scan, compartments=parts, threshold=382.5)
    assert found.bv_tv == pytest.approx(4 / 14, rel=0.05)
    assert found.tb_th == pytest.approx(4 * STEP, abs=STEP)
    assert found.tb_sp == pytest.approx(10 * STEP, abs=STEP)
    assert found.tb_n == pytest.approx(1 / (14 * STEP), rel=0.15)
    assert found.ct_th == pytest.approx(15 * STEP, abs=STEP)
    assert found.ct_bmd == pytest.approx(900, rel=0.001)
    assert found.tb_bmd == pytest.approx(-15 + 795 * 4 / 14, rel=0.05)


def test_an_empty_compartment_tells_nothing_and_the_other_what_it_is():
    scan, parts = tube(slices=6)
    none = np.zeros_like(parts.cortical)
    solid = measure_microarchitecture(
        scan, compartments=Compartments(cortical=parts.cortical, trabecular=none)
    )
    assert (solid.ct_bmd, solid.ct_th) == (pytest.approx(900), pytest.approx(15 * STEP, abs=STEP))
    told = (solid.tb_bmd, solid.bv_tv, solid.tb_th, solid.tb_sp, solid.tb_n)
    assert np.isnan(told).all()
    bare = measure_microarchitecture(
        scan, compartments=Compartments(cortical=none, trabecular=parts.trabecular), threshold=382.5
    )
    assert np.isnan([bare.ct_bmd, bare.ct_th]).all()
    assert bare.bv_tv == pytest.approx(4 / 14, rel=0.05)
    with pytest.raises(ImageError, match="No bone"):
        measure_microarchitecture(scan, compartments=Compartments(cortical=none, trabecular=none))


def test_the_tube_s_compartments_are_found():
    scan, parts = tube()
    found = find_compartments(scan)
    assert not (found.cortical & found.trabecular).any()
    for mine, true in ((found.cortical, parts.cortical), (found.trabecular, parts.trabecular)):
        assert 2 * (mine & true).sum() / (mine.sum() + true.sum()) > 0.93


@pytest.mark.parametrize(
    "change", [{"unit": "HU"}, {"spacing": None}, {"spacing": (0.06, 0.06, 0.3)}]
)
def test_what_cannot_be_measured_is_refused(change):
    scan, parts = tube(slices=4)
    values = {"voxels": scan.voxels, "spacing": scan.spacing, "unit": scan.unit} | change
    with pytest.raises(ImageError):
        measure_microarchitecture(Volume(**values), compartments=parts)


def test_an_empty_scan_has_no_bone():
    empty = Volume(voxels=np.zeros((8, 30, 30), np.float32), spacing=(STEP,) * 3, unit="mg HA/cm³")
    with pytest.raises(ImageError, match="no bone"):
        measure_microarchitecture(empty)


def test_a_real_joint_has_physiological_values():
    if not JOINT.exists():
        pytest.skip("needs the HR-pQCT joint beside the repository")
    import nibabel

    hounsfield = np.asarray(nibabel.load(JOINT).dataobj)[220:340, 60:170, 40:80].transpose(2, 0, 1)
    # Density from HU with a second-generation scanner's usual calibration.
    voxels = (0.387 * hounsfield - 4.6).astype(np.float32)
    box = np.zeros(voxels.shape, bool)
    box[:, 10:-10, 10:-10] = True
    parts = Compartments(cortical=~box & (voxels > 450), trabecular=box)
    joint = Volume(voxels=voxels, spacing=(0.0607,) * 3, unit="mg HA/cm³")
    found = measure_microarchitecture(joint, compartments=parts)
    # The threshold from density agrees with the manufacturer's fixed one on real bone.
    fixed = measure_microarchitecture(joint, compartments=parts, threshold=320.0)
    assert found.bv_tv == pytest.approx(fixed.bv_tv, rel=0.08)
    assert 0.1 < found.bv_tv < 0.6
    assert 0.15 < found.tb_th < 0.5  # the box holds the joint's subchondral plate too
    assert 0.3 < found.tb_sp < 1.2

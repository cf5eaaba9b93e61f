"""The distal radius phantom is what it says: fraction, thickness, densities, compartments, motion."""

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from bonestudio.errors import RequestError
from bonestudio.measures.compartments import find_compartments
from bonestudio.measures.thickness import mean_thickness
from bonestudio.phantoms import VirtualPatient
from bonestudio.phantoms.radius_bone import RadiusDesign, mineralise
from bonestudio.phantoms.radius_outline import Shell
from bonestudio.phantoms.radius_scan import radius_scan
from bonestudio.phantoms.scanner import Motion, seen
from bonestudio.phantoms.trabeculae import recipe, separation

SMALL = (16, 144, 112)
COARSE = 0.2428


@pytest.fixture(scope="module")
def scan():
    return radius_scan(VirtualPatient(5, "F"), shape=SMALL, spacing=COARSE)


@pytest.mark.parametrize(("bv_tv", "tb_th"), [(0.18, 0.20), (0.28, 0.25)])
def test_the_network_has_the_wanted_fraction_thickness_and_separation(bv_tv, tb_th):
    step, size = 0.0607, (44, 80, 80)
    tb_sp = separation(bv_tv, tb_th, 0.5)
    bone = RadiusDesign(
        bv_tv=bv_tv,
        tb_th=tb_th,
        tb_sp=tb_sp,
        ct_th=1.0,
        ct_po=0.01,
        tissue=790,
        cortical_tissue=980,
    )
    deep = Shell(depth=torch.full(size, 6.0), cortex=torch.full(size, 1.0))
    density = mineralise(deep, bone, step, np.random.default_rng(3)).numpy()
    # Mineral per volume gives the fraction: marrow has -15, bone 790 mg HA/cm³.
    assert (density.mean() + 15) / 805 == pytest.approx(bv_tv, rel=0.05)
    fine = zoom(density, 2, order=1, mode="nearest", grid_mode=True) > 387.5
    # The cube is small, 2.7 × 4.9 × 4.9 mm: its few dozen trabeculae scatter.
    assert mean_thickness(fine, (step / 2,) * 3, finer=1) == pytest.approx(tb_th, rel=0.05)
    marrow = density <= 387.5
    assert mean_thickness(marrow, (step,) * 3, finer=1) == pytest.approx(tb_sp, rel=0.12)


def test_a_network_that_cannot_be_is_refused():
    with pytest.raises(RequestError, match="separations of"):
        recipe(0.2, 0.2, 0.3)


def test_the_same_patient_has_the_same_bone(scan):
    again = radius_scan(VirtualPatient(5, "F"), shape=SMALL, spacing=COARSE)
    assert np.array_equal(scan.image.voxels, again.image.voxels)
    other = radius_scan(VirtualPatient(6, "F"), shape=SMALL, spacing=COARSE)
    assert not np.array_equal(scan.image.voxels, other.image.voxels)


def test_densities_are_those_of_the_compartments(scan):
    truth = scan.truth
    for name, key in (("trabecular", "tb_bmd_mg_cm3"), ("cortical", "ct_bmd_mg_cm3")):
        assert scan.image.voxels[truth.masks[name]].mean() == pytest.approx(
            truth.measures[key], rel=0.02
        )
    assert 60 < truth.measures["tb_bmd_mg_cm3"] < 320
    assert 700 < truth.measures["ct_bmd_mg_cm3"] < 1050


def test_asking_for_bone_gives_it():
    thin = radius_scan(VirtualPatient(5, "F"), shape=SMALL, spacing=COARSE, ct_th=0.7)
    thick = radius_scan(VirtualPatient(5, "F"), shape=SMALL, spacing=COARSE, ct_th=1.3)
    assert thin.truth.measures["ct_th_mm"] == 0.7
    ratio = thick.truth.masks["cortical"].sum() / thin.truth.masks["cortical"].sum()
    assert ratio == pytest.approx(1.3 / 0.7, rel=0.12)


def test_compartments_are_found_again(scan):
    found = find_compartments(scan.image)
    for name in ("cortical", "trabecular"):
        mine, true = getattr(found, name), scan.truth.masks[name]
        assert 2 * (mine & true).sum() / (mine.sum() + true.sum()) > 0.85


def test_a_steady_shift_of_all_views_moves_the_slice():
    # Projection-slice: the same shift in every view is a plain translation.
    slices = torch.zeros(1, 40, 40)
    slices[0, 18:22, 12:17] = 1000.0
    moved = seen(slices, 0.5, motion=Motion(torch.tensor([[1.5, 2.0]]).expand(64, 2)))
    still = seen(slices, 0.5)
    assert torch.allclose(moved, still.roll((3, 4), dims=(1, 2)), atol=2.0)


def test_motion_grows_with_the_grade():
    patient = VirtualPatient(8, "M")
    small = {"shape": (8, 144, 112), "spacing": COARSE, "noise": False}
    clean = radius_scan(patient, 1, **small).image.voxels
    harm = [
        np.abs(radius_scan(patient, g, **small).image.voxels - clean).mean() for g in (2, 3, 4, 5)
    ]
    assert harm == sorted(harm)
    assert harm[0] > 1
    assert harm[3] > 3 * harm[0]


@pytest.mark.parametrize(
    "request_", [{"grade": 6}, {"age": 10}, {"shape": (4, 20, 20)}, {"bone": 3}, {"tb_sp": 0.1}]
)
def test_bad_requests_get_a_sentence(request_):
    with pytest.raises(RequestError, match=r"\."):
        radius_scan(VirtualPatient(1, "F"), **{"shape": SMALL, "spacing": COARSE} | request_)

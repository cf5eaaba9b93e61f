"""Hips: maps hold the mineral that was put in, poses pose, sides mirror, people are adults."""

import numpy as np
import pytest
import torch

from bonestudio.errors import RequestError
from bonestudio.phantoms import VirtualPatient
from bonestudio.phantoms.hip import BEHIND_MM, SOURCE_MM, hip, project
from bonestudio.phantoms.hip_anatomy import ORIGIN, SIZE, STEP, _ArraysOnly
from bonestudio.phantoms.hip_body import PROXIMAL_FEMUR, HipVolume
from bonestudio.phantoms.hip_reference import PEAK_TOTAL_HIP, person

SMALL = (128, 64)


@pytest.fixture(scope="module")
def film():
    return hip(VirtualPatient(2, "M"), "supine", size=SMALL)


def test_the_map_of_a_block_is_its_density_times_its_depth():
    mineral, label = torch.zeros(SIZE), torch.zeros(SIZE)
    block = (slice(120, 200), slice(40, 80), slice(50, 110))  # 40 voxels deep
    mineral[block], label[block] = 0.5, float(PROXIMAL_FEMUR)
    centre = ORIGIN + STEP * np.array([79.5, 59.5, 159.5])
    rays = project(HipVolume(mineral, label, {"head": centre}), SMALL)
    # In the middle of the shadow a ray crosses 40 voxels, longer by its slant.
    grow = SOURCE_MM / (SOURCE_MM - BEHIND_MM)
    row = round((rays.source[2] - centre[2]) * grow / rays.pitch + SMALL[0] / 2 - 0.5)
    column = round((centre[0] - rays.source[0]) * grow / rays.pitch - 0.5)
    across = np.hypot(centre[0] - rays.source[0], centre[2] - rays.source[2]) / (
        SOURCE_MM - BEHIND_MM
    )
    expected = 0.5 * 40 * STEP / 10 * np.hypot(1, across)
    assert float(rays.proximal[row, column]) == pytest.approx(expected, rel=0.01)
    # Mass is kept: the shadow's area shrinks by the magnification squared.
    assert float(rays.pelvis.abs().max()) == 0.0


def test_regions_hold_the_person_s_density(film):
    truth = film.truth
    proximal = truth.maps["proximal_femur_bmd_g_cm2"]
    for region in ("neck", "trochanter", "total_hip"):
        assert truth.masks[region].sum() > 8
        assert proximal[truth.masks[region]].mean() == pytest.approx(
            truth.measures[f"areal_bmd_{region}_g_cm2"], rel=1e-5
        )
        assert not (truth.masks[region] & ~truth.masks["femur"]).any()
    assert (truth.maps["bone_bmd_g_cm2"] >= proximal - 1e-5).all()
    assert 0.4 < truth.measures["areal_bmd_total_hip_g_cm2"] < 1.5


def test_film_is_bright_where_bone_is(film):
    pixels, truth = film.image.pixels, film.truth
    assert pixels.dtype == np.float32
    assert 0 <= pixels.min() <= pixels.max() <= 1
    shaft = truth.masks["femur"] & ~truth.masks["proximal_femur"]
    row = np.flatnonzero(shaft.any(axis=1))[len(np.flatnonzero(shaft.any(axis=1))) // 2]
    inside = np.flatnonzero(shaft[row])
    beside = [inside[0] - 4, inside[-1] + 4]
    assert pixels[row, inside].mean() > pixels[row, beside].mean() + 0.03


def test_poses_move_the_shaft():
    def lean(pose):
        marks = hip(VirtualPatient(2, "M"), pose, size=SMALL, style="synthetic").truth.landmarks
        (r0, c0), (r1, c1) = marks["head"], marks["shaft"]
        return np.degrees(np.arctan2(c1 - c0, r1 - r0))

    assert lean("abduction") - lean("supine") == pytest.approx(22, abs=9)
    assert lean("supine") - lean("adduction") == pytest.approx(15, abs=9)


def test_right_is_drawn_as_a_mirror():
    left, right = (hip(VirtualPatient(4, "F"), "supine", side, size=SMALL) for side in "LR")
    columns = [p.truth.landmarks["head"][1] for p in (left, right)]
    assert columns[0] < columns[1]
    assert abs(columns[0] - (SMALL[1] - 1 - columns[1])) < 3
    assert right.truth.masks["neck"][:, ::-1][left.truth.masks["neck"]].mean() > 0.3


def test_population_follows_its_reference():
    random = np.random.default_rng(0)
    for sex in ("F", "M"):
        drawn = [
            person(sex, 25, size=random.normal(), density=random.normal(), random=random).total_hip
            for _ in range(4000)
        ]
        mean, spread = PEAK_TOTAL_HIP[sex]
        assert np.mean(drawn) == pytest.approx(mean, rel=0.01)
        assert np.std(drawn) == pytest.approx(spread, rel=0.06)
    old = [person("F", 80, size=0, density=0, random=random).total_hip for _ in range(500)]
    assert np.mean(old) == pytest.approx(0.74 * PEAK_TOTAL_HIP["F"][0], rel=0.03)


@pytest.mark.parametrize(
    "request_", [{"pose": "kneeling"}, {"pose": 7}, {"side": "X"}, {"age": 9}, {"size": (100, 100)}]
)
def test_bad_requests_get_a_sentence(request_):
    with pytest.raises(RequestError, match=r"\."):
        hip(VirtualPatient(1, "F"), **{"size": SMALL} | request_)


def test_the_shape_model_s_file_can_make_arrays_only(tmp_path):
    import pickle

    path = tmp_path / "bad.pc"
    path.write_bytes(pickle.dumps(pytest.approx))
    with path.open("rb") as file, pytest.raises(pickle.UnpicklingError, match="no array"):
        _ArraysOnly(file).load()

"""Bones from meshes: closed, upright, of plausible size, cached in one move."""

import numpy as np
import pytest

from bonestudio.errors import RequestError, StorageError
from bonestudio.phantoms.anatomy import BONES, HAND_BONES, load_bone
from bonestudio.phantoms.voxelise import signed_distance


def test_the_hand_has_27_bones():
    assert len(HAND_BONES) == 27
    assert {"scaphoid", "metacarpal_1", "distal_phalanx_5"} <= set(HAND_BONES)
    assert {"radius", "ulna", "humerus", "femur", "tibia", "patella"} <= set(BONES)


@pytest.mark.parametrize(
    ("name", "length"),
    [("middle_phalanx_2", (20, 28)), ("metacarpal_3", (58, 72)), ("distal_phalanx_5", (12, 18))],
)
def test_bone_is_upright_and_of_human_length(name, length):
    bone = load_bone(name)
    assert length[0] < bone.length < length[1]
    z, y, x = (np.flatnonzero(bone.inside.any(axis=a)) for a in ((1, 2), (0, 2), (0, 1)))
    assert len(z) > 1.7 * len(x)
    assert len(z) > 1.7 * len(y)
    assert bone.landmarks["distal"][2] > 0 > bone.landmarks["proximal"][2]
    assert np.allclose(bone.axes @ bone.axes.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(bone.axes) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["middle_phalanx_2", "pisiform", "distal_phalanx_5"])
def test_bone_is_solid(name):
    from scipy.ndimage import binary_fill_holes, label

    inside = load_bone(name).inside
    assert label(inside)[1] == 1
    assert np.array_equal(binary_fill_holes(inside), inside)


def test_frame_and_mesh_coordinates_are_each_others_inverse():
    bone = load_bone("middle_phalanx_2")
    points = np.array([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0]])
    assert np.allclose(bone.from_mesh(bone.to_mesh(points)), points)
    assert np.allclose(bone.to_mesh(points[1]), bone.centre)


def test_a_sphere_has_its_own_signed_distance():
    import pyvista as pv

    sphere = pv.Sphere(radius=4.0, theta_resolution=60, phi_resolution=60)
    distance, origin = signed_distance(sphere, 0.2, pad=1.0)
    z, y, x = (
        np.arange(n) * 0.2 + origin[i] for n, i in zip(distance.shape, (2, 1, 0), strict=True)
    )
    true = 4.0 - np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
    near = np.abs(true) < 0.8
    error = (distance - true)[near]
    assert np.abs(error).max() < 0.22  # a voxel, at single corners
    assert np.abs(error).mean() < 0.06
    assert abs(error.mean()) < 0.04


def test_a_cracked_sphere_is_still_filled():
    import pyvista as pv

    cracked = pv.Sphere(radius=4.0).remove_cells([5, 200, 800])
    assert cracked.n_open_edges
    distance, _ = signed_distance(cracked, 0.2, pad=1.0)
    assert (distance > 0).sum() * 0.2**3 == pytest.approx(4 / 3 * np.pi * 4**3, rel=0.05)


def test_cache_serves_without_the_package(monkeypatch, tmp_path):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path))
    load_bone.cache_clear()
    first = load_bone("distal_phalanx_3")
    load_bone.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "myo_sim", None)
    again = load_bone("distal_phalanx_3")
    assert np.array_equal(first.distance, again.distance)
    assert [p.suffix for p in tmp_path.rglob("*") if p.is_file()] == [".npz"]
    with pytest.raises(RequestError, match="myo-sim"):
        load_bone("distal_phalanx_2")
    load_bone.cache_clear()


def test_a_cache_that_cannot_be_written_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "file"))
    load_bone.cache_clear()
    with pytest.raises(StorageError, match="BONESTUDIO_CACHE"):
        load_bone("distal_phalanx_3")
    load_bone.cache_clear()


def test_unknown_bone_is_one_sentence():
    with pytest.raises(RequestError, match="no bone called 'wing'"):
        load_bone("wing")

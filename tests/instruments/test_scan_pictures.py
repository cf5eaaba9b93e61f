"""Pictures and surfaces of a ball, whose size on the screen and in mm is known."""

import functools
import re
import subprocess

import numpy as np
import pytest
from test_scans import numbered, sphere

from bonestudio.errors import RequestError, StorageError
from bonestudio.instruments.lightbox import scan_boards, scan_pictures
from bonestudio.instruments.lightbox.scans import pixels_to_png


@pytest.fixture
def no_opengl(monkeypatch):
    """A machine where the first drawing ends the process."""
    monkeypatch.setattr(scan_pictures, "_PROBE", "import os; os.abort()")
    fresh = functools.cache(scan_pictures.why_not_rendered.__wrapped__)
    monkeypatch.setattr(scan_pictures, "why_not_rendered", fresh)


@pytest.fixture
def opengl():
    if why := scan_pictures.why_not_rendered():
        pytest.skip(why)


def test_a_ball_is_drawn_round_in_the_middle_and_lit_from_the_left(opengl):
    image = scan_pictures.still(sphere(), size=(200, 260), tint="bone")
    assert image.shape == (200, 260, 3)
    assert image.dtype == np.uint8
    lit = image.max(-1) > 8
    rows, columns = np.nonzero(lit)
    assert rows.mean() == pytest.approx(99.5, abs=2)
    assert columns.mean() == pytest.approx(129.5, abs=2)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=3)
    assert np.ptp(rows) > 0.5 * 200
    # A disc of the measured width: π/4 of its box.
    assert lit.sum() == pytest.approx(np.pi / 4 * np.ptp(rows) * np.ptp(columns), rel=0.05)
    assert image[70:90, 95:115].mean() > 1.3 * image[110:130, 150:170].mean()
    assert image[:10].max() == 0


def test_density_is_coloured_with_its_bar(opengl):
    dense = scan_pictures.still(sphere(inside=1100.0), size=(240, 240))
    sparse = scan_pictures.still(sphere(inside=420.0), size=(240, 240))
    middle = np.s_[100:140, 80:130]
    warm = [int(image[middle][..., 0].mean()) - int(image[middle][..., 2].mean()) for image in (dense, sparse)]  # fmt: skip
    assert warm[0] > 0 > warm[1]  # ivory where compact, slate blue where sparse
    plain = scan_pictures.still(sphere(), size=(240, 240), tint="bone")
    assert plain[160:230, 215:235].max() == 0
    assert dense[160:230, 215:235].max() > 200


def test_an_azimuth_of_180_shows_the_other_side(opengl):
    volume = sphere(radius=6, side=32)
    volume.voxels[14:18, 0:6, 14:18] = 900.0  # a knob in front (low rows)
    front = scan_pictures.still(volume, azimuth=90, elevation=0, size=(160, 160), tint="bone")
    back = scan_pictures.still(volume, azimuth=-90, elevation=0, size=(160, 160), tint="bone")
    # Seen from the patient's left, the front with its thin knob is on the viewer's left.
    left, right = ((image[:, half].max(-1) > 8).sum() for image in (front,) for half in (np.s_[:80], np.s_[80:]))  # fmt: skip
    assert 100 < left < right
    left, right = ((image[:, half].max(-1) > 8).sum() for image in (back,) for half in (np.s_[:80], np.s_[80:]))  # fmt: skip
    assert left > right > 100


def test_four_panes_hold_slices_crosshair_and_surface(opengl):
    image = scan_pictures.panes(sphere(), side=160, window=(-100, 900), tint="bone", oriented=True)
    assert image.shape == (320, 320, 3)
    for row, column in ((0, 0), (0, 160), (160, 0)):
        pane = image[row : row + 160, column : column + 160]
        assert pane[60, 60].min() > 250  # inside the ball: white, clear of crosshair and letters
        assert pane[40, 5].max() == 0
        assert (pane == (76, 201, 240)).all(-1).sum() > 200
    assert image[200:280, 200:280].std() > 3


def test_slices_lie_where_the_fractions_say():
    volume = numbered((10, 10, 10), spacing=(1.0, 1.0, 1.0))
    drawn = np.zeros((100, 100, 3), np.uint8)
    image = scan_boards.four_panes(volume, drawn, window=(0, 1000), at=(0.95, 0.5, 0.5), oriented=False, title="")  # fmt: skip
    axial = image[100:200, :100, 0]
    # Slice 9 goes from 900 to 999: 230 to 255 of 255.
    assert axial[10, 45] == pytest.approx(903 / 1000 * 255, abs=3)
    coronal = image[:100, :100, 0]
    assert coronal[30:90, 30].tolist() == sorted(coronal[30:90, 30], reverse=True)  # head is up


def test_without_opengl_a_projection_is_drawn_and_the_libraries_are_named(no_opengl):
    why = scan_pictures.why_not_rendered()
    assert re.search(r"install libegl1, libgl1 and libgl1-mesa-dri", why)
    image = scan_pictures.still(sphere(), size=(120, 120), azimuth=40)
    assert image.shape == (120, 120, 3)
    assert image[60, 60].min() > 150
    assert image[2, 2].max() < 60
    board = scan_pictures.panes(sphere(), side=100)
    assert board.shape == (200, 200, 3)


def test_the_surface_of_a_ball_is_closed_and_has_its_volume_in_mm(tmp_path):
    import pyvista as pv

    for name in ("ball.stl", "ball.ply"):
        path = scan_pictures.write_surface(sphere(), tmp_path / name, level=400.0)
        mesh = pv.read(path)
        assert mesh.n_open_edges == 0
        assert mesh.volume == pytest.approx(4 / 3 * np.pi * 6.0**3, rel=0.02)  # 12 voxels of 0.5 mm
        np.testing.assert_allclose(mesh.center, [7.75, 7.75, 7.75], atol=0.05)


def test_a_glb_stands_upright_in_metres(tmp_path):
    import pyvista as pv

    tall = sphere()
    tall = type(tall)(
        voxels=tall.voxels, spacing=(1.0, 0.5, 0.25), unit=tall.unit
    )  # twice as high as deep, half as wide
    path = scan_pictures.write_surface(tall, tmp_path / "ball.glb", level=400.0)
    mesh = pv.read(path).combine().extract_surface(algorithm="dataset_surface").clean()
    assert mesh.n_open_edges == 0
    low, high = np.array(mesh.bounds).reshape(3, 2).T * 1000
    np.testing.assert_allclose(high - low, [6.0, 24.0, 12.0], atol=0.5)  # x, up, depth in mm
    assert mesh.volume * 1e9 == pytest.approx(4 / 3 * np.pi * 3 * 12 * 6, rel=0.05)
    whole = pv.read(path).combine()
    away = whole.points - np.array(whole.center)
    assert (np.einsum("ij,ij->i", whole["NORMAL"], away) > 0).mean() > 0.99  # normals look outward


def test_bone_that_leaves_the_field_is_closed_there(tmp_path):
    import pyvista as pv

    volume = sphere(radius=20, side=24)
    mesh = pv.read(scan_pictures.write_surface(volume, tmp_path / "cut.stl"))
    assert mesh.n_open_edges == 0


def test_surfaces_that_cannot_be_made_get_a_sentence(tmp_path):
    with pytest.raises(RequestError, match="no surface at 5000"):
        scan_pictures.write_surface(sphere(), tmp_path / "a.stl", level=5000)
    with pytest.raises(RequestError, match=r"\.stl or \.ply"):
        scan_pictures.write_surface(sphere(), tmp_path / "a.obj")
    with pytest.raises(StorageError):
        scan_pictures.write_surface(sphere(), tmp_path / "none" / "a.stl")


def test_a_turntable_is_a_film_of_as_many_pictures(tmp_path, opengl):
    import imageio_ffmpeg

    path = scan_pictures.turntable(sphere(), tmp_path / "a.mp4", frames=8, size=(96, 96))
    unpack = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-i",
        path,
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    film = subprocess.run(unpack, capture_output=True, check=True).stdout
    film = np.frombuffer(film, np.uint8).reshape(8, 96, 96, 3)
    assert film.std((1, 2, 3)).min() > 5
    with pytest.raises(RequestError, match="two pictures"):
        scan_pictures.turntable(sphere(), tmp_path / "b.mp4", frames=1)


def test_a_picture_is_written_as_png(tmp_path):
    from PIL import Image

    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    path = pixels_to_png(pixels, tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)


def test_colours_grow_lighter_with_density():
    light = [sum(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in scan_boards.density_colours()]
    assert light == sorted(light)
    assert len(light) == 128

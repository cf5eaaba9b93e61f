"""Boxes turned on a film: where points go, what comes out, and the way back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging import Radiograph, UprightBox, crop_upright, paste_upright, upright_angle


def tilted_bone(angle, shape=(200, 180), centre=(100, 90)):
    """A long bone, brighter at its upper end, whose top leans right by an angle."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    turn = np.radians(angle)
    down, across = rows - centre[0], columns - centre[1]
    along = down * np.cos(turn) - across * np.sin(turn)
    aside = down * np.sin(turn) + across * np.cos(turn)
    bone = np.exp(-((along / 50) ** 4) - (aside / 9) ** 4) * (0.75 - along / 300)
    return Radiograph(pixels=bone.astype(np.float32), spacing=(0.2, 0.2))


@pytest.mark.parametrize("angle", [-80, -45, -10, 0, 7.5, 30, 60, 89])
def test_the_angle_is_found(angle):
    assert upright_angle(tilted_bone(angle)) == pytest.approx(angle, abs=0.5)
    mask = tilted_bone(angle).pixels > 0.3
    assert upright_angle(tilted_bone(angle), mask=mask) == pytest.approx(angle, abs=1.5)


@pytest.mark.parametrize("angle", [-40, 0, 25, 90])
def test_a_tilted_bone_stands_upright(angle):
    box = UprightBox(centre=(100, 90), size=(120, 40), angle=angle)
    crop = crop_upright(tilted_bone(angle), box)
    wanted = crop_upright(tilted_bone(0), UprightBox(centre=(100, 90), size=(120, 40)))
    assert crop.shape == (120, 40)
    assert np.abs(crop.pixels - wanted.pixels).max() < 0.03
    assert crop.pixels[:60].mean() > crop.pixels[60:].mean()  # The upper end is up.
    assert crop.spacing == (0.2, 0.2)


def test_an_upright_box_of_whole_pixels_is_a_slice():
    film = tilted_bone(20)
    crop = crop_upright(film, UprightBox(centre=(99.5, 79.5), size=(40, 60)))
    assert np.allclose(crop.pixels, film.pixels[80:120, 50:110], atol=1e-5)


def test_a_smaller_crop_is_smoothed_and_its_spacing_grows():
    rows, columns = np.mgrid[0:256, 0:256]
    checks = ((rows + columns) % 2).astype(np.float32)
    film = Radiograph(pixels=checks, spacing=(0.1, 0.1))
    box = UprightBox(centre=(127.5, 127.5), size=(192, 192), shape=(64, 64))
    crop = crop_upright(film, box)
    assert crop.pixels.std() < 0.02  # Without smoothing the checks would alias into new ones.
    assert crop.spacing == pytest.approx((0.3, 0.3))


@settings(max_examples=60, deadline=None)
@given(
    centre=st.tuples(st.floats(-50, 300), st.floats(-50, 300)),
    size=st.tuples(st.floats(1, 300), st.floats(1, 300)),
    angle=st.floats(-360, 360),
    shape=st.none() | st.tuples(st.integers(1, 400), st.integers(1, 400)),
)
def test_points_go_there_and_back(centre, size, angle, shape):
    box = UprightBox(centre=centre, size=size, angle=angle, shape=shape)
    points = np.array([[0.0, 0.0], [10.5, 3.2], [-4.0, 77.0]])
    assert np.allclose(box.to_crop(box.to_film(points)), points, atol=1e-6)
    middle = (np.array(box.pixels) - 1) / 2
    assert np.allclose(box.to_film(middle[None])[0], centre, atol=1e-9)


def test_the_top_of_the_crop_leans_right_on_the_film():
    box = UprightBox(centre=(100, 100), size=(80, 20), angle=30)
    top = box.to_film(np.array([[-0.5, 9.5]]))[0]
    assert top == pytest.approx((100 - 40 * np.cos(np.pi / 6), 100 + 40 * np.sin(np.pi / 6)))


@pytest.mark.parametrize("angle", [0, 33])
def test_a_pasted_crop_is_the_film_again(angle):
    film = tilted_bone(angle)
    box = UprightBox(centre=(100, 90), size=(110, 60), angle=angle)
    same = paste_upright(film, crop_upright(film, box), box, feather=4)
    assert np.abs(same.pixels - film.pixels).max() < 0.02
    black = crop_upright(film, box).with_pixels(np.zeros((110, 60), np.float32))
    gone = paste_upright(film, black, box)
    inside = box.to_crop(np.array([[100.0, 90.0], [20.0, 10.0]]))
    assert inside[0] == pytest.approx((54.5, 29.5))
    assert gone.pixels[100, 90] == 0
    corner = gone.pixels[:20, :20]
    assert np.array_equal(corner, film.pixels[:20, :20])


def test_boxes_in_mm():
    film = tilted_bone(0)
    box = UprightBox.in_mm(film, centre=(20, 18), size=(24, 8), angle=5)
    assert (box.centre, box.size, box.pixels) == ((100, 90), (120, 40), (120, 40))
    with pytest.raises(RequestError, match="spacing"):
        UprightBox.in_mm(Radiograph(pixels=film.pixels), centre=(1, 1), size=(1, 1))
    oblong = Radiograph(pixels=film.pixels, spacing=(0.2, 0.3))
    with pytest.raises(RequestError, match="square"):
        UprightBox.in_mm(oblong, centre=(1, 1), size=(1, 1))


def test_what_cannot_be_cut_says_so():
    film = tilted_bone(0)
    with pytest.raises(RequestError, match="size above zero"):
        crop_upright(film, UprightBox(centre=(1, 1), size=(0, 5)))
    with pytest.raises(ImageError, match="100 million"):
        crop_upright(film, UprightBox(centre=(1, 1), size=(5e4, 5e4)))
    with pytest.raises(RequestError, match="same box"):
        paste_upright(film, film, UprightBox(centre=(1, 1), size=(5, 5)))
    with pytest.raises(ImageError, match="No bone"):
        upright_angle(film, mask=np.zeros(film.shape, bool))

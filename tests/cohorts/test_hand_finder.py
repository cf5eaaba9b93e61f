import numpy as np
import pytest
import torch

from bonestudio.cohorts import Phantoms, find_joints, phalange_box
from bonestudio.cohorts.hand_examples import boxed_joints, name_boxes
from bonestudio.cohorts.hand_finder import Frame, frame_of, read_maps, reduce_film, take_views
from bonestudio.errors import ImageError
from bonestudio.imaging.reading import read_radiograph
from bonestudio.imaging.types import Radiograph
from bonestudio.networks.landmarks import LandmarkNet

FINGERS = [f"{joint}{finger}" for finger in (2, 3, 4, 5) for joint in ("DIP", "PIP", "MCP")]


@pytest.mark.parametrize("mirror", [False, True])
def test_a_frame_goes_there_and_back(mirror):
    frame = Frame(np.array([40.0, 55.0]), 0.7, 120.0, mirror)
    points = np.random.default_rng(0).uniform(0, 100, (17, 2))
    np.testing.assert_allclose(frame.to_film(frame.to_view(points)), points)
    tip = frame.to_film(np.array([[0.0, -1.0]]))[0] - frame.centre
    np.testing.assert_allclose(tip, 60 * np.array([np.sin(0.7), -np.cos(0.7)]))


def test_a_view_shows_what_the_frame_says():
    film = torch.zeros(90, 70)
    film[30, 50] = 1
    frame = Frame(np.array([40.0, 40.0]), 0.4, 80.0)
    x, y = frame.to_view(np.array([[50.0, 30.0]]))[0]
    view = take_views(film, [frame])[0, 0]
    row, column = divmod(int(view.argmax()), view.shape[1])
    assert (column + 0.5) / 96 - 1 == pytest.approx(x, abs=1.5 / 96)
    assert (row + 0.5) / 96 - 1 == pytest.approx(y, abs=1.5 / 96)


def test_heat_maps_are_read_finer_than_a_cell():
    side = 48
    cells = (torch.arange(side) + 0.5) / side * 2 - 1
    x, y = 0.213, -0.371
    spread = 2 * (1.3 * 2 / side) ** 2
    logits = -((cells[None, :] - x) ** 2 + (cells[:, None] - y) ** 2) / spread
    points, scores = read_maps(logits[None, None])
    assert points[0, 0] == pytest.approx((x, y), abs=0.002)
    assert scores[0, 0] > 0.98
    _, lost = read_maps(torch.zeros(1, 1, side, side))
    assert lost[0, 0] == pytest.approx(49 / side**2, rel=1e-3)


def test_the_network_does_not_see_the_exposure():
    torch.manual_seed(0)
    network = LandmarkNet().eval()
    view = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        normal, dark = network(view), network(0.05 * view + 0.3)
    assert normal.shape == (1, 17, 32, 32)
    torch.testing.assert_close(dark, normal, atol=0.05, rtol=0.05)


def test_an_upright_frame_holds_the_hand():
    points = np.random.default_rng(3).uniform(0, 200, (17, 2))
    frame = frame_of(points, margin=1.0)
    inside = frame.to_view(points)
    assert np.abs(inside).max() == pytest.approx(1)
    wrist, knuckle = inside[14], inside[5]
    assert knuckle[0] == pytest.approx(wrist[0])
    assert knuckle[1] < wrist[1]


@pytest.mark.parametrize("kind", ["noise", "bar", "ramp"])
def test_no_hand_is_found_where_there_is_none(kind):
    rows, columns = np.indices((300, 240)).astype(np.float32)
    pixels = {
        "noise": np.random.default_rng(0).random((300, 240), dtype=np.float32),
        "bar": (np.abs(columns - 120) < 20).astype(np.float32),
        "ramp": rows / 300,
    }[kind]
    with pytest.raises(ImageError, match="No whole hand was found"):
        find_joints(Radiograph(pixels=pixels))


def test_virtual_hands_are_found_where_they_are():
    some = Phantoms("hand", 3, seed=9000, ages=(3.0, 18.0))  # trained on other seeds
    for i in range(3):
        phantom = some.phantom(i)
        joints, truth = find_joints(phantom.image), phantom.truth.landmarks
        length = np.hypot(*np.subtract(truth["pip_2"], truth["dip_2"]))
        for joint in ("PIP", "DIP"):
            off = np.hypot(*np.subtract(joints.points[f"{joint}2"], truth[f"{joint.lower()}_2"]))
            assert off < 0.15 * length


@pytest.fixture
def boxed(real_hands):
    """Every other hand with boxes drawn by hand around its joints: film and named boxes."""
    table = boxed_joints(real_hands / "joints.csv")
    films = {k: read_radiograph(real_hands / "images" / f"{k}.jpg") for k in sorted(table)[::2]}
    return {k: (film, name_boxes(table[k], film.shape)) for k, film in films.items()}


def test_joints_lie_in_the_boxes_drawn_by_hand(boxed):
    # These hands were trained on: this guards the code; the benchmark cross-validates.
    right = total = 0
    for film, boxes in boxed.values():
        joints = find_joints(film)
        for name in FINGERS:
            row, column = joints.points[name]
            x0, y0, x1, y1 = boxes[name]
            right += bool(x0 <= column + 0.5 <= x1 and y0 <= row + 0.5 <= y1)
            total += 1
    assert right / total > 0.95


def test_a_hand_is_found_any_way_up(boxed):
    film, _ = boxed["2316"]
    upright = find_joints(film)
    straight = phalange_box(upright)
    width = film.shape[1]
    turned = phalange_box(find_joints(film.with_pixels(np.rot90(film.pixels).copy())))
    assert (turned.row, turned.column) == pytest.approx(
        (width - 1 - straight.column, straight.row), abs=0.05 * straight.side
    )
    assert turned.angle == pytest.approx(straight.angle - 90, abs=3)
    flipped = find_joints(film.with_pixels(film.pixels[:, ::-1].copy()))
    assert flipped.mirrored
    assert not upright.mirrored
    other = phalange_box(flipped)
    assert (other.row, other.column) == pytest.approx(
        (straight.row, width - 1 - straight.column), abs=0.05 * straight.side
    )
    assert other.angle == pytest.approx(-straight.angle, abs=3)
    assert other.mirrored


def test_positions_do_not_depend_on_the_films_resolution(boxed):
    film, _ = boxed["2316"]
    reduced, scale = reduce_film(film.pixels)
    small = phalange_box(find_joints(Radiograph(pixels=reduced.numpy())))
    full = phalange_box(find_joints(film))
    assert (small.row + 0.5) / scale - 0.5 == pytest.approx(full.row, abs=0.03 * full.side)
    assert (small.column + 0.5) / scale - 0.5 == pytest.approx(full.column, abs=0.03 * full.side)
    assert small.side / scale == pytest.approx(full.side, rel=0.03)

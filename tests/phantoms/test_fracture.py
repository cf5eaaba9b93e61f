"""Fractures: what may be asked, what it is called, and that the masks show what was asked."""

import functools
import math

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.phantoms.forearm import render_forearms
from bonestudio.phantoms.fracture import Fracture
from bonestudio.phantoms.patient import VirtualPatient

PERSON = [VirtualPatient(5, "M")]


@functools.cache
def film(fracture, view="PA", size=320):
    return render_forearms(PERSON, view, fracture=fracture, size=size, style="synthetic")[0]


def axis_of(mask):
    """Principal direction (row, column) of a mask, pointing down."""
    points = np.argwhere(mask).astype(float)
    _, vectors = np.linalg.eigh(np.cov((points - points.mean(0)).T))
    way = vectors[:, -1]
    return way if way[0] > 0 else -way


def near_break(mask, site, reach):
    rows, columns = np.indices(mask.shape)
    return mask & (np.hypot(rows - site[0], columns - site[1]) < reach)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"obliquity": 10.0}, "2R2A3"),
        ({"obliquity": 45.0}, "2R2A2"),
        ({"comminution": 0.2}, "2R2B2"),
        ({"comminution": 0.4}, "2R2B3"),
        ({"comminution": 0.9}, "2R2C3"),
        ({"bone": "ulna"}, "2U2A3"),
        ({"bone": "both", "level": 0.6}, "2R2A3, 2U2A3"),
        ({"level": 0.9}, "2R3A2"),
        ({"level": 0.9, "comminution": 0.6}, "2R3A3"),
        ({"level": 0.15, "bone": "ulna"}, "2U1A2"),
    ],
)
def test_ao_code(request_, code):
    assert Fracture(**request_).ao_code == code


@pytest.mark.parametrize(
    "wrong",
    [
        {"bone": "femur"},
        {"side": "left"},
        {"level": 1.2},
        {"obliquity": -1.0},
        {"gap": math.nan},
        {"displacement": 30.0},
        {"angulation": "much"},
        {"comminution": 2.0},
        {"direction": 1000.0},
        {"gap": True},
    ],
)
def test_a_bad_request_gets_one_sentence(wrong):
    with pytest.raises(RequestError) as caught:
        Fracture(**wrong)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize("gap", [6.0, 15.0])
def test_the_gap_in_the_mask_is_the_gap_asked_for(gap):
    phantom = film(Fracture.bone_removed(position=0.55, thickness=gap))
    truth, spacing = phantom.truth, phantom.image.spacing[0]
    way = axis_of(truth.masks["radius_proximal"])
    site = np.argwhere(truth.masks["fracture"]).mean(0)

    def along(mask):
        points = np.argwhere(mask)
        offset = points - site
        near_axis = np.abs(offset @ np.array([-way[1], way[0]])) < 2.0 / spacing
        return (offset @ way)[near_axis]

    measured = (
        along(truth.masks["radius_proximal"]).min() - along(truth.masks["radius_distal"]).max() - 1
    )
    assert measured * spacing == pytest.approx(gap, abs=1.3)


def test_the_angle_between_the_fragments_is_the_angle_asked_for():
    straight = film(Fracture(level=0.5, angulation=0.0, displacement=0.0, gap=2.0))
    bent = film(Fracture(level=0.5, angulation=20.0, displacement=0.0, gap=2.0))

    def turn(phantom):
        proximal, distal = (phantom.truth.masks[f"radius_{end}"] for end in ("proximal", "distal"))
        a, b = axis_of(proximal), axis_of(distal)
        return math.degrees(math.atan2(a[1], a[0]) - math.atan2(b[1], b[0]))

    assert abs(turn(bent) - turn(straight)) == pytest.approx(20.0, abs=2.0)


def test_the_shift_in_the_mask_is_the_shift_asked_for():
    none = film(Fracture(level=0.5, displacement=0.0, angulation=0.0, gap=1.0, obliquity=0.0))
    some = film(Fracture(level=0.5, displacement=8.0, angulation=0.0, gap=1.0, obliquity=0.0))
    moved = [np.argwhere(p.truth.masks["radius_distal"]).mean(0) for p in (none, some)]
    stayed = [np.argwhere(p.truth.masks["radius_proximal"]).mean(0) for p in (none, some)]
    shift = np.linalg.norm(moved[1] - moved[0]) * some.image.spacing[0]
    # The hand's end of the fragment may lie beyond the film, so the centre moves a little less.
    assert shift == pytest.approx(8.0, abs=0.8)
    assert np.linalg.norm(stayed[1] - stayed[0]) < 0.5


def test_a_shift_to_the_back_of_the_hand_is_seen_from_the_side_alone():
    backwards = {"direction": 90.0, "displacement": 8.0, "angulation": 0.0, "obliquity": 0.0}
    for view, seen in (("PA", 0.0), ("lateral", 8.0)):
        still = film(Fracture(**{**backwards, "displacement": 0.0}), view)
        moved = film(Fracture(**backwards), view)
        centres = [np.argwhere(p.truth.masks["radius_distal"]).mean(0) for p in (still, moved)]
        shift = abs(centres[1][1] - centres[0][1]) * still.image.spacing[0]
        assert shift == pytest.approx(seen, abs=1.2)


def test_fragments_make_up_the_bone_and_the_break_lies_between():
    phantom = film(Fracture(comminution=0.8, gap=3.0))
    masks = phantom.truth.masks
    fragments = [m for name, m in masks.items() if name.startswith("radius_")]
    assert len(fragments) == 6  # two ends and four chips
    assert np.array_equal(np.logical_or.reduce(fragments), masks["radius"])
    assert masks["fracture"].any()
    assert phantom.truth.labels["ao"] == "2R2C3"
    assert phantom.truth.measures["fracture_gap"] == 3.0


def test_a_removed_slice_darkens_the_film_there_and_nowhere_else():
    whole = film(None)
    cut = film(Fracture.bone_removed(position=0.55, thickness=12.0, angle=25.0))
    lost = whole.image.pixels - cut.image.pixels
    hole = cut.truth.masks["fracture"] & ~cut.truth.masks["radius"] & ~cut.truth.masks["ulna"]
    away = ~near_break(np.ones_like(hole), np.argwhere(hole).mean(0), 45)
    assert lost[hole].mean() > 0.05
    assert abs(lost[away]).mean() < 0.01


def test_the_right_arm_is_the_mirror_image():
    left = film(Fracture(side="L"), size=128)
    right = film(Fracture(side="R"), size=128)
    assert np.array_equal(left.image.pixels, right.image.pixels[:, ::-1])
    assert np.array_equal(left.truth.masks["radius"], right.truth.masks["radius"][:, ::-1])
    assert right.image.laterality == "R"
    with pytest.raises(RequestError, match="side"):
        render_forearms(PERSON, "PA", fracture=Fracture(side="R"), side="L")

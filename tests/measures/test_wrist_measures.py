"""Wrist measurements against drawn bones of known angles and against phantoms' truth."""

import math

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.measures.bones import BONES, bone_of, grouped, label_map, masks_of
from bonestudio.measures.wrist import RANGES, Range, WristMeasures, measure_wrist
from bonestudio.measures.wrist_frame import NotMeasurable, find_end
from bonestudio.measures.wrist_view import WristView
from bonestudio.phantoms import VirtualPatient
from bonestudio.phantoms.fracture import Fracture

UPRIGHT = {"axis_near": (100, 50), "axis_far": (20, 50)}


@pytest.fixture(scope="module")
def front():
    return VirtualPatient(7).wrist("PA", radial_inclination=30.0, ulnar_variance=2.0)


@pytest.fixture(scope="module")
def side():
    return VirtualPatient(7).wrist("LL", volar_tilt=-8.0)


def turned(landmarks, degrees):
    a = math.radians(degrees)
    return {
        name: (r * math.cos(a) - c * math.sin(a) + 40, r * math.sin(a) + c * math.cos(a) - 9)
        for name, (r, c) in landmarks.items()
    }


@pytest.mark.parametrize("degrees", [0, 37, 180])
@pytest.mark.parametrize("flip", [1, -1])
def test_landmarks_of_known_angles_in_any_pose(degrees, flip):
    rise = 24 * math.tan(math.radians(23))
    drawn = {
        **UPRIGHT,
        "sigmoid_notch": (30, 50 - flip * 12),
        "radial_styloid": (30 - rise, 50 + flip * 12),
        "ulnar_head": (28, 50 - flip * 24),
    }
    found = WristMeasures.from_landmarks(turned(drawn, degrees), view="PA", spacing=(0.5, 0.5))
    assert found["radial_inclination"].value == pytest.approx(23)
    assert found["ulnar_variance"].value == pytest.approx(1.0)  # 2 pixels towards the hand
    assert found["radial_inclination"].within
    assert found["volar_tilt"].value is None
    assert "front" in found["volar_tilt"].why


def test_pixels_that_are_not_square_are_measured_in_millimetres():
    drawn = {**UPRIGHT, "sigmoid_notch": (30, 40), "radial_styloid": (20, 60)}
    found = WristMeasures.from_landmarks(drawn, view="PA", spacing=(1.0, 0.5))
    assert found["radial_inclination"].value == pytest.approx(45)


def test_dorsal_tilt_is_negative_and_dragging_recomputes():
    drawn = {**UPRIGHT, "volar_lip": (20, 40), "dorsal_lip": (30, 60)}
    found = WristMeasures.from_landmarks(drawn, view="LL")
    assert found["volar_tilt"].value == pytest.approx(-math.degrees(math.atan2(10, 20)))
    assert found["volar_tilt"].within is False
    dragged = found.moved("dorsal_lip", (20, 60))
    assert dragged["volar_tilt"].value == pytest.approx(0)
    assert found.landmarks["dorsal_lip"] == (30, 60)  # the first answer stays
    with pytest.raises(RequestError, match="no landmark 'thumb'"):
        found.moved("thumb", (1, 1))


def test_no_millimetres_without_spacing_and_ranges_are_a_setting():
    drawn = {
        **UPRIGHT,
        "sigmoid_notch": (30, 38),
        "ulnar_head": (28, 26),
        "radial_styloid": (20, 62),
    }
    ranges = {**RANGES, "radial_inclination": Range(40, 50, "a clinic's own")}
    found = WristMeasures.from_landmarks(drawn, view="PA", ranges=ranges)
    assert found["ulnar_variance"].value is None
    assert "pixel" in found["ulnar_variance"].why
    assert found["radial_inclination"].within is False
    assert found["radial_inclination"].normal.source == "a clinic's own"


@pytest.mark.parametrize(
    ("landmarks", "view", "sentence"),
    [
        ({"nose": (1, 2)}, "PA", "no landmark 'nose'"),
        ({"axis_near": (1, float("nan"))}, "PA", "finite"),
        ({}, "AP", "'PA'"),
    ],
)
def test_landmarks_that_make_no_sense_are_refused(landmarks, view, sentence):
    with pytest.raises(RequestError, match=sentence):
        WristMeasures.from_landmarks(landmarks, view=view)


def test_the_outline_of_a_phantom_gives_its_angles(front):
    masks = grouped(front.truth.masks)
    found = measure_wrist(masks, spacing=front.image.spacing)
    assert found.view == "PA"
    assert found["radial_inclination"].value == pytest.approx(30, abs=3)
    assert found["ulnar_variance"].value == pytest.approx(2.0, abs=3.0)
    mirrored = measure_wrist(
        {name: mask[:, ::-1] for name, mask in masks.items()}, spacing=front.image.spacing
    )
    assert mirrored["radial_inclination"].value == pytest.approx(
        found["radial_inclination"].value, abs=0.7
    )


def test_points_found_on_the_film_come_before_the_outline(side):
    masks = grouped(side.truth.masks)
    outline = measure_wrist(masks, spacing=side.image.spacing)
    assert outline.view == "LL"
    assert outline["volar_tilt"].value is None  # the styloid hides the lips
    assert outline["volar_tilt"].why == "The volar lip and the dorsal lip were not found."
    points = {name: side.truth.landmarks[name] for name in ("volar_lip", "dorsal_lip")}
    found = measure_wrist(masks, spacing=side.image.spacing, points=points)
    assert found["volar_tilt"].value == pytest.approx(side.truth.angles["volar_tilt"], abs=1.2)
    assert found["volar_tilt"].value == pytest.approx(-8, abs=1.7)


def test_the_axis_is_the_shafts_also_when_the_end_is_broken_off():
    fracture = Fracture(bone="radius", level=0.9, displacement=4, angulation=18, direction=0)
    broken = VirtualPatient(12).wrist("PA", fracture=fracture)
    healthy = VirtualPatient(12).wrist("PA")
    ends = [find_end(grouped(w.truth.masks)) for w in (broken, healthy)]
    cosine = float(ends[0].along @ ends[1].along)
    assert math.degrees(math.acos(min(cosine, 1.0))) < 1.5


def test_reasons_for_no_number(front, side):
    masks = grouped(front.truth.masks)
    end = find_end(masks)
    row = round(end.tip[0] + 0.2 * end.breadth)

    def why(cut, **options):
        found = measure_wrist(cut, spacing=front.image.spacing, **options)
        assert all(m.value is None for m in found.measurements)
        return found["radial_inclination"].why

    cut_off = {name: mask[row:] for name, mask in masks.items()}
    cut_off["carpals"] = cut_off["carpals"].copy()
    cut_off["carpals"][:8, 100:150] = True
    assert "cut off" in why(cut_off)
    short = {name: mask[: round(end.tip[0] + 0.9 * end.breadth)] for name, mask in masks.items()}
    assert "shaft" in why(short)
    assert "no radius" in why({**masks, "radius": np.zeros_like(masks["radius"])})
    assert "no carpals" in why({"radius": masks["radius"], "ulna": masks["ulna"]})
    assert "pixels broad" in why({name: mask[::5, ::5] for name, mask in masks.items()})
    assert "from the front, not from the side" in why(masks, view="LL")
    assert "from the side, not from the front" in why(grouped(side.truth.masks), view="PA")
    oblique = grouped(VirtualPatient(7).wrist("oblique").truth.masks)
    assert "neither" in why(oblique)


def test_a_view_and_back(front):
    view = WristView(find_end(grouped(front.truth.masks)))
    points = np.array([[0.3, -0.4], [0.0, 0.0], [-0.9, 0.8]])
    assert view.to_view(view.to_film(points)) == pytest.approx(points)
    styloid = view.to_view(np.array([front.truth.landmarks["radial_styloid"]]))[0]
    notch = view.to_view(np.array([front.truth.landmarks["sigmoid_notch"]]))[0]
    assert styloid[0] > notch[0]  # the thumb is to the right
    assert styloid[1] < notch[1]  # and the hand up
    bright = np.zeros(front.image.shape, np.float32)
    row, column = np.rint(view.to_film(np.array([[0.5, -0.25]]))[0]).astype(int)
    bright[row - 2 : row + 3, column - 2 : column + 3] = 1
    seen = np.unravel_index(view.cut(bright, 80).argmax(), (80, 80))
    assert seen == pytest.approx((0.375 * 80, 0.75 * 80), abs=2.5)


def test_labels_name_the_bones_of_phantoms(front):
    masks = grouped(front.truth.masks)
    assert {bone_of(name) for name in ("lunate", "radius_chip_1", "middle_phalanx_3", "steel")} == {
        "carpals", "radius", "middle phalanges", None
    }  # fmt: skip
    labels = label_map(masks)
    assert set(np.unique(labels)) == {0, *(BONES.index(bone) + 1 for bone in masks)}
    assert (masks_of(labels)["ulna"] & ~masks["ulna"]).sum() == 0
    assert ((labels > 0) == np.logical_or.reduce(list(masks.values()))).all()
    assert isinstance(front.image, Radiograph)
    with pytest.raises(NotMeasurable):
        find_end({})

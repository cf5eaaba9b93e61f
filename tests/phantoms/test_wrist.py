"""Wrists: requested angles are on the film, masks agree with the picture, batches change nothing."""

import math

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.phantoms.forearm import render_forearms
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.wrist import render_wrists, wrist

PEOPLE = [VirtualPatient(1, "F"), VirtualPatient(2, "M")]


def slope(phantom, start, end):
    """Angle of the line between two landmarks against the film's rows, degrees."""
    (r0, c0), (r1, c1) = (phantom.truth.landmarks[name] for name in (start, end))
    return math.degrees(math.atan2(r0 - r1, abs(c1 - c0)))


def shaft(phantom):
    """Lean of the radius' shaft from the film's columns, from its mask, degrees."""
    mask = phantom.truth.masks["radius"]
    joint = phantom.truth.landmarks["sigmoid_notch"][0]
    spacing = phantom.image.spacing[0]
    middles = []
    for depth in (20.0, 38.0):
        row = round(joint + depth / spacing)
        if row < mask.shape[0]:
            middles.append((row, np.flatnonzero(mask[row]).mean()))
    (r0, c0), (r1, c1) = middles
    return math.degrees(math.atan2(c1 - c0, r1 - r0))


@pytest.mark.parametrize("asked", [8.0, 22.0, 30.0])
def test_radial_inclination_on_the_film_is_the_one_asked_for(asked):
    for phantom in render_wrists(PEOPLE, "PA", radial_inclination=asked, size=320):
        assert phantom.truth.angles["radial_inclination"] == pytest.approx(asked, abs=0.5)
        # Independently: the landmarks' line against the lean of the shaft in the mask.
        seen = slope(phantom, "sigmoid_notch", "radial_styloid") - shaft(phantom)
        assert seen == pytest.approx(asked, abs=4.0)


@pytest.mark.parametrize("asked", [-15.0, 4.0, 18.0])
def test_volar_tilt_on_the_film_is_the_one_asked_for(asked):
    for phantom in render_wrists(PEOPLE, "lateral", volar_tilt=asked):
        assert phantom.truth.angles["volar_tilt"] == pytest.approx(asked, abs=0.5)


@pytest.mark.parametrize("asked", [-3.0, 0.0, 4.0])
def test_ulnar_variance_on_the_film_is_the_one_asked_for(asked):
    for phantom in render_wrists(PEOPLE, "PA", ulnar_variance=asked):
        assert phantom.truth.measures["ulnar_variance_mm"] == pytest.approx(asked, abs=0.1)


def test_a_view_tells_only_what_it_shows():
    pa, lateral, oblique = (wrist(PEOPLE[0], view) for view in ("PA", "LL", "oblique"))
    assert set(pa.truth.angles) == {"radial_inclination"}
    assert set(lateral.truth.angles) == {"volar_tilt"}
    assert not oblique.truth.angles
    assert oblique.image.view == "OB"


def test_the_joint_surface_of_the_mask_is_where_the_landmarks_are():
    phantom = wrist(PEOPLE[1], "PA", size=512, style="synthetic")
    mask, spacing = phantom.truth.masks["radius"], phantom.image.spacing[0]
    top = np.argwhere(mask)[0]
    assert abs(top[0] - phantom.truth.landmarks["radial_styloid"][0]) * spacing < 2.5
    row, column = phantom.truth.landmarks["sigmoid_notch"]
    inside = mask[round(row) - 8 : round(row) + 9, round(column) - 8 : round(column) + 9]
    assert 0.05 < inside.mean() < 0.8  # the notch is a corner of the bone


def test_masks_agree_with_the_picture():
    phantom = wrist(PEOPLE[0], "PA", style="synthetic")
    masks = phantom.truth.masks
    bone = np.logical_or.reduce([masks[b] for b in masks])
    pixels = phantom.image.pixels
    rim = ~bone & (pixels > 0.15)  # flesh
    assert pixels[bone].mean() > 1.3 * pixels[rim].mean()
    for name in ("radius", "ulna", "scaphoid", "lunate", "capitate", "metacarpal_3"):
        assert masks[name].sum() > 100


def test_a_film_is_the_same_alone_and_in_a_batch_and_again():
    alone = wrist(PEOPLE[1], "PA", size=128)
    again = wrist(PEOPLE[1], "PA", size=128)
    batch = render_wrists(PEOPLE, "PA", size=128)[1]
    assert np.array_equal(alone.image.pixels, again.image.pixels)
    assert np.abs(alone.image.pixels - batch.image.pixels).max() < 2e-3
    other = wrist(PEOPLE[0], "PA", size=128)
    assert np.abs(alone.image.pixels - other.image.pixels).mean() > 0.01


def test_a_forearm_shows_elbow_and_wrist():
    for view in ("PA", "lateral"):
        phantom = render_forearms(PEOPLE[:1], view)[0]
        assert {"radius", "ulna", "humerus", "lunate"} <= set(phantom.truth.masks)
        assert phantom.image.pixels.shape == (256, 256)
        assert phantom.image.pixels.dtype == np.float32


@pytest.mark.parametrize(
    "wrong",
    [
        {"view": "up"},
        {"side": "left"},
        {"age": 7.0},
        {"age": "old"},
        {"size": 10},
        {"style": "oil"},
        {"radial_inclination": 80.0},
        {"volar_tilt": math.nan},
        {"ulnar_variance": -20.0},
    ],
)
def test_a_bad_request_gets_one_sentence(wrong):
    with pytest.raises(RequestError) as caught:
        render_wrists(PEOPLE[:1], **wrong)
    assert str(caught.value).endswith(".")


def test_bone_is_lost_in_old_age_and_no_patients_make_no_films():
    young, old = (wrist(PEOPLE[0], age=age, style="synthetic", size=128) for age in (35.0, 85.0))
    shaft = young.truth.masks["radius"]
    assert old.image.pixels[shaft].mean() < young.image.pixels[shaft].mean() - 0.02
    assert render_wrists([], "PA") == []


def test_an_oblique_forearm_is_refused():
    with pytest.raises(RequestError, match="view"):
        render_forearms(PEOPLE[:1], "oblique")

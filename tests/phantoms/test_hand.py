"""Hands: growth follows the cited ages, landmarks lie on their joints, films repeat themselves."""

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.phantoms.hand import hand, render_hands
from bonestudio.phantoms.hand_growth import (
    APPEARS,
    FUSED,
    appearance_order,
    breadth_factor,
    carpal_size,
    epiphysis,
    length_factor,
)
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.pose_kinematics import CARPALS

GIRL, BOY = VirtualPatient(11, "F"), VirtualPatient(12, "M")


def test_carpals_ossify_in_the_order_of_the_textbooks():
    assert appearance_order("F")[:4] == ["capitate", "hamate", "triquetrum", "lunate"]
    assert appearance_order("M")[-1] == "pisiform"


@pytest.mark.parametrize("bone", sorted(APPEARS))
def test_girls_are_ahead_of_boys(bone):
    girl, boy = APPEARS[bone]
    assert girl < boy


@pytest.mark.parametrize("sex", ["F", "M"])
def test_growth_is_monotonic_and_ends(sex):
    ages = np.linspace(1, 20, 77)
    lengths = [length_factor(a, sex) for a in ages]
    assert np.all(np.diff(lengths) >= 0)
    assert lengths[-1] == pytest.approx(lengths[-10], rel=0.01)
    for bone in CARPALS:
        nucleus = [carpal_size(bone, a, sex) for a in ages]
        assert np.all(np.diff(nucleus) >= 0)
        assert nucleus[-1] == pytest.approx(1.0)
    for bone in ("radius", "ulna", "middle_phalanx_2", "metacarpal_3"):
        states = [epiphysis(bone, a, sex) for a in ages]
        gaps = [s.gap for s in states if s.present]
        assert np.all(np.diff(gaps) <= 1e-9)
        fused = FUSED[bone.partition("_")[0]][sex == "M"]
        assert [s.fused for s in states] == [bool(a >= fused) for a in ages]


def test_a_child_of_two_has_stouter_bones_than_an_adult():
    ratio = {a: breadth_factor(a, "F") / length_factor(a, "F") for a in (2, 18)}
    assert ratio[2] > 1.05 * ratio[18]


def test_what_has_not_ossified_is_not_on_the_film():
    toddler, teenager = (
        hand(BOY, age - BOY.traits.tempo, height=192, style="synthetic").truth.masks
        for age in (2.0, 17.5)
    )
    assert "capitate" in toddler
    assert "scaphoid" not in toddler
    assert "pisiform" not in toddler
    assert set(CARPALS) <= set(teenager)
    assert len(teenager) == 29  # 27 bones of the hand, radius, ulna


def test_the_hand_grows():
    def metacarpal(age):
        phantom = hand(GIRL, age, height=192, style="synthetic")
        base, head = (np.array(phantom.truth.landmarks[n]) for n in ("base_3", "mcp_3"))
        return np.linalg.norm(base - head) * phantom.image.spacing[0]

    lengths = [metacarpal(a) for a in (3.0, 8.0, 13.0, 18.0)]
    assert np.all(np.diff(lengths) > 0)
    assert 50 < lengths[-1] < 75  # mm; Garn et al. 1972: 62 ± 4 in women


def test_the_physis_is_a_dark_line_until_it_closes():
    def trough(age):
        """Darkest pixel between shaft and epiphysis of the middle finger, against the shaft."""
        film = hand(GIRL, age, height=512, style="synthetic")
        pixels, marks = film.image.pixels, film.truth.landmarks
        near, far = np.array(marks["mcp_3"]), np.array(marks["pip_3"])
        line = near + np.linspace(0.2, 0.48, 200)[:, None] * (far - near)
        values = pixels[tuple(np.round(line).astype(int).T)]
        return values[:150].min() / np.median(values[150:])

    assert trough(9.0) < 0.85
    assert trough(18.0) > trough(9.0) + 0.1


def test_landmarks_lie_between_the_bones_they_join():
    film = hand(GIRL, 17.5, height=384, style="synthetic")
    masks, marks = film.truth.masks, film.truth.landmarks
    for finger in (2, 3, 4, 5):
        joint = np.array(marks[f"pip_{finger}"])
        for row in ("proximal", "middle"):
            points = np.argwhere(masks[f"{row}_phalanx_{finger}"])
            away = np.linalg.norm(points - joint, axis=1).min() * film.image.spacing[0]
            assert away < 6.0
    tips = [marks[f"tip_{f}"][0] for f in (2, 3, 4, 5)]
    assert min(tips) == marks["tip_3"][0]  # the middle finger is the longest
    assert marks["tip_1"][1] > marks["tip_2"][1] > marks["tip_5"][1]  # a left hand, thumb right


def test_every_bone_is_brighter_than_the_flesh_around_it():
    film = hand(BOY, 12.0, height=384, style="synthetic")
    bone = np.logical_or.reduce(list(film.truth.masks.values()))
    flesh = ~bone & (film.image.pixels > 0.12)
    for name in ("metacarpal_3", "proximal_phalanx_2", "radius", "capitate"):
        assert (
            film.image.pixels[film.truth.masks[name]].mean()
            > film.image.pixels[flesh].mean() + 0.03
        )


def test_a_hand_is_the_same_alone_and_in_a_batch_and_again():
    alone, again = (hand(BOY, 10.0, height=128) for _ in range(2))
    batch = render_hands([GIRL, BOY], [7.0, 10.0], height=128)[1]
    assert np.array_equal(alone.image.pixels, again.image.pixels)
    assert np.abs(alone.image.pixels - batch.image.pixels).max() < 2e-3
    assert alone.image.shape == (128, 104)
    assert alone.image.laterality == "L"


@pytest.mark.parametrize(
    ("age", "height"), [(45, 256), (0.2, 256), ("ten", 256), (10, 64), (np.nan, 256)]
)
def test_a_bad_request_gets_one_sentence(age, height):
    with pytest.raises(RequestError) as caught:
        hand(GIRL, age, height=height)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_hands_want_as_many_ages_as_patients():
    with pytest.raises(RequestError, match="1 patients but 2 ages"):
        render_hands([GIRL], [3.0, 4.0])

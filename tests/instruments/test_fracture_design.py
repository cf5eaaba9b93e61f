"""Fractures by design: each control does what its name says, measured on the truth mask."""

import functools
import math

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.instruments.fracture.design import LEVELS, Design

PLAIN = {"obliquity": 0.0, "gap": 2.0, "displacement": 0.0, "angulation": 0.0, "style": "synthetic"}


@functools.cache
def made(**changes):
    return Design(**{**PLAIN, "size": 288, **changes}).render()


def centre(designed):
    return np.argwhere(designed.mask).mean(0)


def extent(designed, way):
    """Length of the mask along a direction, mm: four standard deviations hold a slab's ends out."""
    points = np.argwhere(designed.mask) @ way
    return np.std(points) * math.sqrt(12) * designed.film.spacing[0]


def units(designed):
    along = np.array(designed.line.along)
    return along / np.linalg.norm(along), np.array(designed.line.across)


def fragment(designed, end):
    return np.argwhere(designed.truth.masks[f"radius_{end}"])


def lean(points):
    """Direction of a fragment's long axis, degrees from the film's columns."""
    _, vectors = np.linalg.eigh(np.cov((points - points.mean(0)).T))
    row, column = vectors[:, -1] * np.sign(vectors[0, -1])
    return math.degrees(math.atan2(column, row))


@pytest.mark.parametrize("site", ["forearm", "wrist"])
def test_level_moves_the_break_along_the_bone(site):
    low, high = LEVELS[site]
    levels = np.linspace(low + 0.03, high - 0.03, 3)
    films = [made(site=site, level=float(level)) for level in levels]
    along, across = np.array(films[0].line.along), units(films[0])[1]
    steps = np.diff([centre(film) for film in films], axis=0)
    length = np.linalg.norm(along)
    for step, asked in zip(steps, np.diff(levels), strict=True):
        assert step @ along / length**2 == pytest.approx(asked, rel=0.1)
        assert abs(step @ across) < 0.12 * length  # the shaft is bowed, its axis is straight


def test_gap_widens_the_break():
    widths = [extent(made(gap=gap), units(made(gap=gap))[0]) for gap in (3.0, 9.0, 15.0)]
    assert np.diff(widths) == pytest.approx([6, 6], abs=1.0)


@pytest.mark.parametrize("side", ["L", "R"])
def test_obliquity_tilts_the_break_as_the_line_on_the_film_says(side):
    for asked in (20.0, 45.0):
        designed = made(obliquity=asked, side=side, gap=1.0)
        points = np.argwhere(designed.mask)
        _, vectors = np.linalg.eigh(np.cov((points - points.mean(0)).T))
        along, across = units(designed)
        tilt = math.degrees(math.atan2(vectors[:, -1] @ along, vectors[:, -1] @ across))
        tilt = (tilt + 90) % 180 - 90
        # Where the slope is seen in full the line runs down towards the thumb: t = p cos − a sin.
        assert tilt == pytest.approx(-asked * designed.line.seen, abs=7)


def test_displacement_moves_the_distal_fragment_sideways():
    still, moved = made(), made(displacement=8.0)
    step = (fragment(moved, "distal").mean(0) - fragment(still, "distal").mean(0)) @ units(still)[1]
    assert step * still.film.spacing[0] == pytest.approx(8.0, abs=0.8)
    stayed = fragment(moved, "proximal").mean(0) - fragment(still, "proximal").mean(0)
    assert np.linalg.norm(stayed) < 0.5


def test_angulation_bends_the_bone_at_the_break():
    def bend(designed):
        return lean(fragment(designed, "distal")) - lean(fragment(designed, "proximal"))

    assert abs(bend(made(angulation=25.0)) - bend(made())) == pytest.approx(25, abs=2.5)


def test_direction_turns_the_shift_out_of_one_view_into_the_other():
    for direction, view, seen in (
        (0, "PA", 1),
        (90, "PA", 0),
        (90, "lateral", 1),
        (0, "lateral", 0),
    ):
        asked = {"direction": float(direction), "view": view}
        still, moved = made(**asked), made(**asked, displacement=8.0)
        step = fragment(moved, "distal").mean(0) - fragment(still, "distal").mean(0)
        assert step @ units(still)[1] * still.film.spacing[0] == pytest.approx(8 * seen, abs=1.2)
        assert moved.line.seen == pytest.approx(seen)


def test_comminution_makes_more_fragments():
    named = [made(comminution=share).truth.masks for share in (0.0, 0.2, 0.4, 0.9)]
    counts = [sum(name.startswith("radius_") for name in masks) for masks in named]
    assert counts[:3] == [2, 3, 4]
    assert counts[3] > 4  # a chip of a shattered zone may be too thin to be seen


@pytest.mark.parametrize("bone", ["radius", "ulna", "both"])
def test_bone_breaks_what_it_names(bone):
    designed = made(bone=bone)
    broken = {name.partition("_")[0] for name in designed.truth.masks if name.endswith("_distal")}
    assert broken == ({"radius", "ulna"} if bone == "both" else {bone})
    at = np.round(designed.line.at).astype(int)
    own = designed.truth.masks["ulna" if bone == "ulna" else "radius"]
    assert own[at[0] - 6 : at[0] + 7, at[1] - 6 : at[1] + 7].any()
    assert designed.design.ao_code == designed.truth.labels["ao"]


def test_hardware_lies_on_the_break():
    for kind in ("plate", "wires"):
        designed = made(hardware=kind)
        metal = designed.truth.masks["titanium"]
        assert designed.truth.labels["hardware"] == kind
        near = np.linalg.norm(np.argwhere(metal) - centre(designed), axis=1).min()
        assert near * designed.film.spacing[0] < 6
        bare = made()
        assert designed.film.pixels[metal].mean() > bare.film.pixels[metal].mean() + 0.05


def test_patient_age_and_sex_change_the_person():
    one = made()
    assert not np.array_equal(one.film.pixels, made(patient=6).film.pixels)
    assert not np.array_equal(one.film.pixels, made(sex="M").film.pixels)
    assert not np.array_equal(one.film.pixels, made(age=80.0).film.pixels)


def test_a_healthy_bone_has_no_break_no_code_and_no_line():
    designed = made(broken=False)
    assert not designed.mask.any()
    assert designed.design.ao_code is None
    assert designed.line is None
    assert "radius_distal" not in designed.truth.masks


def test_a_design_comes_back_from_its_dictionary_with_the_same_film():
    designed = made(comminution=0.4, side="R")
    again = Design.from_dict(designed.design.as_dict()).render()
    assert np.array_equal(again.film.pixels, designed.film.pixels)
    assert np.array_equal(again.mask, designed.mask)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"site": "elbow"}, "elbow"),
        ({"view": "axial"}, "axial"),
        ({"hardware": "nail"}, "nail"),
        ({"level": 3.0}, "level"),
        ({"gap": -1.0}, "gap"),
        ({"site": "wrist", "level": 0.3}, "outside the film"),
        ({"view": "oblique"}, "view"),
        ({"age": 7.0}, "18 to 95"),
        ({"size": 8}, "64 to 1024"),
    ],
)
def test_what_cannot_be_made_gets_one_sentence(wrong, says):
    with pytest.raises(RequestError, match=says) as refused:
        Design(**wrong).render()
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)

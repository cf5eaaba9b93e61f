"""Rules of reporting a hip's density, its regions on drawn and on virtual femurs, equation 2."""

import math

import numpy as np
import pytest

from bonestudio.errors import ImageError, RequestError
from bonestudio.measures import density
from bonestudio.measures.density import CLASSES, class_of, class_shares, compare, find_reference
from bonestudio.measures.density_regions import (
    equation_2,
    find_regions,
    neck_profile,
    proximal_femur,
)
from bonestudio.phantoms import VirtualPatient

AROUND = (0.65, 0.75)


def told(age, sex, value=0.70, **more):
    return compare(value, interval=AROUND, age=age, sex=sex, **more)


@pytest.mark.parametrize(
    ("age", "sex", "postmenopausal", "kind"),
    [
        (40, "F", None, "Z"),  # before the menopause: no T-score, no class
        (40, "F", True, "T"),  # unless it came early
        (67, "F", None, "T"),
        (52, "F", False, "Z"),
        (49.9, "M", None, "Z"),
        (50, "M", None, "T"),
        (30, "M", True, "Z"),  # the menopause says nothing of men
        (19.9, "F", None, None),  # the reference is of adults
        (None, "F", None, None),
        (67, None, None, None),
        (None, None, True, None),
    ],
)
def test_who_gets_which_score(age, sex, postmenopausal, kind):
    score = told(age, sex, postmenopausal=postmenopausal, errors=[-0.05, 0.0, 0.05])
    assert score.kind == kind
    assert bool(score.classes) == (kind == "T")
    if kind != "T":  # no word of the WHO's classes where they do not apply
        assert not any(name in score.words for name in CLASSES)
    if kind is None:
        assert score.value is None
        assert score.interval is None


def test_what_is_missing_is_said():
    assert told(None, "F").against == "The age is not known."
    assert told(67, None).against == "The sex is not known."
    assert told(None, None).against == "The age and sex is not known."


def test_scores_are_standard_deviations_of_the_named_population():
    young = find_reference().young("total_hip", "F")
    score = told(67, "F", value=young.mean - 2.5 * young.sd)
    assert score.value == pytest.approx(-2.5)
    assert score.words == "osteoporosis"
    assert score.interval == pytest.approx(tuple((v - young.mean) / young.sd for v in AROUND))
    assert "NHANES III" in score.against
    peers = find_reference().peers("neck", "M", 45)
    mine = compare(peers.mean, site="neck", interval=AROUND, age=45, sex="M")
    assert mine.value == pytest.approx(0)


def test_men_are_compared_with_young_women_unless_the_reference_says_otherwise(
    tmp_path, monkeypatch
):
    usual = told(60, "M")
    assert usual.against.endswith("women of 20 to 29")
    text = density._SHIPPED.read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(text.replace('t_scores_of_men = "F"', 't_scores_of_men = "M"'), encoding="utf-8")
    monkeypatch.setenv("BONESTUDIO_DENSITY_REFERENCE", str(own))
    other = told(60, "M")
    assert ": men of 20 to 29" in other.against
    assert other.value < usual.value


def test_figures_that_nobody_checked_are_said_to_be_so():
    assert told(40, "F").against.endswith("not checked against the printed table)")
    assert (
        "checked" not in told(67, "F").against
    )  # women's young means were found in print, second hand


@pytest.mark.parametrize(
    ("t", "name"),
    [
        (-1.0, "normal"), (-1.01, "low bone mass"), (-2.49, "low bone mass"), (-2.5, "osteoporosis"),
        (0.5, "normal"), (-4, "osteoporosis"),
    ],
)  # fmt: skip
def test_bounds_of_the_classes(t, name):
    assert class_of(t) == name


@pytest.mark.parametrize(("z", "words"), [(-2.0, "below the"), (-1.99, "within the")])
def test_z_scores_have_their_own_words(z, words):
    peers = find_reference().peers("total_hip", "F", 40)
    score = told(40, "F", value=peers.mean + z * peers.sd)
    assert score.words == f"{words} expected range for age"


def test_shares_of_classes_follow_the_errors():
    young = find_reference().young("total_hip", "F")
    edge = young.mean - 2.5 * young.sd  # just osteoporosis
    shares = class_shares(edge, [-0.1, -0.05, 0.01, 0.3], young)
    assert shares == {"normal": 0.25, "low bone mass": 0.25, "osteoporosis": 0.5}
    assert class_shares(edge, [], young) == {}


@pytest.mark.parametrize(
    "wrong",
    [{"age": -1}, {"age": 150}, {"age": "67"}, {"age": math.nan}, {"sex": "X"}, {"site": "spine"}],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(RequestError):
        compare(0.7, interval=AROUND, **{"age": 67, "sex": "F", **wrong})


@pytest.mark.parametrize("values", [(math.nan, AROUND), (0.7, (0.8, 0.6))])
def test_densities_are_numbers_in_order(values):
    with pytest.raises(RequestError):
        compare(values[0], interval=values[1])


@pytest.mark.parametrize(
    "text", ["not toml [", "", "[a]\ntitle = 'x'", "[a]\ntitle = 3\nsource = 1"]
)
def test_a_damaged_reference_is_named(text, tmp_path, monkeypatch):
    own = tmp_path / "mine.toml"
    own.write_text(text, encoding="utf-8")
    monkeypatch.setenv("BONESTUDIO_DENSITY_REFERENCE", str(own))
    with pytest.raises(RequestError, match=r"mine\.toml"):
        told(67, "F")


def test_every_figure_of_the_reference_says_where_it_is_from():
    reference = find_reference()
    assert "1998;8:468" in reference.source
    for site in density.SITES:
        for sex in ("F", "M"):
            assert reference.young(site, sex).checked
            peers = [reference.peers(site, sex, age) for age in range(20, 100, 5)]
            assert all(peer.checked for peer in peers)
            means = [peer.mean for peer in peers]
            assert means == sorted(means, reverse=True)  # people lose bone


def test_equation_2_is_the_mean_above_the_threshold():
    map_ = np.zeros((20, 10), np.float32)
    map_[3:6, 2:8] = 0.9
    map_[6:9, 2:8] = 0.5
    map_[0, 0] = 0.05
    assert equation_2(map_) == pytest.approx(0.7)
    assert equation_2(map_, threshold=0.6) == pytest.approx(0.9)
    with pytest.raises(ImageError):
        equation_2(np.zeros((20, 10), np.float32))


def test_crumbs_beside_the_femur_are_not_femur():
    map_ = np.zeros((40, 20), np.float32)
    map_[10:30, 5:15] = 0.8
    map_[15:18, 8:10] = 0.0  # a hole is filled
    map_[1:3, 1:3] = 0.8
    found = proximal_femur(map_)
    assert found.sum() == 200
    assert not found[:5].any()


def drawn_femur(tilt_deg=40.0, radius=15.0, size=(200, 100)):
    """A ball, a bar along a known axis, and a block for trochanter and shaft; a left hip."""
    rows, columns = np.indices(size, dtype=float)
    down, out = rows - 60, columns - 25
    tilt = math.radians(tilt_deg)
    along = out * math.cos(tilt) + down * math.sin(tilt)
    across = down * math.cos(tilt) - out * math.sin(tilt)
    head = down**2 + out**2 < radius**2
    neck = (np.abs(across) < 0.62 * radius) & (along > 0) & (along < 2.6 * radius)
    body = (
        (columns > 25 + 1.75 * radius) & (columns < 25 + 3.7 * radius) & (rows > 62) & (rows < 130)
    )
    map_ = np.zeros(size, np.float32)
    map_[neck], map_[body], map_[head] = 0.7, 0.9, 1.1
    return map_, (60, 25), radius


@pytest.mark.parametrize("tilt", [30.0, 40.0, 50.0])
def test_a_drawn_neck_is_found_along_its_axis(tilt):
    map_, head, radius = drawn_femur(tilt)
    found = find_regions(map_)
    assert found.head == pytest.approx(head, abs=2.5)
    assert found.radius == pytest.approx(radius, abs=2)
    assert found.tilt == pytest.approx(tilt, abs=9)
    assert float(map_[found.masks["neck"]].mean()) == pytest.approx(0.7, abs=0.08)
    places, profile = neck_profile(map_, found)
    assert profile[0] == pytest.approx(1.1, abs=0.02)  # the head's centre
    assert profile[np.abs(places - 1.35).argmin()] == pytest.approx(0.7, abs=0.1)


@pytest.fixture(scope="module")
def hips():
    return [
        VirtualPatient(seed, sex).hip(pose, size=(256, 128)).truth
        for seed, sex, pose in ((11, "F", "supine"), (12, "M", "adduction"))
    ]


def test_regions_of_virtual_hips_are_where_the_truth_has_them(hips):
    for truth in hips:
        map_ = truth.maps["proximal_femur_bmd_g_cm2"]
        masks = find_regions(map_).masks
        for name, tolerance in (("total_hip", 0.015), ("neck", 0.07)):
            mine = float(map_[masks[name]].mean())
            assert mine == pytest.approx(truth.measures[f"areal_bmd_{name}_g_cm2"], abs=tolerance)
        assert not (masks["neck"] & masks["trochanter"]).any()
        assert (masks["total_hip"] | ~masks["neck"]).all()


def test_a_map_without_a_femur_is_refused():
    with pytest.raises(ImageError):
        find_regions(np.zeros((64, 32), np.float32))
    with pytest.raises(ImageError):
        find_regions(np.full((64, 32), 0.9, np.float32))

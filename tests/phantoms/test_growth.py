"""Growth against its landmarks."""

import numpy as np
import pytest
from scipy.stats import norm

from bonestudio.errors import RequestError
from bonestudio.phantoms.growth import FEMUR, PHALANX, bone_age, fusion_age, stage
from bonestudio.phantoms.patient import VirtualPatient

AGES = np.linspace(0, 19, 191)


@pytest.mark.parametrize("course", [PHALANX, FEMUR])
@pytest.mark.parametrize("sex", ["F", "M"])
@pytest.mark.parametrize("tempo", [-2.0, 0.0, 2.0])
def test_growth_goes_one_way(course, sex, tempo):
    grown = stage(course, AGES, [sex] * len(AGES), [tempo] * len(AGES))
    assert np.all(np.diff(grown.bone_age) > 0)
    assert np.all(np.diff(grown.length) >= 0)
    assert np.all(np.diff(grown.gap) <= 0)
    assert np.all(np.diff(grown.fusion) >= 0)
    assert np.all(np.diff(grown.height_ratio) >= 0)
    before = grown.fusion == 0
    assert np.all(np.diff(grown.width_ratio[before]) >= 0)
    assert grown.maturity[0] < 0.45
    assert grown.maturity[-1] == pytest.approx(1.0, abs=0.03)


def test_phalanx_landmarks_by_sex():
    for sex, appears, equal, fused in (("F", 1.3, 8.5, 14.5), ("M", 2.0, 10.5, 16.5)):
        grown = stage(PHALANX, AGES, [sex] * len(AGES), [0.0] * len(AGES))
        assert AGES[grown.width_ratio > 0.1][0] == pytest.approx(appears, abs=0.2)
        assert AGES[grown.width_ratio >= 1][0] == pytest.approx(equal, abs=0.2)
        assert AGES[grown.fusion >= 1][0] == pytest.approx(fused, abs=0.11)


def test_femur_length_is_anderson_and_greens():
    at = [1, 5, 10, 14, 18]
    girls = stage(FEMUR, at, ["F"] * 5, [0.0] * 5).length
    boys = stage(FEMUR, at, ["M"] * 5, [0.0] * 5).length
    assert girls == pytest.approx([148.1, 263.2, 367.2, 431.4, 436.3], rel=0.005)
    assert boys == pytest.approx([144.8, 259.2, 362.9, 441.8, 472.3], rel=0.005)


@pytest.mark.parametrize(("sex", "age", "share"), [("F", 17, 0.85), ("M", 19, 0.97)])
def test_share_of_closed_distal_femora(sex, age, share):
    # Of the tempo's normal law, and of 600 patients as they are drawn.
    assert norm.cdf((age - fusion_age(FEMUR, sex, 0.0)) / 0.8) == pytest.approx(share, abs=0.005)
    tempo = [VirtualPatient(seed, sex).traits.tempo for seed in range(600)]
    closed = stage(FEMUR, [age] * 600, [sex] * 600, tempo).fusion >= 1
    assert closed.mean() == pytest.approx(share, abs=0.035)


def test_girls_close_about_two_years_before_boys():
    assert fusion_age(PHALANX, "M", 0) - fusion_age(PHALANX, "F", 0) == pytest.approx(2.0, abs=0.2)
    assert 1.0 < fusion_age(FEMUR, "M", 0) - fusion_age(FEMUR, "F", 0) < 2.5


def test_tempo_moves_bone_age():
    ages = np.array([0.0, 5.0, 12.0])
    ahead = bone_age(ages, np.array([1.0, 1.0, 1.0]))
    assert ahead == pytest.approx([0.0, 5.5, 13.0])


@pytest.mark.parametrize("age", [45, -1, 20, float("nan")])
def test_ages_outside_childhood_are_one_sentence(age):
    with pytest.raises(RequestError, match="outside"):
        stage(PHALANX, [age], ["F"], [0.0])

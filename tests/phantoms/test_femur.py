"""The growing knee."""

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.phantoms import VirtualPatient, render_femora

GOLDEN = [
    [
        0.1550000011920929,
        0.34200000762939453,
        0.4339999854564667,
        0.5839999914169312,
        0.6430000066757202,
        0.6050000190734863,
        0.37299999594688416,
        0.2150000035762787,
    ],
    [
        0.09099999815225601,
        0.289000004529953,
        0.38600000739097595,
        0.5640000104904175,
        0.5830000042915344,
        0.5490000247955322,
        0.3199999928474426,
        0.14800000190734863,
    ],
    [
        0.04500000178813934,
        0.23600000143051147,
        0.375,
        0.5299999713897705,
        0.5320000052452087,
        0.5189999938011169,
        0.2680000066757202,
        0.0860000029206276,
    ],
    [
        0.014000000432133675,
        0.19499999284744263,
        0.4309999942779541,
        0.5299999713897705,
        0.5540000200271606,
        0.5080000162124634,
        0.26100000739097595,
        0.039000000804662704,
    ],
    [
        0.0010000000474974513,
        0.28299999237060547,
        0.5299999713897705,
        0.5529999732971191,
        0.5820000171661377,
        0.5320000052452087,
        0.32100000977516174,
        0.010999999940395355,
    ],
    [
        0.0,
        0.2639999985694885,
        0.49900001287460327,
        0.5059999823570251,
        0.48100000619888306,
        0.5440000295639038,
        0.3059999942779541,
        0.0,
    ],
    [
        0.0,
        0.10400000214576721,
        0.3529999852180481,
        0.41600000858306885,
        0.35600000619888306,
        0.3149999976158142,
        0.1120000034570694,
        0.0,
    ],
    [
        0.0,
        0.13699999451637268,
        0.44200000166893005,
        0.49399998784065247,
        0.5049999952316284,
        0.4560000002384186,
        0.16899999976158142,
        0.0,
    ],
]


@pytest.fixture(scope="module")
def life():
    ages = [0.0, 2.0, 6.0, 11.0, 19.0]
    return ages, [VirtualPatient(2, "F").femur(age, style="synthetic") for age in ages]


def test_shape_side_and_view(life):
    image = life[1][2].image
    assert image.pixels.shape == (128, 128)
    assert (image.view, image.laterality) == ("AP", "L")
    assert 0 <= image.pixels.min() < image.pixels.max() <= 1


def test_size_in_millimetres_grows_while_the_frame_stays(life):
    widths = [p.truth.measures["condylar_width_mm"] for p in life[1]]
    assert np.all(np.diff(widths) > 0)
    assert 15 < widths[0] < 30
    assert 62 < widths[-1] < 86
    for phantom, width in zip(life[1], widths, strict=True):
        assert phantom.image.spacing[0] * 128 == pytest.approx(1.55 * width, rel=1e-4)


def test_epiphysis_is_there_at_birth_and_widens_to_the_metaphysis(life):
    shares = []
    for phantom in life[1][:4]:
        epiphysis = phantom.truth.masks["epiphysis"]
        metaphysis = phantom.truth.masks["femur"] & ~epiphysis
        shares.append(np.ptp(np.nonzero(epiphysis)[1]) / np.ptp(np.nonzero(metaphysis)[1]))
    assert shares[0] > 0.08
    assert np.all(np.diff(shares) > 0)
    assert shares[-1] == pytest.approx(1.0, abs=0.12)
    assert not life[1][-1].truth.masks["epiphysis"].any()


def test_the_kneecap_comes_with_age(life):
    area = [p.truth.masks["patella"].sum() for p in life[1]]
    assert area[0] == area[1] == 0
    assert area[-1] > area[2] > 0


def test_condyles_end_where_the_truth_says(life):
    phantom = life[1][-1]
    rows = np.flatnonzero(phantom.truth.masks["femur"].any(axis=1))
    assert rows[-1] == pytest.approx(phantom.truth.landmarks["condyles"][0], abs=4)


def test_render_is_what_it_was(life):
    fields = life[1][3].image.pixels.reshape(8, 16, 8, 16).mean(axis=(1, 3))
    assert np.abs(fields - np.array(GOLDEN)).max() < 0.015


def test_bad_requests_are_one_sentence():
    with pytest.raises(RequestError, match="outside"):
        VirtualPatient(1).femur(45)
    with pytest.raises(RequestError, match="one age"):
        render_femora([VirtualPatient(1)], [])
    with pytest.raises(RequestError, match="style"):
        VirtualPatient(1).femur(9, style="oil")

"""The growing knee."""

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.phantoms import VirtualPatient, render_femora

GOLDEN = [
    [
        0.4650000035762787,
        0.7160000205039978,
        0.8389999866485596,
        0.9559999704360962,
        1.0,
        0.9520000219345093,
        0.7570000290870667,
        0.5460000038146973,
    ],
    [
        0.36800000071525574,
        0.6449999809265137,
        0.7739999890327454,
        0.9679999947547913,
        0.996999979019165,
        0.9350000023841858,
        0.6859999895095825,
        0.4560000002384186,
    ],
    [
        0.26600000262260437,
        0.5740000009536743,
        0.7590000033378601,
        0.9629999995231628,
        0.9670000076293945,
        0.9319999814033508,
        0.6169999837875366,
        0.3619999885559082,
    ],
    [
        0.1679999977350235,
        0.5189999938011169,
        0.8339999914169312,
        0.9620000123977661,
        0.9860000014305115,
        0.9319999814033508,
        0.6060000061988831,
        0.2590000033378601,
    ],
    [
        0.09200000017881393,
        0.6370000243186951,
        0.9440000057220459,
        0.968999981880188,
        0.984000027179718,
        0.9470000267028809,
        0.6850000023841858,
        0.16099999845027924,
    ],
    [
        0.039000000804662704,
        0.6050000190734863,
        0.9089999794960022,
        0.9150000214576721,
        0.8880000114440918,
        0.949999988079071,
        0.6600000262260437,
        0.08500000089406967,
    ],
    [
        0.020999999716877937,
        0.3799999952316284,
        0.7300000190734863,
        0.8140000104904175,
        0.7319999933242798,
        0.6800000071525574,
        0.4059999883174896,
        0.0560000017285347,
    ],
    [
        0.039000000804662704,
        0.4339999854564667,
        0.8479999899864197,
        0.9070000052452087,
        0.9120000004768372,
        0.859000027179718,
        0.48500001430511475,
        0.08399999886751175,
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

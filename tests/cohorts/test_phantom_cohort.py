import numpy as np
import pytest

from bonestudio.cohorts import Phantoms, stack
from bonestudio.errors import RequestError
from bonestudio.phantoms import VirtualPatient


def test_patients_are_their_seeds_and_are_rendered_on_the_fly():
    some = Phantoms("phalange", 6, seed=40, ages=(4.0, 12.0), style="synthetic")
    sample = some[1]
    entry = some.entries[1]
    assert (entry.name, entry.patient, entry.sex) == ("phalange-41", "41", "M")
    same = VirtualPatient(41, "M").phalange(entry.age, style="synthetic")
    np.testing.assert_array_equal(sample.image, same.image.pixels)
    assert sample.age == entry.age
    assert sample.spacing == same.image.spacing
    assert set(sample.masks) == set(same.truth.masks)
    assert set(sample.maps) == set(same.truth.maps)
    assert sample.labels["length_mm"] == same.truth.measures["length_mm"]
    shifted = Phantoms("phalange", 2, seed=41, ages=(4.0, 12.0), style="synthetic")
    np.testing.assert_array_equal(shifted[0].image, sample.image)
    assert stack([some[0], some[1]])["images"].shape == (2, 128, 128)


def test_ages_are_even_and_parts_do_not_share_patients():
    some = Phantoms("phalange", 1000)
    counts, _ = np.histogram([e.age for e in some.entries], bins=10, range=(0, 19))
    assert counts.min() >= 97
    assert counts.max() <= 103
    assert [len(some.split(p)) for p in ("train", "validation", "test")] == [700, 100, 200]


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"kind": "skull", "count": 3}, "not 'skull'"),
        ({"kind": "femur", "count": -1}, "At least one phantom must be asked for, not -1"),
        (
            {"kind": "femur", "count": 3, "ages": (3, 45)},
            "from 0 to 19 years here, not from 3 to 45",
        ),
        ({"kind": "femur", "count": 3, "ages": (9, 3)}, "not from 9 to 3"),
    ],
)
def test_bad_requests_get_one_sentence(request_, sentence):
    with pytest.raises(RequestError, match=sentence):
        Phantoms(**request_)

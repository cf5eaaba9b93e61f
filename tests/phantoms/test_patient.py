"""A virtual patient is a seed: the same person in every process."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from bonestudio.errors import RequestError
from bonestudio.phantoms import VirtualPatient

PRINT_HASH = """
import hashlib, torch
torch.manual_seed({noise})
from bonestudio.phantoms import VirtualPatient
pixels = VirtualPatient(11, "M").phalange(9.5).image.pixels
print(hashlib.sha256((pixels * 255).round().astype("uint8").tobytes()).hexdigest())
"""


def test_traits_stay_and_differ_between_patients():
    one, same, other = VirtualPatient(5, "F"), VirtualPatient(5, "F"), VirtualPatient(6, "F")
    assert one.traits.size == same.traits.size
    assert np.array_equal(one.traits.shape, same.traits.shape)
    assert one.traits.size != other.traits.size


def test_traits_are_spread_as_said():
    traits = [VirtualPatient(seed, "M").traits for seed in range(400)]
    assert np.std([t.size for t in traits]) == pytest.approx(1.0, abs=0.1)
    assert np.std([t.tempo for t in traits]) == pytest.approx(0.8, abs=0.08)
    assert max(abs(t.tempo) for t in traits) <= 2.0


def test_purposes_do_not_disturb_each_other():
    patient = VirtualPatient(9)
    first = patient.random("markers").random(3)
    patient.random("something new").random(100)
    assert np.array_equal(first, patient.random("markers").random(3))
    assert not np.array_equal(first, patient.random("noise").random(3))


def test_another_process_renders_the_same_image():
    here = VirtualPatient(11, "M").phalange(9.5).image.pixels
    ours = hashlib.sha256((here * 255).round().astype("uint8").tobytes()).hexdigest()
    there = subprocess.run(
        [sys.executable, "-c", PRINT_HASH.format(noise=123)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert there.stdout.strip() == ours


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "x"])
def test_bad_seeds_are_one_sentence(seed):
    with pytest.raises(RequestError, match="seed is a whole number"):
        VirtualPatient(seed)


def test_bad_sex_is_one_sentence():
    with pytest.raises(RequestError, match="'F' or 'M'"):
        VirtualPatient(1, "X")

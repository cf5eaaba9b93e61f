"""The shipped extractor of scans: what it reads from virtual patients that it has not seen."""

import hashlib

import numpy as np
import pytest
import torch

from bonestudio.checkpoints import find_card
from bonestudio.metrics.distributions import frechet_distance
from bonestudio.metrics.extractors import find_extractor
from bonestudio.training.virtual_scans import RadiusStacks

NAME = "bone3d-phantom"


@pytest.fixture(scope="module")
def extractor():
    return find_extractor(NAME)


@pytest.fixture(scope="module")
def patients() -> RadiusStacks:
    return RadiusStacks(30, seed=3_000_000)


@pytest.fixture(scope="module")
def stacks(patients) -> list[np.ndarray]:
    return [sample.image for sample in patients]


def test_the_hash_is_that_of_the_weights(extractor):
    card, folder = find_card(f"extractors/{NAME}")
    (file,) = card.files
    digest = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    expected = hashlib.sha256(digest.encode()).hexdigest()[:12]
    assert (str(extractor), extractor.dims) == (f"{NAME} ({expected})", 3)


def test_grades_sex_and_age_are_read_better_than_by_chance(extractor, patients, stacks):
    told = extractor.read(stacks, batch=8)
    grade = torch.tensor([entry.labels["grade"] for entry in patients.entries])
    male = torch.tensor([entry.sex == "M" for entry in patients.entries])
    age = torch.tensor([entry.age for entry in patients.entries])
    # By chance a fifth of the grades is right: 13 or more of 30 in one case of a thousand.
    assert (told["grade"].round() == grade).sum() >= 18
    assert ((told["male"] > 0) == male).sum() >= 22
    assert (told["age"] - age).abs().mean() < (age - age.mean()).abs().mean()


def test_halves_of_one_grade_are_closer_than_two_grades(extractor, patients, stacks):
    """Features: still scans (grades 1 and 2) against those that moved (4 and 5)."""
    seen = extractor.features(stacks, batch=8)
    assert seen.shape == (30, 128)
    grade = torch.tensor([entry.labels["grade"] for entry in patients.entries])
    still, moving = seen[grade <= 2], seen[grade >= 4]
    within = [frechet_distance(one[::2], one[1::2]) for one in (still, moving)]
    between = [frechet_distance(still[i::2], moving[1 - i :: 2]) for i in (0, 1)]
    assert max(within) < min(between)


def test_a_finer_stack_is_seen_alike(extractor):
    """The networks' full stack (0.12 mm) against the same patient's at 0.24 mm."""
    fine = RadiusStacks(2, seed=3_000_000, shape=(32, 288, 224))
    coarse = RadiusStacks(2, seed=3_000_000)
    a = extractor.prepare([fine[1].image])
    b = extractor.prepare([coarse[1].image])
    assert a.shape == b.shape == (1, 1, 16, 144, 112)
    assert (
        torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] > 0.8
    )  # 0.84: noise differs

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bonestudio.cohorts import Phantoms, splits
from bonestudio.errors import RequestError

GOLDEN = ["d", "c", "e", "a", "b"]


@pytest.mark.parametrize(
    ("n", "sizes"),
    [
        (317, (223, 32, 62)),
        (7165, (5015, 717, 1433)),
        (1050, (735, 105, 210)),
        (10, (7, 1, 2)),
        (1, (1, 0, 0)),
    ],
)
def test_sizes_are_the_papers(n, sizes):
    assert splits.sizes_70_10_20(n) == sizes
    assert sum(sizes) == n


def test_one_image_a_patient_meets_sizes_exactly():
    patients = [f"p{i}" for i in range(7165)]
    test, validation, train = splits.take(patients, [1433, 717])
    assert (len(train), len(validation), len(test)) == (5015, 717, 1433)
    assert sorted(train + validation + test) == list(range(7165))


def test_order_is_the_same_on_every_machine():
    # blake2b of '0/a' … '0/e': a change of the hash would reshuffle every published split.
    assert splits.in_order(["a", "b", "c", "d", "e"], seed=0) == GOLDEN
    assert splits.in_order(["e", "d", "c", "b", "a", "a"], seed=0) == GOLDEN
    assert splits.in_order(["a", "b", "c", "d", "e"], seed=3) != GOLDEN


def test_mura_hands_are_dealt_as_in_the_paper():
    # 5543 training images of patients with one to eight films each: 406 + 148 are held out.
    dice = random.Random(1)
    patients, classes = [], []
    kinds = [0] * 4059 + [1] * 1484
    while kinds:
        films = min(dice.choice([1, 2, 3, 3, 4, 8]), len(kinds))
        name = f"patient{len(patients):05d}"
        for _ in range(films):
            patients.append(name)
            classes.append(kinds.pop())
    validation, train = splits.take(patients, [{0: 406, 1: 148}], classes=classes)
    assert sum(classes[i] == 0 for i in validation) == 406
    assert sum(classes[i] == 1 for i in validation) == 148
    assert sum(classes[i] == 0 for i in train) == 3653
    assert sum(classes[i] == 1 for i in train) == 1336
    assert not {patients[i] for i in train} & {patients[i] for i in validation}


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=120),
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, 5),
)
def test_no_patient_is_in_two_parts(numbers, first, second, seed):
    patients = [f"p{n}" for n in numbers]
    parts = splits.take(patients, [first, second], seed=seed)
    assert sorted(i for part in parts for i in part) == list(range(len(patients)))
    assert len(parts[0]) <= first
    assert len(parts[1]) <= second
    seen = [{patients[i] for i in part} for part in parts]
    assert sum(len(people) for people in seen) == len(set.union(*seen))


def test_four_folds_by_patient():
    patients = [f"p{i // 5}" for i in range(600 * 5)]  # paper 004: 600 patients in 4-5 poses
    folds = splits.folds(patients, k=4)
    assert [len(fold) for fold in folds] == [750] * 4
    people = [{patients[i] for i in fold} for fold in folds]
    assert sum(len(p) for p in people) == 600
    assert len(set.union(*people)) == 600


def test_more_folds_than_patients_is_refused():
    with pytest.raises(RequestError, match="3 patients cannot be dealt to 4 folds"):
        splits.folds(["a", "b", "c"], k=4)


def test_a_cohort_without_a_part_holds_the_rest_once():
    cohort = Phantoms("hand", 20)
    learn, judge = cohort.without("test"), cohort.split("test")
    assert not {e.patient for e in learn.entries} & {e.patient for e in judge.entries}
    assert sorted(learn.numbers + judge.numbers) == list(range(20))

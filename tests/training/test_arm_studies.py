"""Virtual patients' studies: two views, every other one broken, no patient in two parts."""

import numpy as np

from bonestudio.training.studies import ArmStudies, cells


def test_studies_of_virtual_arms_have_two_views_and_a_break():
    cohort = ArmStudies(("wrist",), 4, seed=5_000_001, evened=False)
    assert [entry.labels["abnormal"] for entry in cohort.entries] == [1, 1, 0, 0, 1, 1, 0, 0]
    assert [cohort.asked[i][2] for i in (0, 1)] == ["PA", "LL"]
    assert cohort.entries[0].patient == cohort.entries[1].patient
    broken, whole = cohort[0], cohort[2]
    assert broken.masks["fracture"].any()
    assert "fracture" not in whole.masks
    numbers = [set(part.patients) for part in map(cohort.split, ("train", "validation", "test"))]
    assert sum(map(len, numbers)) == len(set(cohort.patients))  # no patient in two parts


def test_cells_are_those_that_a_break_touches():
    mask = np.zeros((256, 256), bool)
    mask[4, 8:13] = True
    found = cells(mask)
    assert sorted(map(tuple, np.argwhere(found))) == [(1, 2), (1, 3)]
    assert not cells(None).any()

"""Virtual patients' studies: two views, whole and broken alike, no patient in two parts."""

import numpy as np

from bonestudio.training.arm_studies import ArmStudies
from bonestudio.training.studies import cells, study_of


def test_studies_of_virtual_arms_have_two_views_and_differ_in_the_break_alone():
    cohort = ArmStudies(("wrist",), 4, seed=5_000_001, evened=False)
    assert [entry.labels["abnormal"] for entry in cohort.entries[:4]] == [0, 0, 1, 1]
    assert [asked[3] for asked in cohort.asked[:2]] == ["PA", "LL"]
    studies = [study_of(cohort.source, entry) for entry in cohort.entries]
    assert studies[0] == studies[1] != studies[2]
    assert cohort.entries[0].patient == cohort.entries[2].patient
    whole, broken = cohort[4], cohort[6]  # bone removed: nothing else moves
    assert "fracture" not in whole.masks
    changed = np.abs(broken.image - whole.image) > 0.05
    assert changed[broken.masks["fracture"]].mean() > 5 * changed.mean()
    numbers = [set(part.patients) for part in map(cohort.split, ("train", "validation", "test"))]
    assert sum(map(len, numbers)) == len(set(cohort.patients))  # no patient in two parts


def test_cells_are_those_that_a_break_touches():
    mask = np.zeros((256, 256), bool)
    mask[4, 8:13] = True
    found = cells(mask)
    assert sorted(map(tuple, np.argwhere(found))) == [(1, 2), (1, 3)]
    assert not cells(None).any()

"""Virtual patients' studies: two views, every other one broken, no patient in two parts."""

from bonestudio.training.studies import ArmStudies


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

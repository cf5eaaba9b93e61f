"""What a report says of studies that are not as they should be: broken off, tied, read twice."""

import math

import numpy as np
import pytest
from conftest import open_study
from test_statistics import panel, reads
from test_store import read_all

from bonestudio.errors import StudyError
from bonestudio.turing.analysis import detection
from bonestudio.turing.equivalence import pooled_tost
from bonestudio.turing.export import write_report
from bonestudio.turing.multireader import pooled_accuracy
from bonestudio.turing.reading import Reading
from bonestudio.turing.report import to_html
from bonestudio.turing.results import analyse


def finish(store, study, limits, **kwargs):
    """Every reader answers so many questions; return the results."""
    for number, limit in enumerate(limits):
        chance = np.random.default_rng(number)
        token = store.enrol(study, f"reader {number}")
        said = lambda _: str(chance.choice(["real", "synthetic"]))  # noqa: B023, E731
        read_all(Reading(store, token), said, limit=limit, **kwargs)
    store.unblind(study, reason="done")
    return analyse(store.protocol(study), store.reads(study))


@pytest.mark.parametrize("kind", ["real-or-synthetic", "older-of-two", "grading"])
@pytest.mark.parametrize("limits", [(None, 3), (3, 3), (None, None, 4), (0, None)])
def test_a_study_that_was_broken_off_still_has_a_report(sqlite_store, tmp_path, kind, limits):
    study = open_study(sqlite_store, kind)
    results = finish(sqlite_store, study, limits)
    assert "Methods" in to_html(results, verified=[])
    assert "nan" not in to_html(results, verified=[]).split("<svg")[0]
    files = write_report(sqlite_store, study, tmp_path / "out")
    assert files[0].name == "report.html"
    assert (tmp_path / "out" / "reads.csv").read_text().splitlines()[0].endswith("screen")


def test_a_study_nobody_read_says_so(sqlite_store, tmp_path):
    for kind in ("real-or-synthetic", "grading"):
        study = open_study(sqlite_store, kind)
        sqlite_store.unblind(study, reason="nobody came")
        with pytest.raises(StudyError, match="no answers"):
            write_report(sqlite_store, study, tmp_path)


def test_a_second_reading_is_held_against_the_first(sqlite_store):
    study = open_study(sqlite_store, rounds=2, washout_days=0)
    results = finish(sqlite_store, study, [None])
    (later,) = results.later
    first = {
        (row["item"]): row["choice"]
        for row in sqlite_store.reads(study)
        if row["round"] == 1 and not row["practice"] and not row["repeat"]
    }
    second = {
        (row["item"]): row["choice"]
        for row in sqlite_store.reads(study)
        if row["round"] == 2 and not row["practice"] and not row["repeat"]
    }
    from sklearn.metrics import cohen_kappa_score

    items = list(first)
    kappa = cohen_kappa_score([first[i] for i in items], [second[i] for i in items])
    assert (later.round, later.accuracy.n, later.kappa.n) == (2, 20, 20)
    assert later.kappa.value == pytest.approx(kappa)
    assert len(results.reads[0].items) == 20  # the second reading is not among the first
    assert "Readings after the washout" in to_html(results, verified=[])


def test_experts_agree_with_their_own_repeats(sqlite_store):
    study = open_study(sqlite_store, "grading", repeats=0.5)
    token = sqlite_store.enrol(study, "A")
    grade = {}
    reading = Reading(sqlite_store, token)
    view = reading.view()
    while view.slot:  # the same image gets the same grade
        image = reading.image(view.slot, 0)
        choice = grade.setdefault(image, str(1 + len(grade) % 5))
        view = reading.answer(view.slot, choice, confidence=None, milliseconds=1)
    sqlite_store.unblind(study, reason="done")
    grading = analyse(sqlite_store.protocol(study), sqlite_store.reads(study)).grading
    assert grading.oneself == {"A": (pytest.approx(1.0), 10)}


def test_two_readers_with_the_same_score_are_not_without_error():
    truth = np.arange(100) % 2 == 0
    right = [np.roll(np.arange(100) < 56, shift) for shift in (0, 44)]
    pooled = pooled_accuracy([reads(str(i), truth, truth == r) for i, r in enumerate(right)])
    assert pooled.estimate == pytest.approx(0.56)
    assert pooled.standard_error > 0.03  # √(¼ / 100 / 2) is 0.035 for independent readers
    assert pooled.p_chance > 0.05


def test_the_pooled_test_of_two_guessing_readers_keeps_its_level():
    chance = np.random.default_rng(3)
    truth = np.arange(60) % 2 == 0
    wrong = 0
    for _ in range(400):
        said = chance.random((2, 60)) < 0.5
        wrong += (
            pooled_accuracy([reads(str(i), truth, s) for i, s in enumerate(said)]).p_chance < 0.05
        )
    assert wrong / 400 < 0.05


def test_where_nothing_varies_nothing_is_claimed():
    truth = np.arange(20) % 2 == 0
    perfect = pooled_accuracy([reads("A", truth, truth), reads("B", truth, truth)])
    assert perfect.estimate == 1
    assert math.isnan(perfect.p_chance)
    assert not pooled_tost(0.5, 0.0, 5.0, margin=0.1).equivalent
    assert math.isnan(detection(3, 5, 0, 0).d_prime)


def test_a_panel_that_shares_few_cases_is_pooled_over_those():
    first, second = panel(2, cases=30)
    cut = reads("cut", second.truth[:10], second.said[:10])
    assert pooled_accuracy([first, cut]).cases == 10

"""Studies on SQLite and PostgreSQL: nothing lost, nothing doubled, every tampering named."""

import hashlib
import re
import threading

import pytest
from conftest import SEED, make_deck, make_protocol, open_study
from sqlalchemy import event, text

from bonestudio.errors import StorageError, StudyError
from bonestudio.turing.reading import Reading
from bonestudio.turing.store import Store


def read_all(reading, choose=lambda number: "real", confidence=3, limit=None):
    number = 0
    view = reading.view()
    while view.slot and (limit is None or number < limit):
        choice = choose(number) if view.kind == "real-or-synthetic" else view.choices[number % 2]
        view = reading.answer(
            view.slot,
            choice,
            confidence=None if view.kind == "grading" else confidence,
            milliseconds=1000 + number,
        )
        number += 1
    return view


@pytest.mark.parametrize("kind", ["real-or-synthetic", "older-of-two", "grading"])
def test_a_whole_study_is_read_unblinded_and_tidy(store, kind):
    study = open_study(store, kind)
    for name in ("A", "B"):
        view = read_all(Reading(store, store.enrol(study, name)))
        assert (view.state, view.answered, view.total) == ("done", 22, 22)
    store.unblind(study, reason="all readers done")
    reads = store.reads(study)
    assert len(reads) == 2 * (2 + 20 + 2)  # practice, questions, hidden repeats
    for name in ("A", "B"):
        mine = [r for r in reads if r["reader"] == name and not r["practice"]]
        assert len({r["item"] for r in mine if not r["repeat"]}) == 20
        assert sum(r["repeat"] for r in mine) == 2
    assert store.verify(study) == []


def test_a_reader_resumes_at_the_first_unanswered_item_after_a_restart(store):
    study = open_study(store)
    token = store.enrol(study, "A")
    view = read_all(Reading(store, token), limit=7)
    again = Store(store.url.render_as_string(hide_password=False), key=store._key)
    assert Reading(again, token).view() == view
    again.engine.dispose()


def test_the_same_answer_twice_counts_once_and_another_one_is_refused(store):
    study = open_study(store)
    reading = Reading(store, store.enrol(study, "A"))
    slot = reading.view().slot
    first = reading.answer(slot, "real", confidence=4, milliseconds=900)
    assert reading.answer(slot, "real", confidence=4, milliseconds=900) == first
    with pytest.raises(StudyError, match="answered already"):
        reading.answer(slot, "synthetic", confidence=4, milliseconds=900)
    assert sum(p.answered for p in store.studies()[0].progress) == 1


def test_two_windows_answering_at_once_write_one_answer(store):
    study = open_study(store)
    token = store.enrol(study, "A")
    slot = Reading(store, token).view().slot
    outcomes = []

    def answer(choice):
        try:
            Reading(store, token).answer(slot, choice, confidence=1, milliseconds=5)
            outcomes.append(choice)
        except StudyError:
            outcomes.append("refused")

    threads = [threading.Thread(target=answer, args=(c,)) for c in ("real", "synthetic") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert outcomes.count("refused") == 4  # the loser's choice, whichever window was first
    assert sum(p.answered for p in store.studies()[0].progress) == 1
    assert store.verify(study) == []


def test_sixteen_readers_at_once_lose_nothing(store):
    study = open_study(store, count=20, practice=0, repeats=0)
    tokens = [store.enrol(study, f"reader {i}") for i in range(16)]
    threads = [
        threading.Thread(target=lambda t=token: read_all(Reading(store, t))) for token in tokens
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.answered for p in store.studies()[0].progress] == [20] * 16
    assert store.verify(study) == []


def test_no_looking_ahead_and_no_way_back(store):
    study = open_study(store)
    reading = Reading(store, store.enrol(study, "A"))
    first = reading.view().slot
    reading.answer(first, "real", confidence=2, milliseconds=10)
    with pytest.raises(StudyError, match="not the open one"):
        reading.image(first, 0)
    with pytest.raises(StudyError, match="not the open one"):
        reading.answer("f" * 32, "real", confidence=2, milliseconds=10)
    other = Reading(store, store.enrol(study, "B"))
    with pytest.raises(StudyError, match="not the open one"):
        other.image(reading.view().slot, 0)


def test_pairs_come_on_both_sides_and_images_are_those_of_the_protocol(store):
    study = open_study(store, "older-of-two", practice=0, repeats=0)
    reading = Reading(store, store.enrol(study, "A"))
    items = {frozenset(i.images): i.images for i in store.protocol(study).items}
    sides = []
    view = reading.view()
    while view.slot:
        shown = tuple(hashlib.sha256(reading.image(view.slot, side)).hexdigest() for side in (0, 1))
        sides.append(shown == items[frozenset(shown)])
        view = reading.answer(view.slot, "left", confidence=3, milliseconds=1)
    assert sides.count(True) == 10


def test_the_second_round_waits_for_the_washout(store):
    study = open_study(store, rounds=2, practice=0)
    reading = Reading(store, store.enrol(study, "A"))
    view = read_all(reading)
    assert view.state == "washout"
    assert view.until is not None
    no_wait = open_study(store, rounds=2, practice=0, washout_days=0)
    assert read_all(Reading(store, store.enrol(no_wait, "A"))).state == "done"


def test_answers_stay_hidden_until_unblinding_and_nothing_is_read_after(store):
    study = open_study(store)
    token = store.enrol(study, "A")
    read_all(Reading(store, token), limit=5)
    with pytest.raises(StudyError, match="unblinded"):
        store.reads(study)
    with pytest.raises(StudyError, match="reason"):
        store.unblind(study, reason=" ")
    slot = Reading(store, token).view().slot
    store.unblind(study, reason="reader left")
    with pytest.raises(StudyError, match="closed"):
        Reading(store, token).answer(slot, "real", confidence=1, milliseconds=1)
    with pytest.raises(StudyError, match="unblinded"):
        store.unblind(study, reason="again")
    with pytest.raises(StudyError, match="unblinded"):
        store.enrol(study, "late")
    assert Reading(store, token).view().state == "closed"


def test_links_open_only_what_they_should(store):
    study = open_study(store)
    token = store.enrol(study, "A")
    with pytest.raises(StudyError, match="opens no study"):
        Reading(store, token[:-1] + ("a" if token[-1] != "a" else "b"))
    with pytest.raises(StudyError, match="already has a reader"):
        store.enrol(study, "A")
    renewed = store.renew_link(study, "A")
    with pytest.raises(StudyError, match="opens no study"):
        Reading(store, token)
    assert Reading(store, renewed).view().answered == 0


TAMPERINGS = {
    "an edited answer": (
        "UPDATE answer SET choice = 'synthetic' WHERE slot = :slot",
        "The answer of reader .* was changed",
    ),
    "a deleted answer": ("DELETE FROM answer WHERE slot = :slot", "was deleted"),
    "a deleted line": (
        "DELETE FROM event WHERE study = :study AND number = 4",
        "Line 4 .* missing",
    ),
    "a log cut short": (
        "DELETE FROM event WHERE study = :study AND number = 8",
        "cut off",
    ),
    "an edited line": (
        "UPDATE event SET at = '2020-01-01' WHERE study = :study AND number = 5",
        "Line 5 .* was changed",
    ),
    "another image": (
        "UPDATE image SET png = :png WHERE study = :study AND sha256 = :sha",
        "Image .* was changed",
    ),
    "a deleted image": (
        "DELETE FROM image WHERE study = :study AND sha256 = :sha",
        "Image .* is missing",
    ),
    "another protocol": (
        "UPDATE study SET protocol_hash = 'x' WHERE id = :study",
        "The protocol was changed",
    ),
    "another order": (
        "UPDATE slot SET swapped = NOT swapped WHERE key = :slot",
        "The answer of reader .* was changed",
    ),
    "another order ahead": (
        "UPDATE slot SET swapped = NOT swapped WHERE position = 20 AND reader = (SELECT reader FROM slot WHERE key = :slot)",
        "The order of reader .* was changed",
    ),
    "a wrong answer hidden among the practice": (
        "UPDATE slot SET practice = NOT practice WHERE key = :slot",
        "The answer of reader .* was changed",
    ),
    "a later answer": (
        "UPDATE answer SET at = '2020-01-01 00:00:00' WHERE slot = :slot",
        "The answer of reader .* was changed",
    ),
    "another name": (
        "UPDATE reader SET name = 'B' WHERE study = :study",
        "The name of reader .* was changed",
    ),
    "a look at the truth": (
        "UPDATE study SET unblinded = '2020-01-01 00:00:00' WHERE id = :study",
        "The truth was opened behind the log's back",
    ),
    "another seed": (
        "UPDATE study SET seed = :png WHERE id = :study",
        "The secret seed is not the one",
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_found_and_named(store, what):
    statement, finding = TAMPERINGS[what]
    study = open_study(store)
    reading = Reading(store, store.enrol(study, "A"))
    slot = reading.view().slot
    read_all(reading, limit=6)
    assert store.verify(study) == []
    values = {
        "slot": slot,
        "study": study,
        "png": b"another",
        "sha": store.protocol(study).items[0].images[0],
    }
    with store.transaction() as session:
        wanted = {k: v for k, v in values.items() if f":{k}" in statement}
        assert session.execute(text(statement), wanted).rowcount == 1
    findings = store.verify(study)
    assert re.search(finding, findings[-1]), findings
    # A slot changed after it was read is both another order and another answer.
    assert len(findings) == 1 + ("UPDATE slot" in statement and "position" not in statement)


def test_a_forged_chain_without_the_key_is_found(store):
    study = open_study(store)
    read_all(Reading(store, store.enrol(study, "A")), limit=3)
    stranger = Store(store.url.render_as_string(hide_password=False), key=b"another key")
    assert stranger.verify(study) == ["Line 1 of the log (opened) was changed."]
    stranger.engine.dispose()


@pytest.mark.parametrize(
    "answer",
    [
        {"choice": "maybe"},
        {"confidence": 0},
        {"confidence": None},
        {"milliseconds": -1},
        {"milliseconds": 2**40},
    ],
)
def test_a_wrong_answer_is_refused_and_not_kept(sqlite_store, answer):
    study = open_study(sqlite_store)
    reading = Reading(sqlite_store, sqlite_store.enrol(study, "A"))
    values = {"choice": "real", "confidence": 3, "milliseconds": 5} | answer
    choice = values.pop("choice")
    with pytest.raises(StudyError, match=r"^The .*\.$"):
        reading.answer(reading.view().slot, choice, **values)
    assert reading.view().answered == 0


def test_what_a_browser_tells_of_the_looking_is_kept_small(sqlite_store):
    study = open_study(sqlite_store, practice=0, repeats=0)
    reading = Reading(sqlite_store, sqlite_store.enrol(study, "A"))
    told = {"zoomed": True, "unfocused": 3, "name": "Müller", "screen": "x" * 1000}
    reading.answer(reading.view().slot, "real", confidence=3, milliseconds=1, looked=told)
    sqlite_store.unblind(study, reason="test")
    assert sqlite_store.reads(study)[0]["looked"] == {"zoomed": True, "unfocused": 3}


def test_a_leaking_study_starts_only_with_a_written_override(sqlite_store):
    deck = make_deck()
    leaking = make_protocol(deck, audit={"border": 0.83, "spectrum": 0.55})
    with pytest.raises(StudyError, match="tells the classes apart by border"):
        sqlite_store.create(leaking, deck.images, SEED)
    allowed = make_protocol(
        deck, audit={"border": 0.83}, audit_override="Borders are cropped by the viewer."
    )
    assert sqlite_store.create(allowed, deck.images, SEED)


def test_a_protocol_cannot_be_opened_with_other_images_or_another_seed(sqlite_store):
    deck = make_deck()
    images = dict(deck.images)
    images[deck.items[0].images[0]] = b"another"
    with pytest.raises(StudyError, match="missing or another"):
        sqlite_store.create(make_protocol(deck), images, SEED)
    with pytest.raises(StudyError, match="seed"):
        sqlite_store.create(make_protocol(deck), deck.images, b"another")
    assert sqlite_store.studies() == []


def test_no_database_is_one_sentence(tmp_path):
    (tmp_path / "studies.db").write_text("this is not a database, but a letter to a friend" * 100)
    with pytest.raises(StorageError, match="cannot be opened"):
        Store(f"sqlite:///{tmp_path / 'studies.db'}")
    with pytest.raises(StorageError, match="cannot be opened"):
        Store("postgresql://studio@127.0.0.1:1/none", key=b"k")


def test_an_answer_on_a_full_disk_is_refused_in_one_sentence_and_can_be_given_again(sqlite_store):
    study = open_study(sqlite_store)
    token = sqlite_store.enrol(study, "A")
    reading = Reading(sqlite_store, token)
    with sqlite_store.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    sqlite_store.engine.dispose()
    full = f"PRAGMA max_page_count={pages}"
    event.listen(sqlite_store.engine, "connect", lambda raw, _: raw.execute(full))
    asked = reading.view()
    said = ""
    while asked.slot and not said:  # pages have room for a few answers yet
        try:
            asked = reading.answer(asked.slot, "real", confidence=3, milliseconds=1000)
        except StorageError as error:
            said = str(error)
    assert "full" in said
    assert "\n" not in said
    assert reading.view() == asked
    roomy = Store(sqlite_store.url.render_as_string(hide_password=False), key=sqlite_store._key)
    then = Reading(roomy, token).answer(asked.slot, "real", confidence=3, milliseconds=1000)
    assert then.answered == asked.answered + 1
    assert roomy.verify(study) == []
    roomy.engine.dispose()


def test_the_key_is_private_and_stays(tmp_path):
    url = f"sqlite:///{tmp_path / 'new' / 'studies.db'}"
    first = Store(url)
    assert (tmp_path / "new" / "studies.key").stat().st_mode & 0o077 == 0
    second = Store(url)
    assert first._key == second._key
    first.engine.dispose()
    second.engine.dispose()

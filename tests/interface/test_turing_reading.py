"""The reader's page by itself: grades by keyboard, a pause, the colours; and pairs from folders."""

import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from test_turing_browser import Clinic, answer, wait_for_image
from without_barriers import barriers

from bonestudio.imaging.types import Radiograph
from bonestudio.turing import sources
from bonestudio.turing.design import design


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    made = Clinic(tmp_path_factory.mktemp("reading"))
    yield made
    made.process.terminate()
    made.process.communicate(timeout=30)


@pytest.fixture
def store(clinic):
    made = clinic.store()
    yield made
    made.engine.dispose()


@pytest.fixture
def reader(browser: Browser):
    # Playwright evaluates its conditions as text, which the page's own policy forbids.
    page = browser.new_page(viewport={"width": 1366, "height": 768}, bypass_csp=True)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    page.close()
    assert failures == []


def films(count, *, first=0):
    chance = np.random.default_rng(first)
    return [Radiograph(pixels=chance.random((64, 48), dtype=np.float32)) for _ in range(count)]


def open_study(store, questions, kind, **settings):
    made = design(
        questions, title="Reading", kind=kind, practice=0, repeats=0, audit_override="a test",
        **settings,
    )  # fmt: skip
    return made.open(store)


def test_grades_by_keyboard_through_a_pause(clinic, store, reader: Page, keep):
    questions = sources.from_scored([(film, {"sharpness": 1.0}) for film in films(6)])
    study = open_study(store, questions, "grading", session_length=5)
    reader.goto(f"{clinic.address}/read/{store.enrol(study, 'Expert')}")
    wait_for_image(reader)
    assert reader.locator("#choices button").count() == 5
    assert barriers(reader) == []
    assert reader.locator("#sure").is_hidden()
    keep(reader, "turing-reader-grading")
    reader.keyboard.press("2")
    reader.keyboard.press("4")  # until it is saved, a grade can be changed
    assert reader.locator('#choices [aria-pressed="true"]').inner_text().startswith("4")

    reader.click("#pause")
    started = time.monotonic()
    assert "Paused" in reader.inner_text("#cover")
    reader.keyboard.press("Enter")  # on the button that has the focus: it goes on, nothing is saved
    wait_for_image(reader)
    assert reader.inner_text("#count") == "1/6"
    reader.click("#pause")
    reader.wait_for_timeout(1500)
    reader.click("#go")
    wait_for_image(reader)
    paused = time.monotonic() - started
    assert reader.inner_text("#count") == "1/6"
    answer(reader, "4", None)

    for grade in "1235":
        answer(
            reader, grade, None
        )  # after the fifth a pause is proposed, and ended by the answerer
    reader.reload()
    reader.wait_for_selector("#go")  # the proposal stands after a reload
    reader.click("#go")
    wait_for_image(reader)
    answer(reader, "5", None)
    assert "Thank you" in reader.inner_text("#cover")

    assert store.verify(study) == []
    store.unblind(study, reason="done")
    rows = store.reads(study)
    assert [row["choice"] for row in rows] == ["4", "1", "2", "3", "5", "5"]
    assert rows[0]["looked"]["paused"] == 2
    assert rows[0]["milliseconds"] < 1000 * (paused + 60)
    assert rows[1]["looked"]["paused"] == 0


def test_time_stands_still_in_a_pause(clinic, store, reader: Page):
    questions = sources.from_films(films(3), films(3, first=1))
    study = open_study(store, questions, "real-or-synthetic")
    reader.clock.install()
    reader.goto(f"{clinic.address}/read/{store.enrol(study, 'A')}")
    for _ in range(100):  # frames are drawn by the clock of the test
        reader.clock.run_for(50)
        if reader.locator("#cover").is_hidden():
            break
    reader.clock.run_for(1000)
    reader.click("#pause")
    reader.clock.run_for(600_000)
    reader.evaluate(
        "window.dispatchEvent(new Event('blur')); window.dispatchEvent(new Event('focus'))"
    )
    reader.clock.run_for(600_000)
    reader.click("#go")
    reader.clock.run_for(1000)
    reader.keyboard.press("r")
    reader.keyboard.press("3")
    reader.wait_for_timeout(500)
    for _ in range(100):
        reader.clock.run_for(50)
        if reader.inner_text("#count") == "2/6":
            break
    store.unblind(study, reason="done")
    (row,) = store.reads(study)
    assert 1500 < row["milliseconds"] < 60_000
    assert row["looked"]["unfocused"] == 0


def test_every_control_has_a_name_and_the_keyboard_reaches_it(clinic, store, reader: Page):
    questions = sources.from_films(films(3), films(3, first=1))
    study = open_study(store, questions, "real-or-synthetic")
    reader.goto(f"{clinic.address}/read/{store.enrol(study, 'A')}")
    wait_for_image(reader)
    names = reader.eval_on_selector_all(
        "button:not([hidden])",
        "all => all.filter(one => one.offsetParent).map(one => one.innerText.trim() || one.ariaLabel)",
    )
    assert all(names)
    reader.keyboard.press("Tab")
    assert reader.evaluate("document.activeElement.dataset.choice") == "real"
    reader.keyboard.press("Space")
    assert reader.locator('[data-choice="real"]').get_attribute("aria-pressed") == "true"
    bar = reader.locator("#progress")
    assert bar.evaluate("one => getComputedStyle(one).appearance") == "none"


def test_pairs_from_folders_of_older_and_younger_versions(clinic, store, reader: Page, tmp_path):
    folders = {}
    for number, name in enumerate(("now", "later", "before")):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        for i, film in enumerate(films(3, first=number)):
            pixels = (film.pixels * 255).astype(np.uint8)
            Image.fromarray(pixels).save(folders[name] / f"{i}.png")
    page = reader
    page.goto(clinic.address)
    page.get_by_role("tab", name="Turing test").click()
    page.get_by_label("Title").fill("From folders")
    page.get_by_label("My own images", exact=True).click()
    for number, name in enumerate(folders):
        box = page.locator(f"#study-files-{number} input[type=file]")
        box.wait_for(state="attached")
        box.set_input_files(sorted(folders[name].iterdir()))
        page.locator(f"#study-files-{number} .file-preview tr").nth(2).wait_for()
    page.click("#study-open")
    page.get_by_role("button", name="From folders").wait_for(timeout=60_000)
    study = next(one for one in store.studies() if one.title == "From folders")
    protocol = store.protocol(study.id)
    truths = [item.truth for item in protocol.items]
    assert (truths.count("progression"), truths.count("regression")) == (3, 3)
    assert len(protocol.questions) == 2


def test_a_try_out_asks_real_or_synthetic_without_an_image(clinic, store, reader: Page):
    reader.goto(clinic.address)
    reader.get_by_role("tab", name="Turing test").click()
    reader.get_by_label("Title").fill("Try-out")
    reader.get_by_label("Real or synthetic?", exact=True).click()
    reader.click("#study-open")
    reader.get_by_role("button", name="Try-out").wait_for(timeout=60_000)
    study = next(one for one in store.studies() if one.title == "Try-out")
    protocol = store.protocol(study.id)
    truths = [item.truth for item in protocol.items]
    assert (truths.count("real"), truths.count("synthetic")) == (25, 25)
    assert set(protocol.audit) == {"file size", "histogram", "border", "spectrum"}

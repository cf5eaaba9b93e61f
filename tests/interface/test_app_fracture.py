"""The Fracture tab from click to picture, with the mouse and with keys, and its endpoints.

The weights are tiny and made here: what is tested is the page, not what the networks draw.
"""

import io
import json
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from starting import free_port, start_studio, wait_until_open
from viewer_box import Box
from without_barriers import barriers

from bonestudio.cohorts import Mura
from bonestudio.imaging import read_radiograph
from bonestudio.instruments.fracture.design import Design
from bonestudio.instruments.fracture.export import read_manifest
from bonestudio.instruments.fracture.studio import FractureStudio

sys.path.append(str(Path(__file__).resolve().parents[1] / "instruments"))
from hand_weights import write_classifier, write_generator, write_refiners

ENDS = ("", "-mask", "-refined")
SLOW = 60_000  # ms, on a machine with other work to do


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of a studio with weights for every page, and its temporary folder."""
    weights, temporary = (tmp_path_factory.mktemp(name) for name in ("weights", "temporary"))
    for write in (write_generator, write_classifier, write_refiners):
        write(weights)
    port = free_port()
    told = {"BONESTUDIO_CHECKPOINTS": str(weights), "TMPDIR": str(temporary)}
    process = start_studio(port, environment=told)
    try:
        wait_until_open(process, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}", temporary
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def shared(browser: Browser, house: tuple[str, Path]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(SLOW)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(house[0])
    page.get_by_role("tab", name="Fracture").click()
    yield page
    context.close()
    assert failures == []


@pytest.fixture
def mode(shared: Page) -> Callable[[str], Page]:
    """Open one of the four pages."""

    def opened(name: str) -> Page:
        shared.get_by_role("tab", name=name, exact=True).click()
        return shared

    return opened


def status(page: Page):
    return page.locator(".block.bs-status:visible")


def handle(page: Page) -> dict:
    return page.evaluate(
        """() => { const h = document.querySelector('#viewer-fracture .rv').fractureLine;
        return {level: h.level, obliquity: h.obliquity, told: h.value}; }"""
    )


def wait_for_told(page: Page, condition: str) -> None:
    """Wait until the server's own line fits: the film that belongs to it is on the page."""
    page.wait_for_function(
        f"(() => {{ const told = document.querySelector('#viewer-fracture .rv')?.fractureLine?.value; return told && {condition}; }})()",
        timeout=SLOW,
    )


def middle_of(page: Page, part: str) -> tuple[float, float]:
    box = page.locator(part).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def slider(page: Page, name: str):
    return page.locator(f"#fracture-{name} input[type=range]")


def test_a_film_is_there_with_its_code_mask_and_refined_twin(mode, keep) -> None:
    page = mode("Design")
    wait_for_told(page, "told.level === 0.55")
    Box(page, "fracture").wait_for_film(512, 512)
    expect(page.locator(".fx-code:visible")).to_contain_text("2R2A2")
    assert page.evaluate("document.querySelector('.fx-mask').naturalWidth") == 268
    films = Box(page, "fracture").ask(
        "viewer.films.map((film) => [film.width, film.name, film.badge])"
    )
    assert films == [[512, "Virtual patient", "SIMULATED"], [64, "Refined", "SIMULATED"]]
    expect(status(page)).to_contain_text("cyclegan-forearm-abnormal-test")
    keep(page, "fracture-design-1366x768")


def test_the_line_is_dragged_along_the_bone_and_the_film_follows(mode) -> None:
    page = mode("Design")
    wait_for_told(page, "true")
    before = handle(page)["told"]
    box = Box(page, "fracture")
    box.ask("viewer.fit()")
    x, y = middle_of(page, ".fl-body")
    scale = box.ask("viewer.view.scale")
    step = np.array(before["along"]) * 0.12 * scale  # towards the wrist
    box.drag((x, y), (x + step[1], y + step[0]))
    wait_for_told(page, f"Math.abs(told.level - {before['level'] + 0.12}) < 0.02")
    told = handle(page)["told"]
    assert float(slider(page, "level").input_value()) == pytest.approx(told["level"], abs=0.006)
    moved = np.array(told["at"]) - np.array(before["at"])
    along = np.array(before["along"])
    assert moved @ along / (along @ along) == pytest.approx(0.12, abs=0.02)


def test_an_end_is_dragged_to_tilt_the_break(mode) -> None:
    page = mode("Design")
    wait_for_told(page, "true")
    box = Box(page, "fracture")
    before = handle(page)["told"]
    x, y = middle_of(page, "circle.fl-grip >> nth=0")
    # The end towards the thumb, pulled up along the bone, makes the break straighter.
    step = -10 * box.ask("viewer.view.scale")
    box.drag((x, y), (x, y + step))
    wait_for_told(page, f"told.obliquity < {before['obliquity'] - 3}")
    told = handle(page)["told"]
    assert float(slider(page, "obliquity").input_value()) == pytest.approx(
        told["obliquity"], abs=0.6
    )


def test_keys_move_the_break_and_sliders_and_the_code_follows(mode) -> None:
    page = mode("Design")
    wait_for_told(page, "true")
    level = handle(page)["told"]["level"]
    page.locator(".fl-body").focus()
    page.keyboard.press("Shift+ArrowDown")
    wait_for_told(page, f"Math.abs(told.level - {level - 0.05}) < 0.002")
    view = Box(page, "fracture").state["view"]
    page.locator("circle.fl-grip >> nth=0").focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowUp")
    wait_for_told(page, "told.obliquity > 30")
    assert Box(page, "fracture").state["view"] == view  # the viewer left these keys alone
    slider(page, "comminution").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".fx-code:visible")).to_contain_text("2R2B2", timeout=SLOW)


def test_samples_a_view_that_hides_the_slope_and_a_bone_that_is_whole(mode) -> None:
    page = mode("Design")
    wait_for_told(page, "true")
    page.locator("#inner-fracture-design button[data-name=shattered]").click()
    expect(page.locator(".fx-code:visible")).to_contain_text("2R2C3", timeout=SLOW)
    assert float(slider(page, "comminution").input_value()) == pytest.approx(0.8)
    page.locator("#fracture-view").get_by_label("Lateral").check()
    wait_for_told(page, "Math.abs(told.seen) < 0.1")
    expect(page.locator("circle.fl-grip >> nth=0")).not_to_be_visible()
    page.locator("#fracture-site").get_by_label("Wrist").check()
    page.locator("#fracture-view").get_by_label("Oblique").check()
    wait_for_told(page, "told.level === 0.9 && Math.abs(told.seen - 0.7) < 0.02")
    page.locator("#fracture-site").get_by_label("Forearm").check()
    wait_for_told(page, "told.level === 0.55 && told.seen === 1")
    page.locator("#inner-fracture-design").get_by_text("More", exact=True).click()
    page.get_by_label("Broken", exact=True).uncheck()
    expect(page.locator(".fx-code:visible")).to_contain_text("Not broken", timeout=SLOW)
    expect(page.locator("svg.fl")).not_to_be_visible()
    page.get_by_label("Broken", exact=True).check()
    expect(page.locator("svg.fl")).to_be_visible(timeout=SLOW)


def test_a_design_is_saved_with_what_makes_it_again(mode, tmp_path: Path) -> None:
    page = mode("Design")
    with page.expect_download(timeout=SLOW) as waiting:
        page.get_by_role("button", name="Save film, mask, design").click()
    waiting.value.save_as(tmp_path / "fracture.zip")
    with zipfile.ZipFile(tmp_path / "fracture.zip") as pack:
        assert set(pack.namelist()) == {f"film{end}.png" for end in ENDS} | {"design.json"}
        note = json.loads(pack.read("design.json"))
        film = np.asarray(Image.open(io.BytesIO(pack.read("film.png")))) / 65535
        mask = np.asarray(Image.open(io.BytesIO(pack.read("film-mask.png")))) > 0
    assert "Simulated" in note["notice"]
    again = Design.from_dict(note["design"]).render()
    assert np.abs(again.film.pixels - film).max() < 1e-4
    assert np.array_equal(again.mask, mask)


def test_hands_are_drawn_chosen_and_walked_between(mode, keep) -> None:
    page = mode("Sample")
    tiles = page.locator(".hs-grid button")
    expect(tiles).to_have_count(16, timeout=SLOW)
    caption = page.locator(".hs-big figcaption")
    expect(caption).to_contain_text("SIMULATED")
    large = page.locator('.hs-grid [aria-pressed="true"]').get_attribute("data-seed")
    expect(caption).to_contain_text(f"Seed {large}")
    tiles.nth(2).click()
    expect(caption).to_contain_text("Seed 2")
    page.keyboard.press("ArrowDown")
    expect(caption).to_contain_text("Seed 6")
    expect(page.locator("#inner-fracture-sample .bs-findings")).to_contain_text("remember")
    page.get_by_role("button", name="End here").click()
    expect(page.locator(".hs-last")).to_have_text("seed 6", timeout=SLOW)

    big = "document.querySelector('.hs-big canvas').toDataURL()"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    seen = {page.evaluate(big)}
    page.get_by_label("Walk from the first hand").focus()
    for _ in range(16):
        page.keyboard.press("ArrowRight")
        seen.add(page.evaluate(big))
    assert len(seen) >= 16
    assert [url for url in asked if "heartbeat" not in url] == []  # scrubbing asks nobody
    expect(caption).to_contain_text("100 % of the way from seed 0 to seed 6")
    keep(page, "fracture-sample-1366x768")
    page.get_by_role("button", name="Draw others").click()
    expect(tiles.first).to_have_attribute("data-seed", "16", timeout=SLOW)


def test_a_study_is_judged_by_its_views(mode, keep, film_file: Path, tmp_path: Path) -> None:
    page = mode("Classify")
    answer = page.locator(".fx-answer")
    expect(answer).to_contain_text("P(abnormal) 0.", timeout=SLOW)
    box = Box(page, "study")
    box.wait_for_film(320, 320)
    assert box.ask("viewer.overlays.length") == 1
    first = box.ask("viewer.film.name")
    assert first.startswith("View 1 of 2, P(abnormal)")
    page.locator("#study-view").get_by_label("View 2").check()
    page.wait_for_function(
        "document.querySelector('#viewer-study .rv').viewer.film.name.startsWith('View 2')",
        timeout=SLOW,
    )
    keep(page, "fracture-classify-1366x768")
    letter = tmp_path / "letter.png"
    letter.write_text("Dear colleague", encoding="utf-8")
    upload = "#fracture-study input[type=file]"
    page.set_input_files(upload, letter)
    expect(status(page).locator(".bs-refused")).to_contain_text("not an image", timeout=SLOW)
    page.set_input_files(upload, film_file)
    box.wait_for_film(300, 200)
    assert box.ask("viewer.film.badge") is None


def test_a_set_is_exported_and_read_back(mode, keep, tmp_path: Path) -> None:
    page = mode("Export")
    page.get_by_label("Images of each class").fill("2")
    with page.expect_download(timeout=SLOW) as waiting:
        page.get_by_role("button", name="Make the set").click()
    assert waiting.value.suggested_filename == "forearms-2-seed0.zip"
    path = tmp_path / "set.zip"
    waiting.value.save_as(path)
    expect(status(page)).to_contain_text("4 images")
    zipfile.ZipFile(path).extractall(tmp_path)
    assert [e.labels["abnormal"] for e in Mura(tmp_path, region="XR_FOREARM").entries].count(1) == 2
    row = read_manifest(path)[-1]
    assert FractureStudio().again(row)[2]


def test_a_cancelled_export_stops_and_leaves_nothing(mode, house, keep) -> None:
    page, temporary = mode("Export"), house[1]
    page.get_by_label("Images of each class").fill("2000")
    page.get_by_role("button", name="Make the set").click()
    bar = page.locator(".bs-progress")
    expect(bar).to_contain_text("of 4000 images", timeout=SLOW)
    Box(page, "export").wait_for_film(256, 256)
    expect(bar).to_contain_text(re.compile(r"^[1-9]\d* of 4000 images"))
    expect(status(page)).to_contain_text("images a second")
    assert list(temporary.rglob("*.part"))
    keep(page, "fracture-export-1366x768")
    page.get_by_role("button", name="Cancel").click()
    expect(status(page)).to_contain_text("nothing is left", timeout=SLOW)
    expect(bar).to_be_hidden()
    expect(page.get_by_role("button", name="Make the set")).to_be_enabled()
    _gone(temporary)
    done = page.evaluate("document.querySelector('#viewer-export .rv').viewer.film.name")
    page.wait_for_timeout(500)
    assert page.evaluate("document.querySelector('#viewer-export .rv').viewer.film.name") == done


def test_nothing_stands_in_the_way_and_nothing_scrolls(mode) -> None:
    for name in ("Sample", "Design", "Classify", "Export"):
        page = mode(name)
        assert barriers(page) == [], name
        assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def _gone(temporary: Path) -> None:
    for _ in range(100):
        if not list(temporary.rglob("*.part")):
            return
        time.sleep(0.1)
    pytest.fail("a half-written set is left")


@pytest.fixture(scope="module")
def client(house: tuple[str, Path]) -> Client:
    return Client(house[0], verbose=False, analytics_enabled=False)


def test_endpoints_are_typed_and_documented(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    for name in ("sample", "design", "classify", "export"):
        told = named[f"/fracture_{name}"]
        assert len(told["description"]) > 60
        assert all(one["type"] for one in told["parameters"])
        assert "request" not in [one["parameter_name"] for one in told["parameters"]]


def test_hands_by_the_endpoint(client: Client) -> None:
    told = client.predict(seed=5, count=2, truncation=1.0, api_name="/fracture_sample")
    assert [hand["seed"] for hand in told["hands"]] == [5, 6]
    assert told["model"] == "fracture/dcgan-hands-test"
    assert read_radiograph(told["hands"][0]["file"]).shape == (32, 32)
    assert "Simulated" in told["notice"]


def test_a_design_by_the_endpoint_is_the_design_of_the_package(client: Client) -> None:
    told = client.predict(
        bone="both", gap=6.0, patient=9, size=128, refined=True, api_name="/fracture_design"
    )
    assert told["ao"] == "2R2A3, 2U2A3"
    made = Design.from_dict(told["design"]).render()
    assert np.abs(read_radiograph(told["film"]).pixels - made.film.pixels).max() < 1e-4
    assert np.array_equal(np.asarray(Image.open(told["mask"])) > 0, made.mask)
    assert read_radiograph(told["refined"]).shape == (64, 64)


def test_a_judgement_by_the_endpoint(client: Client, film_file: Path) -> None:
    views = [handle_file(str(film_file))] * 2
    told = client.predict(files=views, api_name="/fracture_classify")
    assert told["study"] == pytest.approx(np.mean(told["views"]))
    assert len(told["views"]) == len(told["heat"]) == 2
    assert read_radiograph(told["heat"][0]).shape == (300, 200)


def test_a_set_by_the_endpoint_tells_how_far_it_is(client: Client, tmp_path: Path) -> None:
    job = client.submit(source="wrist", count=1, size=96, api_name="/fracture_export")
    steps = list(job)
    assert [step["done"] for step in steps] == [0, 1, 2]
    assert [step["file"] is None for step in steps] == [True, True, False]
    zipfile.ZipFile(steps[-1]["file"]).extractall(tmp_path)
    assert len(Mura(tmp_path, region="XR_WRIST").entries) == 2


def test_a_cancelled_job_leaves_nothing(client: Client, house: tuple[str, Path]) -> None:
    job = client.submit(count=300, size=96, api_name="/fracture_export")
    for step in job:
        if step["done"] >= 2:
            break
    job.cancel()
    _gone(house[1])


@pytest.mark.parametrize(
    ("endpoint", "wrong", "says"),
    [
        ("sample", {"count": 0}, "1 to 64"),
        ("sample", {"model": "fracture/none"}, "no checkpoint"),
        ("sample", {"truncation": 9.0}, "0.2 to 3"),
        ("design", {"level": 4.0}, "level"),
        ("design", {"site": "wrist", "level": 0.2}, "outside the film"),
        ("design", {"bone": "femur"}, "femur"),
        ("design", {"size": 9000}, "64 to 1024"),
        ("classify", {"files": []}, "at least one"),
        ("export", {"count": 100000}, "2000"),
        ("export", {"source": "hip"}, "hip"),
    ],
)
def test_bad_input_gets_one_sentence(client: Client, endpoint: str, wrong: dict, says: str) -> None:
    with pytest.raises(AppError, match=says):
        client.predict(**wrong, api_name=f"/fracture_{endpoint}")

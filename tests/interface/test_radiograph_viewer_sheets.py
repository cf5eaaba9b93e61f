"""Two films under a wipe, overlays, two viewers on a page, and keys that stay out of text fields."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from starting import ROOT, free_port, wait_until_open
from viewer_box import Box

GREY_OF_DARK, GREY_OF_LIGHT = 64, 191  # a quarter and three quarters of 255


@pytest.fixture(scope="module")
def two(browser: Browser) -> Iterator[Page]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("two_viewers_page.py")), str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    context = browser.new_context(viewport={"width": 1366, "height": 900})
    try:
        wait_until_open(process, f"http://127.0.0.1:{port}")
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}")
        for name in ("left", "right"):
            Box(page, name).wait_for_film(80, 120)
        yield page
    finally:
        context.close()
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture
def left(two: Page) -> Box:
    return Box(two, "left").fresh()


@pytest.fixture
def right(two: Page) -> Box:
    return Box(two, "right").fresh()


def test_wipe_shows_one_film_on_each_side(left: Box) -> None:
    assert left.shade(10, 70) == [GREY_OF_DARK] * 3
    assert left.shade(110, 70) == [GREY_OF_LIGHT] * 3
    edge = left.canvas.bounding_box()
    middle = (edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2)
    left.drag(middle, (edge["x"] + edge["width"] * 0.95, middle[1]))
    assert left.state["wipe"] == pytest.approx(0.95, abs=0.01)
    assert left.shade(100, 70) == [GREY_OF_DARK] * 3
    left.canvas.focus()
    for _ in range(20):
        left.page.keyboard.press("[")
    assert left.state["wipe"] == 0
    assert left.shade(10, 70) == [GREY_OF_LIGHT] * 3


def test_overlay_has_an_opacity_and_can_be_hidden(left: Box) -> None:
    left.ask("viewer.setOpacity(0.5)")
    half = left.shade(30, 30)
    assert half == pytest.approx(
        [(255 + GREY_OF_DARK) / 2, GREY_OF_DARK / 2, GREY_OF_DARK / 2], abs=2
    )
    assert left.shade(50, 30)[0] == GREY_OF_DARK
    left.page.locator(left.place).get_by_label("Overlay opacity in per cent").fill("100")
    assert left.shade(30, 30) == [255, 0, 0]
    left.canvas.focus()
    left.page.keyboard.press("o")
    assert left.shade(30, 30) == [GREY_OF_DARK] * 3
    left.page.keyboard.press("o")


def test_generated_film_wears_its_badge_and_names_are_plain_text(left: Box) -> None:
    place = left.page.locator(left.place)
    expect(place.locator(".rv-name")).to_have_text("Input <b>film</b>")
    expect(place.locator(".rv-second")).to_have_text("Aged to 16 Simulated")
    expect(place.locator(".rv-second b")).to_have_text("Simulated")


def test_two_viewers_do_not_share_their_window(left: Box, right: Box) -> None:
    left.canvas.focus()
    left.page.keyboard.press("i")
    left.page.keyboard.press("8")
    assert (left.state["invert"], left.state["preset"]) == (True, 8)
    assert (right.state["invert"], right.state["preset"]) == (False, 1)
    right.page.mouse.move(*right.spot(60, 40))
    right.page.keyboard.press("r")  # the focus is still in the left one
    assert (left.state["mark"], right.state["mark"]) == ("turned 90°", "")
    right.page.evaluate("document.activeElement.blur()")
    right.page.keyboard.press("m")  # without a focus, keys go where the pointer is
    assert (left.state["mark"], right.state["mark"]) == ("turned 90°", "mirrored")


def test_keys_in_a_text_field_are_text(left: Box, right: Box) -> None:
    before = (left.state, right.state)
    note = left.page.get_by_label("Note")
    note.click()
    note.press_sequentially("i r m 3 l 0 +")
    expect(note).to_have_value("i r m 3 l 0 +")
    assert (left.state, right.state) == before


def test_overlay_controls_only_where_there_is_one(left: Box, right: Box) -> None:
    label = "Overlay opacity in per cent"
    expect(left.page.locator(left.place).get_by_label(label)).to_be_visible()
    expect(right.page.locator(right.place).get_by_label(label)).not_to_be_visible()


def test_a_click_on_a_sample_names_it(two: Page) -> None:
    two.get_by_role("button", name="Wrist & <ulna>").click()
    expect(two.get_by_label("Picked")).to_have_value("wrist")
    expect(two.get_by_role("button", name="Wrist & <ulna>")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(two.get_by_role("button", name="Hand")).to_have_attribute("aria-pressed", "false")

"""The museum page: a slider that anyone can move, and what it does when nobody does."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

ALONE = 20_000  # milliseconds


@pytest.fixture
def museum(ageing: str) -> str:
    return f"{ageing}/museum/"


@pytest.fixture
def visit(browser: Browser, museum: str) -> Iterator[Callable[..., Page]]:
    """Open the page with a clock that the test turns."""
    contexts: list[BrowserContext] = []
    failures: list[str] = []

    def opened(**options) -> Page:
        context = browser.new_context(
            viewport={"width": 1366, "height": 768}, bypass_csp=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.clock.install(time=0)
        page.goto(museum)
        page.wait_for_selector("#years:not([disabled])", timeout=120_000)
        page.clock.pause_at(1000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert failures == []


def years(page: Page) -> float:
    return float(page.locator("#years").input_value())


def picture(page: Page) -> str:
    return page.evaluate("document.getElementById('bone').toDataURL()")


def test_moving_the_slider_changes_the_bone_and_the_words(visit, keep) -> None:
    page = visit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    expect(page.locator("#when")).to_have_text(re.compile(r"Today\s*6 years old"))
    expect(page.locator("footer")).to_contain_text("as it learned from ")
    today = picture(page)
    slider = page.locator("#years").bounding_box()
    page.mouse.click(slider["x"] + 0.85 * slider["width"], slider["y"] + slider["height"] / 2)
    assert years(page) > 15
    expect(page.locator("#word")).to_have_text("Later")
    assert picture(page) != today
    page.keyboard.press("Home")
    assert years(page) == 0
    expect(page.locator("#when")).to_have_text(re.compile(r"Earlier\s*a baby"))
    page.keyboard.press("ArrowRight")
    assert years(page) == 0.5
    assert asked == []
    keep(page, "museum")


def test_left_alone_it_goes_back_to_today_and_plays_by_itself(visit) -> None:
    page = visit()
    page.keyboard.press("End")
    assert years(page) == 19
    page.clock.run_for(ALONE - 500)
    assert years(page) == 19  # somebody is still looking
    page.clock.run_for(600)
    assert years(page) == 6
    page.clock.run_for(4500)
    first = years(page)
    assert 6 < first < 19
    page.clock.run_for(7500)
    assert years(page) == 19
    page.clock.run_for(14_000)
    assert years(page) < 1  # and back to the beginning
    page.keyboard.press("End")  # somebody comes
    page.clock.run_for(5000)
    assert years(page) == 19


def test_nothing_moves_by_itself_where_motion_is_unwelcome(visit) -> None:
    page = visit(reduced_motion="reduce")
    page.keyboard.press("End")
    page.clock.run_for(ALONE + 100)
    assert years(page) == 6
    page.clock.run_for(30_000)
    assert years(page) == 6


def test_a_finger_moves_it_too(visit) -> None:
    page = visit(has_touch=True)
    slider = page.locator("#years").bounding_box()
    assert slider["height"] >= 44  # a finger's breadth
    page.touchscreen.tap(slider["x"] + 0.1 * slider["width"], slider["y"] + slider["height"] / 2)
    assert years(page) < 3


def test_one_page_without_upload_that_says_what_it_is(visit, museum: str) -> None:
    page = visit()
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.reload()
    page.wait_for_selector("#years:not([disabled])", timeout=120_000)
    assert hosts == {"127.0.0.1"}
    assert page.locator("input").count() == 1
    expect(page.get_by_text("SIMULATED, not a forecast")).to_be_in_viewport()
    expect(page.get_by_text("Research use, not for diagnosis")).to_be_in_viewport()
    assert page.locator("#people svg").count() == 3
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    with urllib.request.urlopen(f"{museum}bone") as answer:
        told = json.load(answer)
    with urllib.request.urlopen(museum) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert told["sizes"] == sorted(told["sizes"])  # a bone does not shrink
    assert told["sizes"][-1] > 2 * told["sizes"][0]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{museum}assets/page/../routes.py")
    refused.value.close()

"""The page itself: nothing leaves the machine, dark unless asked, usable in one column as in three."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from viewer_box import Box

PAGE_DARK, PAGE_LIGHT = "rgb(14, 17, 22)", "rgb(244, 245, 246)"


def background(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_no_request_leaves_the_machine(page: Page, studio: str, film_file: Path) -> None:
    hosts: set[str | None] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(studio)
    tabs = page.locator(
        "#studio-tabs > .tab-wrapper > .tab-container:not(.visually-hidden) > button"
    )
    expect(tabs.first).to_be_visible()
    for tab in tabs.all():
        tab.click()
    page.get_by_role("tab", name="Light box").click()
    page.get_by_role("tab", name="Scan", exact=True).click()
    page.get_by_role("tab", name="Film", exact=True).click()
    page.wait_for_function("document.querySelector('#viewer-lightbox .rv')?.viewer?.film")
    page.set_input_files("#lightbox-upload input[type=file]", film_file)
    Box(page, "lightbox").wait_for_film(300, 200)
    page.wait_for_timeout(1000)  # what a page does once it has settled
    assert hosts - {None} == {"127.0.0.1"}  # None: data: and blob:


def test_nothing_is_called_from_the_server(studio: str) -> None:
    """The settings that would phone home are off in what the page is told."""
    with urllib.request.urlopen(f"{studio}/config") as answer:
        config = json.load(answer)
    assert config["analytics_enabled"] is False
    assert config["stylesheets"] == []


def test_dark_unless_asked_and_remembered(open_tab: Callable[[str], Page]) -> None:
    page = open_tab("Light box")
    expect(page.locator("#viewer-lightbox canvas")).to_be_visible()
    assert background(page) == PAGE_DARK
    page.get_by_role("button", name="Light", exact=True).click()
    assert background(page) == PAGE_LIGHT
    page.reload()
    page.get_by_role("tab", name="Light box").click()
    expect(page.locator("#viewer-lightbox canvas")).to_be_visible()
    assert background(page) == PAGE_LIGHT


def test_dark_even_where_the_system_is_light(browser: Browser, studio: str) -> None:
    context = browser.new_context(color_scheme="light")
    page = context.new_page()
    page.goto(studio, wait_until="commit")
    page.wait_for_selector("body")
    page.get_by_role("tab", name="Light box").click()
    expect(page.locator("#viewer-lightbox canvas")).to_be_visible()
    assert background(page) == PAGE_DARK
    context.close()


def test_every_page_says_what_it_is_not_for(open_tab: Callable[[str], Page]) -> None:
    page = open_tab("Light box")
    expect(page.get_by_text("Research use, not for diagnosis")).to_be_in_viewport()


def test_findings_fold_away_and_the_image_grows(light_box: Box) -> None:
    width = light_box.canvas.bounding_box()["width"]
    switch = light_box.page.get_by_role("button", name="Findings")
    switch.click()
    light_box.ask("0")
    assert light_box.canvas.bounding_box()["width"] == pytest.approx(width + 300, abs=1)
    switch.click()
    light_box.ask("0")
    assert light_box.canvas.bounding_box()["width"] == pytest.approx(width, abs=1)


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080), (1024, 768)])
def test_film_is_the_largest_thing_and_nothing_scrolls(
    light_box: Box, width: int, height: int, keep: Callable[[Page, str], Path]
) -> None:
    page = light_box.page
    page.set_viewport_size({"width": width, "height": height})
    light_box.ask("0")
    keep(page, f"light-box-{width}x{height}")
    canvas = light_box.canvas.bounding_box()
    for column in (".bs-source", ".bs-findings"):
        panel = page.locator(f"#inner-film {column}").bounding_box()
        assert canvas["width"] * canvas["height"] > 1.5 * panel["width"] * panel["height"]
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size({"width": 1366, "height": 768})


def test_keyboard_reaches_upload_viewer_and_export(
    open_tab: Callable[[str], Page], film_file: Path
) -> None:
    page = open_tab("Light box")
    page.set_input_files("#lightbox-upload input[type=file]", film_file)
    Box(page, "lightbox").wait_for_film(300, 200)
    seen = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "(e => e.closest('#lightbox-upload') ? 'upload' : e.id || e.dataset.do || e.getAttribute('role') || e.type || e.tagName)"
                "(document.activeElement)"
            )
        )
    assert {"upload", "tool length", "application", "lightbox-save"} <= seen


def test_everything_has_a_name(light_box: Box) -> None:
    nameless = light_box.page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, canvas, img')]
            .filter((e) => e.offsetParent !== null)
            .filter((e) => !(e.labels?.length || e.getAttribute('aria-label') || e.title || e.textContent.trim() || e.alt))
            // a thumbnail inside a button that says what it shows adds nothing
            .filter((e) => !(e.tagName === 'IMG' && e.alt === '' && e.closest('button')?.textContent.trim()))
            .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []

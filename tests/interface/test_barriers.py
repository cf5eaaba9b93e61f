"""No tab, in the dark or in the light, and not the museum page has a barrier that axe-core knows."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from without_barriers import barriers

from bonestudio.interface.tabs import working_tabs

PICTURED = "canvas:visible, img:visible, table:visible"  # or the table of studies
TABS = [tab.title for tab in working_tabs()]
SAID = {
    "Age": "all ages in"
}  # in the status line, once the findings are there; elsewhere 'computed here'


@pytest.fixture
def page_of_the_studio(browser: Browser, studio: str) -> Iterator[Page]:
    # The check is text that the page runs, which its own policy forbids.
    # Without motion: colours half-way from dark to light are not judged.
    context = browser.new_context(
        viewport={"width": 1366, "height": 768}, bypass_csp=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(studio)
    yield page
    context.close()


def test_tabs(page_of_the_studio: Page) -> None:
    page = page_of_the_studio
    found = {}
    for title in TABS:
        page.get_by_role("tab", name=title, exact=True).first.click()
        page.locator(PICTURED).first.wait_for(timeout=120_000)
        if title != "Turing test":  # it computes nothing by itself
            said = page.get_by_text(SAID.get(title, "computed here")).locator("visible=true")
            said.first.wait_for(timeout=120_000)
        found[title] = barriers(page)
    page.get_by_role("button", name="Light", exact=True).click()
    found["light"] = barriers(page)
    assert found == {title: [] for title in found}


def test_museum(page_of_the_studio: Page, studio: str) -> None:
    page = page_of_the_studio
    page.goto(f"{studio}/museum/")
    page.wait_for_selector("#years:not([disabled])", timeout=120_000)
    assert barriers(page) == []

"""Ask axe-core what stands in the way of a person who uses a keyboard, a screen reader or weak eyes."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_OPTIONS = {"resultTypes": ["violations"]}


def barriers(page: Page) -> list[str]:
    """Return a line for each barrier on the page as it stands."""
    found = Axe().run(page, options=_OPTIONS).response["violations"]
    return [
        f"{one['impact']}: {one['help']}: {node['target']} {node['html'][:200]}"
        for one in found
        for node in one["nodes"]
    ]

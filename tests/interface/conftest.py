"""One studio, started as a user starts it, and one browser for all tests of the interface.

``studio`` is the address of the running app, ``open_tab`` opens it at a tab, ``keep`` saves a screenshot.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "artefacts" / "screens"
STARTS_WITHIN = 120  # seconds, on a machine with other work to do

CHROMIUM = "/usr/bin/chromium"
QUIET = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_studio(port: int, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port), *options],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_open(process: subprocess.Popen[str], address: str) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"the studio ended with {process.returncode}: {process.stdout.read()}")
        try:
            with urllib.request.urlopen(f"{address}/config", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the studio did not open its page")


@pytest.fixture(scope="session")
def studio() -> Iterator[str]:
    """Address of a studio that all tests of the session share."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = start_studio(port)
    try:
        wait_until_open(process, address)
        yield address
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    """The system's Chromium where there is one, Playwright's own otherwise; silent either way."""
    own = {"executable_path": CHROMIUM} if Path(CHROMIUM).exists() else {}
    return {**browser_type_launch_args, **own, "args": list(QUIET)}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict) -> dict:
    return {**browser_context_args, "viewport": {"width": 1366, "height": 768}}


@pytest.fixture
def open_tab(studio: str, page: Page) -> Callable[[str], Page]:
    """Open the studio at the tab of a title, and fail the test when the page itself fails."""
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))

    def opened(title: str) -> Page:
        page.goto(studio)
        page.get_by_role("tab", name=title).click()
        return page

    yield opened
    assert failures == []


@pytest.fixture
def keep() -> Callable[[Page, str], Path]:
    """Save a screenshot where people look for artefacts."""

    def kept(page: Page, name: str) -> Path:
        SCREENS.mkdir(parents=True, exist_ok=True)
        path = SCREENS / f"{name}.png"
        page.screenshot(path=path)
        return path

    return kept


@pytest.fixture(scope="session")
def film_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 16-bit film of 300 rows and 200 columns: grey grows by 200 a column and 50 a row, a bright bar."""
    rows, columns = np.mgrid[:300, :200]
    grey = (columns * 200 + rows * 50).astype(np.uint16)
    grey[100:200, 90:110] = 60000
    path = tmp_path_factory.mktemp("films") / "bar.png"
    Image.fromarray(grey).save(path)
    return path

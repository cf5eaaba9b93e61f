"""One studio, started as a user starts it, and one browser for all tests of the interface.

``studio`` is the address of the running app, ``open_tab`` opens it at a tab, ``keep`` saves a screenshot.
"""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from starting import free_port, start_studio, wait_until_open
from viewer_box import Box

ROOT = Path(__file__).resolve().parents[2]
SCREENS = ROOT / "artefacts" / "screens"

CHROMIUM = "/usr/bin/chromium"
QUIET = ("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")  # fmt: skip


@pytest.fixture(scope="session")
def studio() -> Iterator[str]:
    """Address of a studio that all tests of the session share."""
    yield from opened_studio({})


@pytest.fixture(scope="session")
def ageing(age_weights: Path) -> Iterator[str]:
    """Address of a studio that ages bones with the weights of the tests."""
    yield from opened_studio({"BONESTUDIO_CHECKPOINTS": str(age_weights)})


def opened_studio(environment: dict[str, str]) -> Iterator[str]:
    """Start a studio, yield its address, close it."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = start_studio(port, environment=environment)
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
def base_url() -> None:
    """Pages are opened by their whole address."""


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
        if title == "Light box":
            wait_for_sample(page)
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


@pytest.fixture(scope="session")
def dicom_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of Erika Mustermann, 12 bits, pixels of 0.5 mm down and 0.25 mm across."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import (
        DigitalXRayImageStorageForPresentation,
        ExplicitVRLittleEndian,
        generate_uid,
    )

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    film = Dataset()
    film.file_meta = meta
    film.SOPClassUID, film.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    film.PatientName, film.PatientID, film.PatientBirthDate = (
        "Mustermann^Erika",
        "MRN4711",
        "19640812",
    )
    film.PatientSex, film.PatientAge, film.Modality = "F", "057Y", "DX"
    film.ViewPosition, film.ImageLaterality, film.BodyPartExamined = "PA", "L", "HAND"
    film.ImagerPixelSpacing = [0.5, 0.25]
    film.Rows, film.Columns, film.SamplesPerPixel = 300, 200, 1
    film.PhotometricInterpretation, film.PixelRepresentation = "MONOCHROME2", 0
    film.BitsAllocated, film.BitsStored, film.HighBit = 16, 12, 11
    rows, columns = np.mgrid[:300, :200]
    film.PixelData = (rows * 5 + columns * 10).astype("<u2").tobytes()
    path = tmp_path_factory.mktemp("films") / "mustermann_erika.dcm"
    film.save_as(path, enforce_file_format=True)
    return path


def wait_for_sample(page: Page) -> None:
    """Wait until the first sample, which opens by itself, is on the light box."""
    page.wait_for_function("document.querySelector('#viewer-lightbox .rv')?.viewer?.film")


def film_page(browser: Browser, studio: str, file: Path) -> Iterator[Box]:
    """Open a page with a film on the Light box; its scripts must not fail until it is closed."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(studio)
    page.get_by_role("tab", name="Light box").click()
    wait_for_sample(page)
    page.set_input_files("#lightbox-upload input[type=file]", file)
    box = Box(page, "lightbox")
    box.wait_for_film(300, 200)
    yield box
    context.close()
    assert failures == []


@pytest.fixture(scope="module")
def light_box_page(browser: Browser, studio: str, film_file: Path) -> Iterator[Box]:
    yield from film_page(browser, studio, film_file)


@pytest.fixture(scope="module")
def spaced_page(browser: Browser, studio: str, dicom_file: Path) -> Iterator[Box]:
    yield from film_page(browser, studio, dicom_file)


@pytest.fixture
def light_box(light_box_page: Box) -> Box:
    """The Light box with the test film on it, as it is right after opening."""
    return light_box_page.fresh()


@pytest.fixture
def spaced(spaced_page: Box) -> Box:
    """The Light box with a film whose pixels are 0.5 mm high and 0.25 mm wide."""
    return spaced_page.fresh()

"""The Light box from upload to export, with bad files too."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from starting import free_port, start_studio, wait_until_open
from viewer_box import Box

UPLOAD = "#lightbox-upload input[type=file]"


def status(page: Page):
    return page.locator("#inner-film .block.bs-status")


@pytest.fixture
def film_page(open_tab: Callable[[str], Page]) -> Page:
    return open_tab("Light box")


def test_what_was_read_and_what_was_left_out(film_page: Page, dicom_file: Path) -> None:
    film_page.set_input_files(UPLOAD, dicom_file)
    Box(film_page, "lightbox").wait_for_film(300, 200)
    read = film_page.locator("#inner-film .bs-facts")
    for text in ("300 × 200 px", "0.500 × 0.250 mm", "PA", "left", "57 years", "female"):
        expect(read).to_contain_text(text)
    assert "patient" in read.inner_text().lower().split("left out")[1]
    page_text = film_page.content()
    assert "Mustermann" not in page_text.replace("mustermann_erika.dcm", "")
    assert "MRN4711" not in page_text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("letter.png", b"Dear colleague, thank you for the referral."),
        ("cut.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
        ("empty.dcm", b""),
        ("<img src=x onerror=document.title=1>.png", b"<svg onload=document.title=1 />"),
    ],
)
def test_bad_file_gets_one_sentence_and_the_session_goes_on(
    film_page: Page, film_file: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    bad = tmp_path / name
    bad.write_bytes(content)
    film_page.set_input_files(UPLOAD, bad)
    refused = status(film_page).locator(".bs-refused")
    expect(refused).to_be_visible()
    sentence = refused.inner_text().removeprefix("Not done.").strip()
    assert sentence.endswith(".")
    assert "Traceback" not in sentence
    assert film_page.locator(".toast-body").count() == 0
    assert film_page.title() == "Bone Studio"  # markup in a name is text
    film_page.set_input_files(UPLOAD, film_file)
    Box(film_page, "lightbox").wait_for_film(300, 200)
    expect(refused).to_have_count(0)


def test_evened_contrast_changes_the_film_and_keeps_the_view(
    film_page: Page, film_file: Path
) -> None:
    film_page.set_input_files(UPLOAD, film_file)
    box = Box(film_page, "lightbox")
    box.wait_for_film(300, 200)
    box.ask("viewer.zoom(3)")
    before, view = box.ask("viewer.film.grey[40 * 200 + 30]"), box.state["view"]
    film_page.get_by_label("Even out contrast (CLAHE)").check()
    film_page.wait_for_function(
        "before => document.querySelector('#viewer-lightbox .rv').viewer.film.grey[40 * 200 + 30] !== before",
        arg=before,
    )
    assert box.state["view"] == view
    film_page.get_by_label("Even out contrast (CLAHE)").uncheck()
    film_page.wait_for_function(
        "before => document.querySelector('#viewer-lightbox .rv').viewer.film.grey[40 * 200 + 30] === before",
        arg=before,
    )


@pytest.mark.parametrize(
    ("kind", "name"), [("PNG", "film.png"), ("TIFF", "film.tif"), ("DICOM", "film.dcm")]
)
def test_export_has_the_pixels_and_not_the_patient(
    film_page: Page, dicom_file: Path, tmp_path: Path, kind: str, name: str
) -> None:
    film_page.set_input_files(UPLOAD, dicom_file)
    Box(film_page, "lightbox").wait_for_film(300, 200)
    film_page.get_by_label(kind, exact=True).check()
    with film_page.expect_download() as waiting:
        film_page.get_by_role("button", name="Save film").click()
    assert waiting.value.suggested_filename == name
    saved = tmp_path / name
    waiting.value.save_as(saved)
    content = saved.read_bytes()
    for secret in (b"Mustermann", b"Erika", b"MRN4711", b"19640812", b"mustermann_erika"):
        assert secret not in content
    pixels = (
        pydicom.dcmread(saved).pixel_array if kind == "DICOM" else np.asarray(Image.open(saved))
    )
    assert pixels.dtype.itemsize >= 2
    assert pixels.shape == (300, 200)
    truth = np.add.outer(np.arange(300) * 5, np.arange(200) * 10)
    assert np.corrcoef(pixels.ravel(), truth.ravel())[0, 1] > 0.99999


def test_viewer_survives_another_tab_and_back(film_page: Page, film_file: Path) -> None:
    film_page.set_input_files(UPLOAD, film_file)
    box = Box(film_page, "lightbox")
    box.wait_for_film(300, 200)
    box.ask("(viewer.zoom(2), viewer.applyPreset(4))")
    before = box.state
    film_page.get_by_role("tab", name="Scan", exact=True).click()
    expect(box.canvas).not_to_be_visible()
    film_page.keyboard.press("i")  # keys do not reach a viewer nobody sees
    film_page.get_by_role("tab", name="Film", exact=True).click()
    expect(box.canvas).to_be_visible()
    after = box.state
    assert (after["view"], after["window"], after["invert"]) == (
        before["view"],
        before["window"],
        False,
    )


def test_two_visitors_see_their_own_film(
    open_tab: Callable[[str], Page], light_box: Box, dicom_file: Path
) -> None:
    page = open_tab("Light box")
    page.set_input_files(UPLOAD, dicom_file)
    Box(page, "lightbox").wait_for_film(300, 200)
    mine, theirs = Box(page, "lightbox"), light_box
    assert mine.ask("viewer.film.spacing") == [0.5, 0.25]
    assert theirs.ask("viewer.film.spacing") is None


def test_uploads_and_pictures_are_deleted(browser, tmp_path: Path, dicom_file: Path) -> None:
    """The upload at once, the visitor's folder when the page closes, the rest with the studio."""
    port = free_port()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = start_studio(port, environment={"TMPDIR": str(temporary)})
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_open(process, address)
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        # An answer that is still being made when the visitor leaves would be kept until the studio closes.
        page.get_by_text("all ages in").locator("visible=true").first.wait_for(timeout=120_000)
        page.get_by_role("tab", name="Light box").click()
        page.wait_for_function("document.querySelector('#viewer-lightbox .rv')?.viewer?.film")
        page.set_input_files(UPLOAD, dicom_file)
        Box(page, "lightbox").wait_for_film(300, 200)
        assert list(temporary.rglob("*mustermann*")) == []
        assert list(temporary.rglob("*.gz"))  # the sample that was open first, and the upload
        context.close()
        for _ in range(100):
            if not list(temporary.rglob("*.gz")):
                break
            time.sleep(0.1)
        assert list(temporary.rglob("*.gz")) == []
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=30)
    assert list(temporary.glob("bonestudio-*")) == []
    for secret in ("Mustermann", "mustermann", "MRN4711"):
        assert secret not in output


def test_a_film_dropped_on_the_image_is_opened(film_page: Page, film_file: Path) -> None:
    box = Box(film_page, "lightbox")
    expect(box.canvas).to_be_visible()
    film_page.evaluate(
        """bytes => {
            const file = new File([new Uint8Array(bytes)], 'dropped.png', {type: 'image/png'});
            const carried = new DataTransfer();
            carried.items.add(file);
            const stage = document.querySelector('#viewer-lightbox .rv-stage');
            stage.dispatchEvent(new DragEvent('drop', {dataTransfer: carried, bubbles: true, cancelable: true}));
        }""",
        list(film_file.read_bytes()),
    )
    box.wait_for_film(300, 200)

"""The Volume tab from its first volume to an edit, undone and downloaded; and its endpoints."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from conftest import opened_studio
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Page, expect
from test_volume_viewer import NO_GL, SOFTWARE_GL, browser_with  # noqa: F401 – a fixture
from volume_weights import SHAPE, SPACING

from bonestudio.imaging import Volume, read_volume, write_volume
from bonestudio.interface import fetch_viewer

SHOWN = "Number(document.querySelector('#volume-volume [data-shown]')?.dataset.shown ?? 0)"
VIEWER = "document.querySelector('#volume-volume .bv').parentElement.boneViewer"

needs_library = pytest.mark.skipif(
    fetch_viewer.library() is None, reason="NiiVue was not fetched (no npm registry at set-up)"
)


@pytest.fixture(scope="module")
def drawing(volume_weights: Path) -> Iterator[str]:
    """Address of a studio that draws volumes with the weights of the tests."""
    yield from opened_studio({"BONESTUDIO_CHECKPOINTS": str(volume_weights)})


@pytest.fixture
def volume_page(drawing: str, browser_with) -> Iterator[Callable[..., Page]]:  # noqa: F811
    """Open the tab; its scripts must not fail until it is closed."""
    pages, failures = [], []

    def opened(options=SOFTWARE_GL, before="") -> Page:
        page = browser_with(options).new_page(viewport={"width": 1100, "height": 680})
        page.add_init_script(before)
        page.set_default_timeout(90_000)
        pages.append(page)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(drawing)
        page.get_by_role("tab", name="Volume").click()
        page.wait_for_function(f"{SHOWN} >= 1", timeout=120_000)
        expect(page.locator("#volume-measures td").first).not_to_be_empty(timeout=60_000)
        return page

    yield opened
    for page in pages:
        page.close()
    assert failures == []


@pytest.fixture(scope="module")
def scan_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tube of cortex around sponge, 20 × 110 × 100 voxels of 0.3 mm, in mg HA/cm³."""
    _, y, x = np.indices((20, 110, 100))
    radius = np.hypot(y - 55, x - 50)
    sponge = np.where(np.random.default_rng(0).random(radius.shape) < 0.4, 700, 0)
    voxels = np.where(radius < 36, np.where(radius > 31, 900, sponge), 40).astype(np.float32)
    path = tmp_path_factory.mktemp("scans") / "doe_jane.nii.gz"
    write_volume(Volume(voxels=voxels, spacing=(0.3,) * 3, unit="mg HA/cm³"), path)
    return path


def steps(page: Page) -> list[str]:
    return page.locator("#volume-history button").all_inner_texts()


def mode(page: Page, name: str) -> None:
    page.locator("#volume-mode").get_by_text(name, exact=True).click()


def slide(page: Page, name: str, value: float, step: str) -> None:
    """Set a slider by its number, and wait for the step that it makes once it rests."""
    number = page.locator(f"#volume-{name} input[type=number]")
    number.fill(str(value))
    number.press("Enter")
    expect(page.locator("#volume-history button[aria-current=step]")).to_contain_text(
        step, timeout=60_000
    )
    # The line of this step, not of the one before: its answer is whole.
    expect(page.locator("#tab-volume .block.bs-status")).to_contain_text(step, timeout=60_000)


def downloaded(page: Page, kind: str, path: Path) -> Path:
    page.locator("#volume-kind").get_by_text(kind).click()
    with page.expect_download() as waiting:
        page.locator("#volume-save").click()
    waiting.value.save_as(path)
    return path


@needs_library
def test_from_a_sample_to_a_download_with_the_camera_kept(
    volume_page, scan_file: Path, tmp_path: Path, keep
) -> None:
    page = volume_page()
    assert steps(page) == ["Seed 1"]
    page.locator("#volume-volume .bv-solid canvas").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    camera = page.evaluate(f"{VIEWER}.scene.place().azimuth")
    assert camera != 150

    mode(page, "Invert")
    number = page.locator("#volume-updates input[type=number]")
    number.fill("10")
    number.press("Enter")
    page.set_input_files("#volume-upload input[type=file]", scan_file)
    expect(page.locator("#volume-history")).to_contain_text("10 updates", timeout=90_000)
    expect(page.locator("#volume-curve")).to_contain_text("of 10 updates", timeout=60_000)
    assert "doe_jane" not in page.content()

    mode(page, "Morph")
    slide(page, "share", 0.4, "40 % of seed 2")
    keep(page, "volume-morph")
    mode(page, "Mix")
    slide(page, "layers", 3, "after layer 3")
    mode(page, "Edit")
    slide(page, "amount", 2, "Tb.BMD, α +2.0")
    page.locator("#volume-differ input").check()
    expect(page.locator("#volume-volume .bv-scale")).to_be_visible(timeout=60_000)
    keep(page, "volume-edit")
    names = steps(page)
    assert len(names) == 4
    change = page.locator("#volume-measures tr", has_text="Tb.BMD").locator("td").last
    edited = change.inner_text()

    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#volume-history button[aria-current=step]")).to_contain_text(
        "layer 3", timeout=60_000
    )
    expect(change).not_to_have_text(edited, timeout=60_000)
    assert steps(page) == names
    assert page.evaluate(f"{VIEWER}.scene.place().azimuth") == camera

    header = nib.load(downloaded(page, "NIfTI", tmp_path / "down.nii.gz")).header
    assert header.get_zooms() == pytest.approx((SPACING,) * 3, rel=1e-5)
    told = json.loads(downloaded(page, "Session", tmp_path / "down.json").read_text("utf-8"))
    assert ([step["name"] for step in told["steps"]], told["at"]) == (names, 2)

    mode(page, "Compare")
    page.wait_for_selector("#volume-volume-other .bv-solid canvas", timeout=60_000)
    other = "document.querySelector('#volume-volume-other .bv').parentElement.boneViewer.scene"
    page.wait_for_function(f"{other}?.volume", timeout=60_000)
    assert page.evaluate(f"{VIEWER}.scene.place().azimuth") == camera
    page.locator("#volume-volume .bv-solid canvas").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"{other}.place().azimuth === {camera - 5}")
    keep(page, "volume-compare")

    page.reload()
    page.get_by_role("tab", name="Volume").click()
    expect(page.locator("#volume-history button[aria-current=step]")).to_contain_text(
        "layer 3", timeout=60_000
    )
    assert steps(page) == names


@needs_library
def test_what_ships_draws_a_bone_that_can_be_measured(open_tab, keep) -> None:
    page = open_tab("Volume")
    page.wait_for_selector("#volume-measures td", timeout=120_000)
    row = page.locator("#volume-measures tr", has_text="Tb.BMD").locator("td")
    assert 50 < float(row.nth(1).inner_text()) < 400  # mg HA/cm³, a radius'
    expect(page.locator("#volume-measures")).to_contain_text("Realism")
    expect(page.locator("#tab-volume .block.bs-status")).to_contain_text("virtual patients")
    keep(page, "volume-shipped")


@needs_library
def test_without_webgl_the_still_appears_with_findings_folded_too(volume_page, keep) -> None:
    page = volume_page(NO_GL, "localStorage.setItem('bonestudio.findings', 'false')")
    expect(page.locator("#volume-history")).to_be_hidden()
    expect(page.locator("#volume-volume .bv-picture")).to_be_visible(timeout=60_000)
    expect(page.locator("#volume-volume .bv-why")).to_contain_text("WebGL")
    assert page.evaluate("document.querySelector('#volume-volume .bv-picture').naturalWidth") > 400
    keep(page, "volume-still")


@pytest.fixture(scope="module")
def client(drawing: str) -> Client:
    return Client(drawing, verbose=False, analytics_enabled=False)


def test_an_inversion_that_is_stopped_keeps_the_best_so_far(volume_page, scan_file: Path) -> None:
    page = volume_page(NO_GL)
    mode(page, "Invert")
    number = page.locator("#volume-updates input[type=number]")
    number.fill("300")
    number.press("Enter")
    page.set_input_files("#volume-upload input[type=file]", scan_file)
    status = page.locator("#tab-volume .block.bs-status")
    expect(status).to_contain_text(re.compile("Inverting: update [1-9]"), timeout=90_000)
    page.locator("#volume-cancel").click()
    expect(status).to_contain_text("Stopped", timeout=60_000)
    expect(page.locator("#volume-cancel")).to_be_disabled()
    (reached,) = steps(page)
    assert "updates" in reached
    assert "300 updates" not in reached
    mode(page, "Morph")
    slide(page, "share", 0.4, "40 % of seed 2")  # the studio is free for the next thing


def test_endpoints_hand_a_volume_on_from_one_to_the_next(client: Client, scan_file: Path) -> None:
    drawn, first, told = client.predict(seed=3, api_name="/volume_sample")
    assert read_volume(drawn).shape == SHAPE
    assert told["measured"]["Tb.BMD"]["unit"] == "mg HA/cm³"
    assert told["spacing_mm"] == SPACING
    _, second, found = client.predict(handle_file(str(scan_file)), 2, api_name="/volume_invert")
    assert found["rmse_mg_cm3"] > 0
    a, b = handle_file(first), handle_file(second)
    whole, _, _ = client.predict(a, b, 0.0, api_name="/volume_morph")
    np.testing.assert_array_equal(read_volume(whole).voxels, read_volume(drawn).voxels)
    _, _, mixed = client.predict(a, b, 4, api_name="/volume_mix")
    assert mixed["step"] == "Style after layer 4"
    _, changed, after = client.predict(a, "Tb.BMD", 1.5, api_name="/volume_edit")
    assert after["alpha"] == 1.5
    again = client.predict(handle_file(changed), api_name="/volume_measure")
    assert again == after["measured"]
    assert again["Tb.BMD"]["value"] > told["measured"]["Tb.BMD"]["value"]
    surface = client.predict(a, "STL", api_name="/volume_render")
    assert Path(surface).stat().st_size > 10_000


@pytest.mark.parametrize(
    ("endpoint", "asked", "says"),
    [
        ("/volume_sample", {"seed": -1}, "seed is a whole number"),
        ("/volume_sample", {"seed": 1, "truncation": 9}, "truncation"),
        ("/volume_sample", {"seed": 1, "model": "nothing"}, "no checkpoint"),
        ("/volume_sample", {"seed": 1, "kind": "DOC"}, "The kind is|Value: DOC"),
        ("/volume_measure", {"file": "film"}, "a volume has many slices"),
        ("/volume_render", {"file": "film"}, "This is no session"),
    ],
)
def test_endpoints_refuse_with_a_sentence(
    client: Client, film_file: Path, endpoint: str, asked: dict, says: str
) -> None:
    if "file" in asked:
        asked = {**asked, "file": handle_file(str(film_file))}
    with pytest.raises((AppError, ValueError), match=says):
        client.predict(api_name=endpoint, **asked)

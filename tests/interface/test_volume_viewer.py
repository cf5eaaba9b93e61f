"""The volume viewer in Chromium: pixels, the crosshair's value, tabs left and entered again."""

import io
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from starting import free_port, wait_until_open

from bonestudio.interface import fetch_viewer

JOINT = Path(__file__).resolve().parents[3] / "shared/data/hrpqct-joint/test_joint.nii.gz"
SOFTWARE_GL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
NO_GL = ("--disable-gpu", "--disable-3d-apis", "--disable-software-rasterizer")
BOX = "#volume-scan"
PLACE = f"document.querySelector('{BOX} .bv').parentElement.boneViewer.scene.place()"

needs_library = pytest.mark.skipif(
    fetch_viewer.library() is None, reason="NiiVue was not fetched (no npm registry at set-up)"
)


@pytest.fixture(scope="module")
def browser_with(browser_type, browser_type_launch_args):
    """Start one browser for each set of options, and close them all at the end."""
    started = {}

    def start(options):
        if options not in started:
            args = [*browser_type_launch_args["args"], *options]
            started[options] = browser_type.launch(**{**browser_type_launch_args, "args": args})
        return started[options]

    yield start
    for browser in started.values():
        browser.close()


@pytest.fixture
def scan_page(studio, browser_with):
    """Open the scan panel; fail when the page fails or asks another machine for anything."""
    pages, failures, asked = [], [], []

    def opened(options=SOFTWARE_GL):
        page = browser_with(options).new_page(viewport={"width": 1366, "height": 768})
        pages.append(page)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(studio)
        page.get_by_role("tab", name="Light box").click()
        page.get_by_role("tab", name="Scan").click()
        page.wait_for_selector(f"{BOX} .bv")
        wait_shown(page, 1)  # the first sample shows by itself
        return page

    yield opened
    for page in pages:
        page.close()
    assert failures == []
    assert asked
    strangers = [url for url in asked if not url.startswith((studio, "data:", "blob:"))]
    assert strangers == []


def open_file(page, path, *, box=BOX):
    before = page.evaluate(
        "(box) => Number(document.querySelector(`${box} [data-shown]`)?.dataset.shown ?? 0)", box
    )
    page.set_input_files("#scan-upload input[type=file]", path)
    wait_shown(page, before + 1, box=box)


def wait_shown(page, nth, *, box=BOX):
    """Wait until the viewer has drawn its nth volume."""
    page.wait_for_function(
        "([box, nth]) => Number(document.querySelector(`${box} [data-shown]`)?.dataset.shown ?? 0) >= nth",
        arg=[box, nth],
        timeout=90_000,
    )
    page.wait_for_timeout(300)


def pixels(page, selector):
    """What a person sees of an element, [height, width, 3]."""
    return np.asarray(Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB"))


def value_and_place(page, box=BOX):
    """The value under the crosshair and (slice, row, column), counted from 0."""
    read = page.locator(f"{box} .bv-read")
    index = [int(i) - 1 for i in read.get_attribute("data-index").split(",")]
    return float(read.get_attribute("data-value")), tuple(index), read.inner_text()


@pytest.fixture(scope="module")
def numbered_file(tmp_path_factory):
    """Voxel (z, y, x) has 1000 + 100 z + 10 y + x; a bright slab on the patient's left; L P S."""
    z, y, x = np.indices((9, 12, 15))
    voxels = (1000 + 100 * z + 10 * y + x).astype(np.int16)
    voxels[:, :, 11:] += 2000
    path = tmp_path_factory.mktemp("scans") / "Doe^Jane.nii.gz"
    nib.save(nib.Nifti1Image(voxels.transpose(2, 1, 0), np.diag([-2.0, -2.0, 2.0, 1.0])), path)
    return path, voxels


@needs_library
@pytest.mark.skipif(not JOINT.exists(), reason="../shared/data is not there")
def test_a_real_joint_is_shown_and_its_value_is_the_mean_of_the_voxels_there(scan_page, keep):
    page = scan_page()
    open_file(page, JOINT)
    keep(page, "scan-joint")
    slices, solid = pixels(page, f"{BOX} .bv-slices"), pixels(page, f"{BOX} .bv-solid")
    assert slices.std() > 30
    assert len(np.unique(slices[..., 0])) > 100
    assert (solid.max(-1) > 60).mean() > 0.1  # bone in the 3D view …
    assert (solid.max(-1) < 4).mean() > 0.3  # … and black around it
    value, (z, y, x), said = value_and_place(page)
    raw = nib.as_closest_canonical(nib.load(JOINT))
    raw = np.asarray(raw.dataobj, np.float64)[::-1, ::-1].transpose(2, 1, 0)
    corner = [i - i % 2 for i in (z, y, x)]
    block = raw[tuple(slice(i, i + 2) for i in corner)]
    assert value == pytest.approx(block.mean(), abs=0.05)
    assert "no unit in the file" in said
    assert "means of 2 × 2 × 2 voxels" in page.locator(f"{BOX} .bv-note").inner_text()


@needs_library
def test_keys_move_the_crosshair_voxel_by_voxel_and_the_value_is_exact(scan_page, numbered_file):
    path, voxels = numbered_file
    page = scan_page()
    open_file(page, path)
    canvas = page.locator(f"{BOX} .bv-slices canvas")
    canvas.focus()
    value, start, _ = value_and_place(page)
    assert value == voxels[start]
    steps = (("ArrowRight", (0, 0, 1)), ("ArrowDown", (0, 1, 0)), ("PageUp", (1, 0, 0)), ("ArrowLeft", (0, 0, -1)), ("ArrowUp", (0, -1, 0)), ("PageDown", (-1, 0, 0)))  # fmt: skip
    for key, step in steps:
        _, before, _ = value_and_place(page)
        page.keyboard.press(key)
        value, after, said = value_and_place(page)
        assert tuple(np.subtract(after, before)) == step, key
        assert value == voxels[after]
    assert f"slice {after[0] + 1}, row {after[1] + 1}, column {after[2] + 1}" in said
    # The patient's left is on the right of the screen, and is said to be.
    page.keyboard.press("l")
    assert (
        page.get_by_role("button", name="Axial", exact=True).get_attribute("aria-pressed") == "true"
    )
    axial = pixels(page, f"{BOX} .bv-slices").mean(-1)
    middle = axial[axial.shape[0] // 3]
    lit = np.flatnonzero(middle > 20)
    assert middle[lit[-20:]].mean() > middle[lit[:20]].mean() + 60
    assert page.locator(f"{BOX} [data-pane=axial] .bv-right").inner_text() == "L"


@needs_library
def test_the_scan_is_still_there_when_its_tab_is_entered_again(scan_page, numbered_file):
    page = scan_page()
    open_file(page, numbered_file[0])
    before = pixels(page, f"{BOX} .bv-slices"), pixels(page, f"{BOX} .bv-solid")
    page.locator(f"{BOX} .bv-slices canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    told = value_and_place(page)
    page.get_by_role("tab", name="Film").click()
    page.wait_for_timeout(500)
    assert not page.locator(f"{BOX} .bv-slices").is_visible()
    page.get_by_role("tab", name="Scan").click()
    page.wait_for_timeout(500)
    after = pixels(page, f"{BOX} .bv-slices"), pixels(page, f"{BOX} .bv-solid")
    for was, now in zip(before, after, strict=True):
        assert was.std() > 10
        assert np.abs(was.astype(int) - now).mean() < 4
    assert value_and_place(page) == told


@needs_library
def test_a_lost_graphics_context_is_replaced_at_the_same_place(scan_page, numbered_file):
    page = scan_page()
    open_file(page, numbered_file[0])
    page.locator(f"{BOX} .bv-solid canvas").focus()
    page.keyboard.press("ArrowRight")
    before = page.evaluate(PLACE)
    page.evaluate(
        f"document.querySelector('{BOX} .bv-slices canvas').getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
    )
    wait_shown(page, 3)
    assert page.evaluate(PLACE) == before
    assert pixels(page, f"{BOX} .bv-slices").std() > 10
    assert pixels(page, f"{BOX} .bv-solid").std() > 5


@needs_library
def test_camera_and_crosshair_stay_when_the_volume_changes(scan_page, numbered_file):
    page = scan_page()
    open_file(page, numbered_file[0])
    solid = page.locator(f"{BOX} .bv-solid canvas")
    start = page.evaluate(PLACE)
    box = solid.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 120, steps=4)
    page.mouse.up()
    page.keyboard.press("+")
    page.locator(f"{BOX} .bv-slices canvas").click(position={"x": 60, "y": box["height"] + 60})
    page.keyboard.press("+")
    turned = page.evaluate(PLACE)
    for what in ("azimuth", "elevation", "scale", "crosshair", "pan"):
        assert turned[what] != start[what], what
    page.get_by_label("HU", exact=True).check()
    wait_shown(page, 3)
    assert page.evaluate(PLACE) == turned
    assert "HU" in value_and_place(page)[2]
    page.get_by_role("button", name="Reset").click()
    assert page.evaluate(PLACE) == start


@needs_library
def test_windows_are_chosen_by_name_by_digit_and_by_dragging(scan_page, numbered_file):
    page = scan_page()
    open_file(page, numbered_file[0])
    page.get_by_label("HU", exact=True).check()
    wait_shown(page, 3)
    page.locator(f"{BOX} .bv-window").select_option("Full")
    whole = page.locator(f"{BOX} .bv-range").inner_text()
    assert whole == "1000 to 3924 HU"
    page.locator(f"{BOX} .bv-slices canvas").focus()
    page.keyboard.press("1")
    first = page.locator(f"{BOX} .bv-range").inner_text()
    assert first != whole
    box = page.locator(f"{BOX} .bv-slices").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down(button="right")
    page.mouse.move(box["x"] + 240, box["y"] + 170, steps=4)
    page.mouse.up(button="right")
    assert page.locator(f"{BOX} .bv-window").input_value() == "by hand"
    assert page.locator(f"{BOX} .bv-range").inner_text() != first


@needs_library
def test_the_cut_opens_the_bone(scan_page, numbered_file):
    page = scan_page()
    open_file(page, numbered_file[0])
    whole = pixels(page, f"{BOX} .bv-solid")
    cut = page.get_by_role("button", name="Cut")
    cut.click()
    page.wait_for_timeout(300)
    assert cut.get_attribute("aria-pressed") == "true"
    opened = pixels(page, f"{BOX} .bv-solid")
    assert (opened.max(-1) > 20).sum() < 0.95 * (whole.max(-1) > 20).sum()
    cut.click()
    page.wait_for_timeout(300)
    assert np.abs(pixels(page, f"{BOX} .bv-solid").astype(int) - whole).mean() < 2


def test_without_webgl_2_the_still_takes_its_place(scan_page, numbered_file, keep):
    page = scan_page(NO_GL)
    assert page.evaluate("document.createElement('canvas').getContext('webgl2')") is None
    open_file(page, numbered_file[0])
    assert "no WebGL 2" in page.locator(f"{BOX} .bv-why").inner_text()
    still = page.locator(f"{BOX} .bv-picture")
    assert still.evaluate("image => image.naturalWidth") == 840
    assert pixels(page, f"{BOX} .bv-picture").std() > 20
    first = still.get_attribute("src")
    keep(page, "scan-still")
    page.get_by_role("button", name="Turn right").click()
    wait_shown(page, 3)
    assert still.get_attribute("src") != first
    assert "seen from 60°" in page.locator(f"{BOX} .bv-read").inner_text()


def test_what_is_no_scan_gets_a_sentence_and_the_session_goes_on(
    scan_page, tmp_path, numbered_file
):
    page = scan_page()
    (tmp_path / "letter.txt").write_text("Dear colleague")
    page.set_input_files("#scan-upload input[type=file]", tmp_path / "letter.txt")
    alert = page.get_by_role("alert").filter(has_text="not an image")
    alert.wait_for(timeout=30_000)
    open_file(page, numbered_file[0])
    assert page.get_by_text("9 × 12 × 15 voxels").is_visible()
    assert "Doe" not in page.locator("#inner-scan").inner_text()


def test_the_scan_is_saved_without_its_patient(scan_page, numbered_file, tmp_path):
    page = scan_page()
    open_file(page, numbered_file[0])
    with page.expect_download(timeout=30_000) as saved:
        page.click("#scan-save")
    assert saved.value.suggested_filename == "scan.nii.gz"
    saved.value.save_as(tmp_path / "scan.nii.gz")
    back = nib.load(tmp_path / "scan.nii.gz")
    np.testing.assert_array_equal(np.asarray(back.dataobj).transpose(2, 1, 0), numbered_file[1])


def test_the_endpoints_read_draw_and_refuse(studio, numbered_file, tmp_path):
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(studio, verbose=False, analytics_enabled=False)
    told = client.predict(handle_file(numbered_file[0]), api_name="/scan")
    assert (told["slices"], told["rows"], told["columns"]) == (9, 12, 15)
    assert told["spacing"] == [2.0, 2.0, 2.0]
    assert told["range"] == [float(numbered_file[1].min()), float(numbered_file[1].max())]
    drawn = client.predict(handle_file(numbered_file[0]), 30, 15, "panes", api_name="/scan_still")
    path = drawn if isinstance(drawn, str) else drawn["path"]
    assert np.asarray(Image.open(path)).std() > 20
    (tmp_path / "letter.txt").write_text("Dear colleague")
    with pytest.raises(AppError, match="not an image"):
        client.predict(handle_file(tmp_path / "letter.txt"), api_name="/scan")
    with pytest.raises(AppError, match="not uploaded"):  # no way to the machine's own files
        client.predict({"path": str(numbered_file[0])}, api_name="/scan")


@pytest.fixture(scope="module")
def compare_page():
    port = free_port()
    script = Path(__file__).with_name("compare_page.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(port)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until_open(process, f"http://127.0.0.1:{port}")
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.communicate(timeout=20)


@needs_library
def test_linked_viewers_go_together_and_a_difference_is_red_and_blue(
    compare_page, browser_with, keep
):
    page = browser_with(SOFTWARE_GL).new_page(viewport={"width": 1366, "height": 768})
    try:
        page.goto(compare_page)
        page.get_by_role("button", name="Show").click()
        for box in ("#volume-left", "#volume-right"):
            wait_shown(page, 1, box=box)
        keep(page, "volume-compare")
        change = pixels(page, "#volume-right .bv-slices").astype(int)
        red, _, blue = change[..., 0], change[..., 1], change[..., 2]
        more, less = np.argwhere(red > blue + 80), np.argwhere(blue > red + 80)
        assert len(more) > 500
        assert len(less) > 500
        coronal = change.shape[1] // 2
        assert more[more[:, 1] < coronal, 1].mean() > less[less[:, 1] < coronal, 1].mean()  # left is on the right  # fmt: skip
        # The sagittal slice runs through what did not change: it stays grey.
        sagittal = change[: change.shape[0] // 2 - 4, coronal + 4 :]
        assert sagittal[..., 1].max() > 100
        assert (sagittal[..., 0] - sagittal[..., 2]).max() < 40  # no red …
        assert (
            sagittal[..., 2] - sagittal[..., 0] > 80
        ).mean() < 0.03  # … and no blue but the crosshair
        page.locator("#volume-left .bv-solid canvas").focus()
        page.keyboard.press("ArrowRight")
        page.locator("#volume-left .bv-slices canvas").focus()
        page.keyboard.press("PageUp")
        page.wait_for_timeout(500)
        places = [
            page.evaluate(
                f"document.querySelector('#volume-{side} .bv').parentElement.boneViewer.scene.place()"
            )
            for side in ("left", "right")
        ]
        assert places[0] == places[1]
        assert places[0]["azimuth"] == 155
        assert value_and_place(page, "#volume-left")[1] == value_and_place(page, "#volume-right")[1]
    finally:
        page.close()


def test_where_the_library_was_never_fetched_the_still_takes_its_place(compare_page, browser_with):
    page = browser_with(SOFTWARE_GL).new_page(viewport={"width": 1366, "height": 900})
    try:
        page.goto(compare_page)
        page.get_by_role("button", name="Show").click()
        wait_shown(page, 1, box="#volume-bare")
        assert "fetch_viewer" in page.locator("#volume-bare .bv-why").inner_text()
        assert pixels(page, "#volume-bare .bv-picture").std() > 20
    finally:
        page.close()

"""The Segmentation tab, from a sample to masks, brush, lines and files; and the endpoint."""

import io
from collections.abc import Iterator
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from viewer_box import Box

from bonestudio.imaging import read_radiograph, write_radiograph
from bonestudio.measures.bones import BONES
from bonestudio.measures.wrist import WristMeasures

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "assets" / "lightbox" / "2-hand-12.png"
BONES_OF = "document.querySelector('.sg').bones"


@pytest.fixture(scope="module")
def tab(browser: Browser, studio: str) -> Iterator[Page]:
    """The tab with its first sample, whose bones the shipped weights have found."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(studio)
    page.get_by_role("tab", name="Segmentation").click()
    page.wait_for_function(
        "document.querySelector('.sg')?.bones?.wrist.measurements.length", timeout=120_000
    )
    yield page
    page.close()
    assert failures == []


@pytest.fixture
def hand(tab: Page) -> Page:
    """The same, freshly picked, nothing edited."""
    tab.evaluate(f"{BONES_OF}.wrist.measurements = []")
    tab.get_by_role("button", name="Hand, 12 years").locator("visible=true").click()
    tab.wait_for_function(f"{BONES_OF}.edit === 0 && {BONES_OF}.wrist.measurements.length")
    tab.evaluate(f"({BONES_OF}.contour && {BONES_OF}.setContour(false))")
    box = Box(tab, "segmentation").fresh()
    box.ask("viewer.setOpacity(0.5)")
    return tab


def bones(page: Page, expression: str):
    return page.evaluate(f"((bones) => {expression})({BONES_OF})")


def inside(page: Page, name: str) -> tuple[int, int]:
    """(x, y) of a film pixel deep inside a bone's largest part."""
    from scipy.ndimage import distance_transform_edt

    height, width = bones(page, "[bones.film.height, bones.film.width]")
    bits = np.array(bones(page, "Array.from(bones.bits)"), np.uint8).reshape(height, width)
    mask = bits == 1 << BONES.index(name)
    row, column = np.unravel_index(distance_transform_edt(mask).argmax(), mask.shape)
    return int(column), int(row)


def colour(page: Page, spot: tuple[int, int]) -> int:
    """How far from grey the canvas is at a film pixel."""
    shade = Box(page, "segmentation").shade(*spot)
    return max(shade) - min(shade)


def value(page: Page, name: str) -> float | None:
    return bones(page, f"bones.wrist.measurements.find((row) => row.name === '{name}').value")


def test_masks_lie_over_the_film_and_opacity_contour_and_eyes_ask_nobody(hand: Page) -> None:
    asked: list[str] = []
    hand.on("request", lambda request: asked.append(request.url))
    spot = inside(hand, "metacarpals")
    half = colour(hand, spot)
    assert half > 30
    slider = hand.get_by_label("Opacity of the bones in per cent")
    slider.fill("100")
    assert colour(hand, spot) > 1.3 * half
    slider.fill("0")
    assert colour(hand, spot) == 0
    slider.fill("50")
    hand.get_by_role("button", name="Contour").click()
    assert colour(hand, spot) == 0
    box = Box(hand, "segmentation")
    column, row = spot
    bits = box.ask(f"Array.from({BONES_OF}.bits.slice({row} * viewer.film.width, {row + 1} * viewer.film.width))")  # fmt: skip
    edge = next(x for x in range(column, 0, -1) if not bits[x - 1])
    assert colour(hand, (edge, row)) > 30
    hand.get_by_role("button", name="Contour").click()
    assert colour(hand, spot) == half
    eye = hand.get_by_role("button", name="Show metacarpals")
    eye.click()
    assert colour(hand, spot) == 0
    expect(eye).to_have_attribute("aria-pressed", "false")
    eye.click()
    assert colour(hand, spot) == half
    assert [url for url in asked if "gradio_api" in url] == []


def test_a_brush_paints_is_measured_and_can_be_taken_back(hand: Page) -> None:
    box = Box(hand, "segmentation")
    before = bones(hand, "bones.bones.map((bone) => bone.pixels)")
    hand.locator('[data-bone="7"]').click()  # the humerus, far from where it could be
    hand.get_by_role("button", name="Brush").click()
    box.drag(box.spot(40, 60), box.spot(90, 60))
    after = bones(hand, "bones.bones.map((bone) => bone.pixels)")
    radius = bones(hand, "bones.radius")
    expected = np.pi * radius**2 + 2 * radius * 50
    assert after[7] - before[7] == pytest.approx(expected, rel=0.1)
    assert after[:7] == before[:7]
    assert colour(hand, (70, 60)) == 0 or bones(hand, "bones.bits[60 * bones.film.width + 70]") == 128  # fmt: skip
    expect(hand.locator(".bs-status p:visible")).to_contain_text("mask edited by hand")
    hand.get_by_role("button", name="Eraser").click()
    box.drag(box.spot(40, 60), box.spot(90, 60))
    assert bones(hand, "bones.bones[7].pixels") == before[7]
    hand.keyboard.press("z")
    assert bones(hand, "bones.bones[7].pixels") == after[7]
    # What is saved is what was painted.
    with hand.expect_download() as caught:
        hand.locator("#bones-save").click()
    labels = np.asarray(Image.open(caught.value.path()))
    assert labels[60, 70] == 8
    assert (labels == 8).sum() == after[7]


def test_lines_follow_the_hand_and_the_server_agrees(hand: Page) -> None:
    box = Box(hand, "segmentation")
    before = value(hand, "radial_inclination")
    assert before is not None
    hand.get_by_role("button", name="Radial inclination").click()  # jumps to its lines
    assert box.state["view"]["scale"] > 1.5
    grip = hand.locator('[data-landmark="radial_styloid"]')
    edge = grip.bounding_box()
    asked: list[str] = []
    hand.on("request", lambda request: asked.append(request.url))
    hand.mouse.move(edge["x"] + edge["width"] / 2, edge["y"] + edge["height"] / 2)
    hand.mouse.down()
    hand.mouse.move(edge["x"], edge["y"] - 60, steps=4)
    while_dragged = value(hand, "radial_inclination")
    assert while_dragged > before + 3
    expect(hand.locator('[data-measure="radial_inclination"] output')).to_have_text(
        f"{while_dragged:.1f}°".replace("-", "−")
    )
    assert [url for url in asked if "gradio_api" in url] == []
    hand.mouse.up()
    expect(hand.locator(".bs-status p:visible")).to_contain_text("line moved by hand")
    assert value(hand, "radial_inclination") == pytest.approx(while_dragged, abs=1e-6)
    grip.focus()
    grip.press("Shift+ArrowDown")
    assert value(hand, "radial_inclination") < while_dragged
    hand.wait_for_function(f"{BONES_OF}.edit === 2")


def test_the_browser_measures_as_python_does(tab: Page) -> None:
    random = np.random.default_rng(5)
    for view, names in (
        ("PA", ("radial_styloid", "sigmoid_notch", "ulnar_head")),
        ("LL", ("dorsal_lip", "volar_lip")),
    ):
        marks = {
            name: random.uniform(0, 200, 2).tolist() for name in ("axis_near", "axis_far", *names)
        }
        spacing = [0.3, 0.21]
        told = WristMeasures.from_landmarks(marks, view=view, spacing=tuple(spacing))
        for one in told.measurements:
            if one.value is None:
                continue
            seen = tab.evaluate(
                """async ([name, marks, spacing]) => {
                    const address = [...performance.getEntriesByType('resource')].map((e) => e.name).find((n) => n.endsWith('segmentation/wrist.js'));
                    return (await import(address)).measure(name, marks, spacing);
                }""",
                [one.name, marks, spacing],
            )
            assert seen["value"] == pytest.approx(one.value, abs=1e-9)
            assert np.allclose(seen["lines"], one.lines[:2])


def test_keys_reach_everything(hand: Page) -> None:
    hand.evaluate("document.activeElement.blur()")
    press = hand.keyboard.press
    press("c")
    assert bones(hand, "bones.contour")
    press("c")
    press("b")
    assert Box(hand, "segmentation").state["tool"] == "brush"
    radius = bones(hand, "bones.radius")
    press(".")
    assert bones(hand, "bones.radius") > radius
    press(",")
    press(",")
    assert bones(hand, "bones.radius") < radius
    chosen = bones(hand, "bones.chosen")
    press("n")
    assert bones(hand, "bones.chosen") == chosen + 1
    press("e")
    assert Box(hand, "segmentation").state["tool"] == "eraser"
    press("Escape")
    assert Box(hand, "segmentation").state["tool"] == "window"
    opacity = Box(hand, "segmentation").state["opacity"]
    press("<")
    assert Box(hand, "segmentation").state["opacity"] < opacity
    press("o")
    assert not Box(hand, "segmentation").state["overlayShown"]
    press("o")


def test_a_true_mask_gives_dice_and_what_is_none_is_refused(hand: Page, tmp_path: Path) -> None:
    height, width = bones(hand, "[bones.film.height, bones.film.width]")
    bits = np.array(bones(hand, "Array.from(bones.bits)"), np.uint8).reshape(height, width)
    labels = np.where(bits > 0, np.floor(np.log2(np.maximum(bits, 1))).astype(np.uint8) + 1, 0)
    labels[:, : width // 2] = 0
    Image.fromarray(labels.astype(np.uint8)).save(tmp_path / "truth.png")
    hand.get_by_role("button", name="More").locator("visible=true").click()
    hand.set_input_files("#bones-truth input[type=file]", tmp_path / "truth.png")
    hand.wait_for_function(f"{BONES_OF}.dice")
    half, whole = (labels > 0).sum(), (bits > 0).sum()
    assert bones(hand, "bones.dice.bone") == pytest.approx(2 * half / (half + whole), abs=1e-3)
    Image.fromarray(labels[:-1].astype(np.uint8)).save(tmp_path / "other.png")
    hand.set_input_files("#bones-truth input[type=file]", tmp_path / "other.png")
    expect(hand.get_by_role("alert")).to_contain_text("A true mask has the film's size")
    hand.locator("#bones-even input").check()
    expect(hand.locator(".bs-status p:visible")).to_contain_text("evened out")
    assert bones(hand, "bones.film.width") == width
    assert Box(hand, "segmentation").ask("viewer.overlays.length") == 1
    hand.locator("#bones-even input").uncheck()
    hand.get_by_role("button", name="More").locator("visible=true").click()


def test_the_endpoint_turns_dicom_into_a_dicom_seg(studio: str, tmp_path: Path) -> None:
    film = tmp_path / "hand.dcm"
    shown = read_radiograph(SAMPLE)
    write_radiograph(type(shown)(pixels=shown.pixels, spacing=(0.31, 0.31)), film)
    client = Client(studio, verbose=False, analytics_enabled=False)
    path, told = client.predict(file=handle_file(str(film)), kind="seg", api_name="/segment")
    seg = highdicom.seg.segread(path)
    source = pydicom.dcmread(film)
    assert (seg.Rows, seg.Columns) == (source.Rows, source.Columns)
    referenced = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
    assert [float(step) for step in referenced] == pytest.approx([0.31, 0.31])
    assert {seg.get_segment_description(n).segment_label for n in seg.segment_numbers} == {
        row["bone"] for row in told["bones"]
    }
    assert told["way"] == "unet"
    assert {row["name"] for row in told["wrist"]["measurements"]} == {
        "radial_inclination", "ulnar_variance", "volar_tilt",
    }  # fmt: skip
    with pytest.raises(AppError, match="refers to a DICOM film"):
        client.predict(file=handle_file(str(SAMPLE)), kind="seg", api_name="/segment")
    speck = io.BytesIO()
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20)).save(speck, "PNG")
    (tmp_path / "speck.png").write_bytes(speck.getvalue())
    with pytest.raises(AppError, match="too small to segment"):
        client.predict(file=handle_file(str(tmp_path / "speck.png")), api_name="/segment")

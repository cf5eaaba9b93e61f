"""Lengths and angles on films with and without a known pixel size, by mouse, keys and fingers."""

import math
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from viewer_box import Box


def is_cyan(shade: list[int]) -> bool:
    red, green, blue = shade
    return blue > red + 80 and green > red + 60


def test_length_in_mm(spaced: Box) -> None:
    spaced.labelled("Length (L)").click()
    spaced.drag(spaced.spot(20, 100), spaced.spot(180, 200))
    (measure,) = spaced.state["measures"]
    # 160 columns of 0.25 mm and 100 rows of 0.5 mm
    assert measure["value"] == pytest.approx(math.hypot(40, 50), rel=1e-3)
    assert measure["label"] == "64.0 mm"


def test_film_is_drawn_in_its_true_shape(spaced: Box) -> None:
    (left, top), (right, bottom) = spaced.spot(0, 0), spaced.spot(200, 300)
    assert (bottom - top) / (right - left) == pytest.approx((300 * 0.5) / (200 * 0.25))


def test_angle_at_the_second_point(spaced: Box) -> None:
    spaced.labelled("Angle (A)").click()
    for x, y in [(20, 50), (100, 50), (100, 150)]:
        spaced.page.mouse.click(*spaced.spot(x, y))
    (measure,) = spaced.state["measures"]
    assert measure["value"] == pytest.approx(90, abs=0.01)
    for x, y in [(150, 50), (150, 150), (50, 200)]:  # down 50 mm; then 25 mm back and 25 mm down
        spaced.page.mouse.click(*spaced.spot(x, y))
    assert spaced.state["measures"][1]["value"] == pytest.approx(135, abs=0.01)
    assert spaced.state["measures"][1]["label"] == "135.0°"


def test_length_without_pixel_size_is_in_pixels(light_box: Box) -> None:
    light_box.labelled("Length (L)").click()
    light_box.page.mouse.click(*light_box.spot(40, 60))
    light_box.page.mouse.click(*light_box.spot(40, 160))
    (measure,) = light_box.state["measures"]
    assert measure["label"] == "100.0 px"
    assert "no pixel spacing" in light_box.page.locator(f"{light_box.place} .rv-read").inner_text()


def test_measurement_is_drawn_on_the_film_and_stays_on_it(light_box: Box) -> None:
    light_box.labelled("Length (L)").click()
    light_box.drag(light_box.spot(30, 40.5), light_box.spot(80, 40.5))
    assert is_cyan(light_box.shade(60, 40))
    light_box.page.mouse.wheel(0, -300)
    light_box.labelled("Turn right (R)").click()
    light_box.page.mouse.move(0, 0)
    assert is_cyan(light_box.shade(60, 40))


def test_an_end_can_be_dragged_elsewhere(light_box: Box) -> None:
    light_box.labelled("Length (L)").click()
    light_box.drag(light_box.spot(40, 60), light_box.spot(40, 160))
    light_box.labelled("Window and level (W)").click()
    light_box.drag(light_box.spot(40, 160), light_box.spot(40, 110))
    (measure,) = light_box.state["measures"]
    assert measure["value"] == pytest.approx(50, abs=0.01)


def test_measuring_with_the_keyboard_alone(light_box: Box) -> None:
    light_box.canvas.focus()
    scale = light_box.state["view"]["scale"]
    light_box.page.keyboard.press("l")
    light_box.page.keyboard.press("Enter")
    for _ in range(3):
        light_box.page.keyboard.press("Shift+ArrowRight")  # ten screen pixels each
    light_box.page.keyboard.press("Enter")
    (measure,) = light_box.state["measures"]
    assert measure["value"] == pytest.approx(30 / scale, rel=1e-6)
    light_box.page.keyboard.press("Delete")
    assert light_box.state["measures"] == []


def test_remove_last_and_all(light_box: Box) -> None:
    light_box.labelled("Length (L)").click()
    for row in (50, 70, 90):
        light_box.drag(light_box.spot(30, row), light_box.spot(90, row))
    light_box.page.keyboard.press("Delete")
    assert [round(m["points"][0]["y"]) for m in light_box.state["measures"]] == [50, 70]
    light_box.page.keyboard.press("Shift+Delete")
    assert light_box.state["measures"] == []


def test_two_fingers_zoom_about_their_middle(
    browser: Browser, studio: str, film_file: Path
) -> None:
    context = browser.new_context(has_touch=True, viewport={"width": 1024, "height": 768})
    page = context.new_page()
    page.goto(studio)
    page.get_by_role("tab", name="Light box").click()
    page.wait_for_function("document.querySelector('#viewer-lightbox .rv')?.viewer?.film")
    page.set_input_files("#lightbox-upload input[type=file]", film_file)
    box = Box(page, "lightbox")
    box.wait_for_film(300, 200)
    x, y = box.spot(100, 150)
    scale = box.state["view"]["scale"]
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *apart: float) -> None:
        points = (
            [
                {"x": x + side * apart[0], "y": y, "id": number}
                for number, side in enumerate((-1, 1))
            ]
            if apart
            else []
        )
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 40)
    for apart in (50, 60, 80):
        touch("touchMove", apart)
    touch("touchEnd")
    assert box.state["view"]["scale"] == pytest.approx(2 * scale, rel=0.02)
    assert box.spot(100, 150) == pytest.approx((x, y), abs=1)
    context.close()

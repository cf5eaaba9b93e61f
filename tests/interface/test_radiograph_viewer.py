"""The radiograph viewer, driven as a reader drives it: window, zoom, pan, turn, presets, read-out."""

import pytest
from playwright.sync_api import expect
from viewer_box import Box

WHITE = 65535


def grey(x: int, y: int) -> int:
    """The test film's own grey at a column and a row outside its bar."""
    return x * 200 + y * 50


def test_read_out_gives_the_grey_of_the_file(light_box: Box) -> None:
    light_box.page.mouse.move(*light_box.spot(20.5, 30.5))
    assert light_box.state["reading"] == {"x": 20, "y": 30, "grey": grey(20, 30)}
    assert (
        "grey 5,500 of 65,535" in light_box.page.locator(f"{light_box.place} .rv-read").inner_text()
    )


def test_sixteen_bits_reach_the_screen(light_box: Box) -> None:
    """Two greys that 8 bits cannot tell apart are far apart once the window is narrow."""
    light_box.ask("(viewer.window = {low: 5400, high: 5600}, viewer.changed())")
    light_box.ask("(viewer.view = {...viewer.view, x: 20, y: 30, scale: 12}, viewer.changed())")
    for x, y in [(20, 30), (20, 31), (21, 28)]:
        expected = round((grey(x, y) - 5400) / 200 * 255)
        assert light_box.shade(x, y) == [expected] * 3


def test_dragging_sideways_widens_the_window_and_down_raises_the_level(light_box: Box) -> None:
    before = light_box.state["window"]
    x, y = light_box.spot(100, 150)
    light_box.drag((x, y), (x + 100, y))
    wider = light_box.state["window"]
    assert wider["high"] - wider["low"] > 1.2 * (before["high"] - before["low"])
    assert sum(wider.values()) == pytest.approx(sum(before.values()), abs=2)
    light_box.drag((x, y), (x, y + 80))
    darker = light_box.state["window"]
    assert sum(darker.values()) > sum(wider.values())
    assert darker["high"] - darker["low"] == pytest.approx(wider["high"] - wider["low"], abs=2)
    assert light_box.state["preset"] is None


def test_window_drag_changes_the_picture(light_box: Box) -> None:
    before = light_box.shade(150, 50)
    x, y = light_box.spot(100, 150)
    light_box.drag((x, y), (x, y - 120))
    assert light_box.shade(150, 50)[0] > before[0] + 20


def test_wheel_zooms_about_the_cursor(light_box: Box) -> None:
    spot = light_box.spot(50, 200)
    scale = light_box.state["view"]["scale"]
    light_box.page.mouse.move(*spot)
    light_box.page.mouse.wheel(0, -400)
    light_box.page.wait_for_function(
        "document.querySelector('#viewer-lightbox .rv').viewer.fits === false"
    )
    assert light_box.state["view"]["scale"] > 1.5 * scale
    assert light_box.spot(50, 200) == pytest.approx(spot, abs=0.01)


def test_middle_drag_and_the_pan_tool_move_the_film(light_box: Box) -> None:
    x, y = light_box.spot(100, 150)
    light_box.drag((x, y), (x + 40, y - 30), button="middle")
    assert light_box.spot(100, 150) == pytest.approx((x + 40, y - 30), abs=0.01)
    light_box.labelled("Pan (P)").click()
    light_box.drag((x, y), (x - 40, y + 30))
    assert light_box.spot(100, 150) == pytest.approx((x, y), abs=0.01)


def test_invert(light_box: Box) -> None:
    light_box.ask("(viewer.view = {...viewer.view, x: 60, y: 60, scale: 12}, viewer.changed())")
    before = light_box.shade(60, 60)
    light_box.labelled("Invert (I)").click()
    assert light_box.shade(60, 60) == [255 - value for value in before]
    light_box.canvas.focus()
    light_box.page.keyboard.press("i")
    assert light_box.shade(60, 60) == before


def test_presets_by_number_and_by_menu(light_box: Box) -> None:
    light_box.canvas.focus()
    seen = set()
    for number in range(1, 10):
        light_box.page.keyboard.press(str(number))
        state = light_box.state
        assert state["preset"] == number
        assert state["window"]["high"] > state["window"]["low"]
        seen.add((state["window"]["low"], state["window"]["high"]))
    assert len(seen) >= 8  # 1 and 2 agree on a file without a window of its own
    light_box.labelled("Window preset").select_option(label="2 Full range")
    assert light_box.state["window"] == {"low": 0, "high": WHITE}


def test_turn_and_mirror_leave_a_visible_mark(light_box: Box) -> None:
    mark = light_box.page.locator(f"{light_box.place} .rv-mark")
    expect(mark).not_to_be_visible()
    top_left = light_box.spot(0, 0)
    light_box.labelled("Turn right (R)").click()
    expect(mark).to_have_text("turned 90°")
    assert light_box.spot(0, 0)[0] > top_left[0]  # the top left corner is now at the right
    light_box.labelled("Mirror (M)").click()
    expect(mark).to_have_text("mirrored · turned 90°")
    light_box.labelled("Mirror (M)").click()
    light_box.canvas.focus()
    light_box.page.keyboard.press("Shift+R")
    expect(mark).not_to_be_visible()
    assert light_box.spot(0, 0) == pytest.approx(top_left, abs=0.01)


def test_reset_brings_everything_back(light_box: Box) -> None:
    before = light_box.state
    light_box.canvas.focus()
    for key in ("4", "i", "r", "m", "+", "ArrowLeft"):
        light_box.page.keyboard.press(key)
    assert light_box.state["view"] != before["view"]
    light_box.page.keyboard.press("0")
    after = light_box.state
    assert {key: after[key] for key in ("window", "view", "invert", "preset")} == {
        key: before[key] for key in ("window", "view", "invert", "preset")
    }


def test_keys_alone_zoom_pan_and_window(light_box: Box) -> None:
    light_box.canvas.focus()
    start = light_box.state
    light_box.page.keyboard.press("+")
    assert light_box.state["view"]["scale"] == pytest.approx(1.25 * start["view"]["scale"])
    light_box.page.keyboard.press("ArrowRight")
    assert light_box.state["view"]["x"] > start["view"]["x"]
    light_box.page.keyboard.press("Shift+ArrowLeft")
    narrower = light_box.state["window"]
    assert narrower["high"] - narrower["low"] < start["window"]["high"] - start["window"]["low"]


def test_looking_asks_the_server_nothing(light_box: Box) -> None:
    asked: list[str] = []
    light_box.page.on("request", lambda request: asked.append(request.url))
    x, y = light_box.spot(100, 150)
    light_box.drag((x, y), (x + 60, y + 60))
    light_box.page.mouse.wheel(0, -300)
    light_box.canvas.focus()
    for key in ("3", "i", "r", "m", "l", "Enter", "ArrowRight", "Enter", "0"):
        light_box.page.keyboard.press(key)
    assert len(light_box.state["measures"]) == 1
    assert [url for url in asked if "heartbeat" not in url] == []


def test_help_lists_the_keys(light_box: Box) -> None:
    light_box.canvas.focus()
    light_box.page.keyboard.press("?")
    keys = light_box.page.locator(light_box.place).get_by_text("remove the last measurement")
    expect(keys).to_be_visible()
    light_box.page.keyboard.press("?")
    expect(keys).not_to_be_visible()

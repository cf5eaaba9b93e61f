"""The Age tab, from a click on a sample to the slider, its readings and its files; and the endpoint."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from viewer_box import Box

from bonestudio.instruments.age.export import read_manifest

SHOWN = "document.querySelector('.ag')?.ageing?.frames"


@pytest.fixture(scope="module")
def tab(browser: Browser, ageing: str) -> Iterator[Page]:
    """The tab with its first sample, which opens by itself, aged by the weights of the tests."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(ageing)
    page.wait_for_function(SHOWN, timeout=120_000)  # the networks are loaded now
    yield page
    page.close()
    assert failures == []


@pytest.fixture
def bone(tab: Page) -> Page:
    """The tab with its first sample, freshly picked."""
    tab.evaluate("document.querySelector('.ag').ageing.frames = null")
    tab.get_by_role("button", name="Phalanx, girl of 6").click()
    tab.wait_for_function(f"{SHOWN}?.age === 6")
    return tab


def aged(page: Page) -> list[int]:
    """Greys of the aged bone as the viewer has them."""
    return Box(page, "age").ask("Array.from(viewer.films[1].grey.slice(5000, 5400))")


def age(page: Page) -> float:
    return page.evaluate("document.querySelector('.ag').ageing.age")


def test_moving_the_slider_changes_the_picture_and_asks_nobody(bone: Page) -> None:
    before, asked = aged(bone), []
    bone.on("request", lambda request: asked.append(request.url))
    slider = bone.locator("#age-slider")
    edge = slider.bounding_box()
    assert age(bone) == 14  # eight years on
    bone.mouse.move(edge["x"] + edge["width"] * 14 / 19, edge["y"] + 10)
    bone.mouse.down()
    bone.mouse.move(edge["x"] + edge["width"] * 0.1, edge["y"] + 10, steps=8)
    bone.mouse.up()
    assert age(bone) == pytest.approx(1.8, abs=0.3)
    assert aged(bone) != before
    bone.get_by_role("button", name="8 – 11").click()
    assert age(bone) == 10
    bone.get_by_role("button", name="Play").click()
    bone.wait_for_function("document.querySelector('.ag').ageing.age > 10.2")
    bone.get_by_role("button", name="Stop").click()
    bone.wait_for_timeout(300)
    assert asked == []


def test_what_is_simulated_says_so_and_names_its_weights(bone: Page) -> None:
    label = bone.locator("#viewer-age .rv-second")
    expect(label).to_contain_text("SIMULATED, not a forecast")
    expect(label).to_contain_text("weights of your own films")
    expect(bone.locator("#viewer-age .rv-name")).to_contain_text("Virtual patient")
    expect(bone.locator(".ag-own")).to_have_text("now 6.0 years")


def test_keyboard_moves_the_age(bone: Page) -> None:
    slider = bone.locator("#age-slider")
    slider.focus()
    for key, expected in (
        ("ArrowLeft", 13.9),
        ("Shift+ArrowLeft", 12.9),
        ("PageUp", 13.9),
        ("Home", 0),
        ("End", 19),
    ):
        slider.press(key)
        assert age(bone) == pytest.approx(expected), key
    assert slider.get_attribute("aria-valuetext") == "19.0 years, simulated"
    bone.evaluate("document.activeElement.blur()")
    bone.keyboard.press("ArrowLeft")  # with nothing in focus, too
    assert age(bone) == pytest.approx(18.9)


def test_the_wipe_parts_film_and_aged_bone(bone: Page) -> None:
    box = Box(bone, "age")
    box.ask("viewer.applyPreset(2)")
    film, simulated = box.ask("viewer.films.map((film) => film.grey[64 * 128 + 30] >> 8)")
    box.ask("viewer.setWipe(1)")
    assert box.shade(30, 64)[0] == pytest.approx(film, abs=12)
    box.ask("viewer.setWipe(0)")
    assert box.shade(30, 64)[0] == pytest.approx(simulated, abs=12)
    assert abs(film - simulated) > 24
    bone.get_by_role("radio", name="Redrawn").click()
    left = "Array.from(viewer.films[0].grey)"
    redrawn = box.ask(left)
    bone.get_by_role("radio", name="Film", exact=True).click()
    assert box.ask(left) != redrawn
    expect(bone.locator("#viewer-age .rv-name")).to_contain_text("Film · 6.0 years")


def test_difference_map_is_red_where_brighter_and_nothing_at_the_age_of_the_film(
    bone: Page,
) -> None:
    told = """() => {
        const canvas = document.querySelector('.ag-change canvas');
        const {frames, grey} = document.querySelector('.ag').ageing;
        const {data} = canvas.getContext('2d').getImageData(0, 0, 128, 128);
        const wrong = [...grey].filter((value, i) => {
            const change = value - frames.now[i];
            return Math.abs(change) > 8 && (data[4 * i] > data[4 * i + 2]) !== change > 0;
        });
        const seen = [...grey].filter((_, i) => data[4 * i + 3] > 8);
        return [wrong.length, seen.length];
    }"""
    bone.locator("#age-slider").focus()
    bone.keyboard.press("End")
    bone.wait_for_timeout(100)
    wrong, seen = bone.evaluate(told)
    assert wrong == 0
    assert seen > 100
    bone.evaluate("document.querySelector('.ag').ageing.setAge(6)")
    bone.wait_for_timeout(100)
    assert bone.evaluate(told)[1] < 20
    expect(bone.locator("[data-read=change]")).to_contain_text("0.")
    box = Box(bone, "age")
    assert box.state["overlayShown"] is False
    box.canvas.focus()
    bone.keyboard.press("o")
    assert box.state["overlayShown"] is True


@pytest.mark.parametrize("kind", ["PNG", "GIF", "MP4"])
def test_export_of_the_age_that_is_shown(bone: Page, tmp_path: Path, kind: str) -> None:
    bone.evaluate("document.querySelector('.ag').ageing.setAge(8.5)")
    with bone.expect_download() as waiting:
        bone.locator(f".ag-save [data-kind={kind}]").click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.name == f"aged-bone.{kind.lower()}"
    assert read_manifest(path)["age_shown"] == 8.5


def test_what_is_told_of_the_patient_is_used(bone: Page) -> None:
    before = aged(bone)
    bone.get_by_label("Boy", exact=True).check()
    bone.wait_for_function(
        "before => document.querySelector('#viewer-age .rv').viewer.films[1].grey[5000] !== before",
        arg=before[0],
    )
    assert age(bone) == 14  # the slider stays
    bone.locator("#age-now input").fill("9")
    bone.wait_for_function(f"{SHOWN}.age === 9")
    expect(bone.locator(".ag-own")).to_have_text("now 9.0 years")
    bone.locator("#age-now input").fill("")
    expect(bone.locator(".ag-own")).to_contain_text("looks")


def test_without_its_own_detail_the_film_is_what_the_model_draws(bone: Page) -> None:
    bone.evaluate("document.querySelector('.ag').ageing.setAge(6)")
    now = "Array.from(viewer.films[1].grey)"
    film = Box(bone, "age").ask("Array.from(viewer.films[0].grey)")
    assert np.abs(np.subtract(Box(bone, "age").ask(now), film)).mean() < 257
    bone.get_by_role("button", name="More").click()
    bone.locator("#age-detail input").uncheck()
    bone.wait_for_function(f"{SHOWN}.detail === false")
    drawn = Box(bone, "age").ask(now)
    assert np.abs(np.subtract(drawn, film)).mean() > 2570
    bone.get_by_role("radio", name="Redrawn").click()
    bone.wait_for_function(
        "grey => document.querySelector('#viewer-age .rv').viewer.films[0].grey[5000] !== grey",
        arg=int(film[5000]),
    )
    bone.get_by_role("radio", name="Film", exact=True).click()
    bone.locator("#age-detail input").check()
    bone.wait_for_function(f"{SHOWN}.detail === true")
    bone.get_by_role("button", name="More").click()


def test_noise_is_flagged_on_the_page(bone: Page, tmp_path: Path) -> None:
    expect(bone.locator(".ag-warning")).to_be_hidden()
    noise = np.random.default_rng(0).integers(0, 2, (128, 128), np.uint8) * 255
    Image.fromarray(noise).save(tmp_path / "noise.png")
    bone.set_input_files("#age-upload input[type=file]", tmp_path / "noise.png")
    expect(bone.locator(".ag-warning")).to_be_visible()
    expect(bone.locator("[data-read=domain]")).not_to_contain_text("yes")
    (tmp_path / "letter.png").write_text("Dear colleague", encoding="utf-8")
    bone.set_input_files("#age-upload input[type=file]", tmp_path / "letter.png")
    expect(bone.locator("#tab-age .bs-refused, .bs-refused").first).to_contain_text("not an image")


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080), (1024, 768)])
def test_everything_fits_on_the_screen(
    bone: Page, width: int, height: int, keep: Callable[[Page, str], Path]
) -> None:
    bone.set_viewport_size({"width": width, "height": height})
    bone.wait_for_timeout(200)
    keep(bone, f"age-{width}x{height}")
    expect(bone.locator("#age-slider")).to_be_in_viewport()
    stage = bone.locator("#viewer-age .rv-stage").bounding_box()
    assert stage["height"] > height * 0.45
    assert bone.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    bone.set_viewport_size({"width": 1366, "height": 768})


@pytest.fixture(scope="module")
def client(ageing: str) -> Client:
    return Client(ageing, verbose=False, analytics_enabled=False)


def test_endpoint(client: Client) -> None:
    film = Path(__file__).resolve().parents[2] / "assets" / "age" / "1-phalanx-6.png"
    picture, found = client.predict(
        handle_file(str(film)), 12, sex="F", now=6, model="bapgan-phalange-phantom", api_name="/age"
    )
    assert (found["age_now"], found["age_now_is"]) == (6, "given")
    assert found["notice"] == "SIMULATED, not a forecast"
    assert found["in_domain"] == "in-domain"
    assert -1 <= found["same_bone"] <= 1
    assert read_manifest(Path(picture)) == found["manifest"]
    endpoint = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/age"]
    names = [parameter["parameter_name"] for parameter in endpoint["parameters"]]
    assert names == ["file", "age", "bone", "sex", "now", "kind", "model", "detail"]
    assert "SIMULATED, not a forecast" in endpoint["description"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"age": 45}, "45 is outside"),
        ({"age": 12, "bone": "skull"}, "phalange"),
        ({"age": "old"}, "An age is a number"),
        ({"age": 12, "sex": "X"}, "Sex is"),
        ({"age": 12, "kind": "JPG"}, "PNG, GIF or MP4"),
        ({"age": 12, "now": -3}, "-3 is outside"),
        ({"age": 12, "model": "nothing"}, "no checkpoint"),
    ],
)
def test_endpoint_refuses_with_a_sentence(
    client: Client, film_file: Path, asked: dict, says: str
) -> None:
    with pytest.raises(AppError, match=says):
        client.predict(handle_file(str(film_file)), api_name="/age", **asked)

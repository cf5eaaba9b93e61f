"""The Density tab, from its first sample to layers, scores, files and a batch; and the endpoint."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Page, expect
from viewer_box import Box

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "assets" / "density"
WOMAN, IMPLANT = SAMPLES / "1-woman-78.png", SAMPLES / "5-implant.png"
HAND = ROOT / "assets" / "lightbox" / "1-hand-5.png"
VALUES = "document.querySelector('.dn').density.values"


def heaviest(page: Page) -> tuple[int, int, float]:
    """(x, y) of the film pixel with the most mineral, and its density in g/cm²."""
    return page.evaluate(
        f"""() => {{
            const values = {VALUES}, {{width}} = document.querySelector('#viewer-density .rv').viewer.film;
            const most = values.reduce((best, value, at) => (value > values[best] ? at : best), 0);
            return [most % width, Math.floor(most / width), values[most] / 1000];
        }}"""
    )


def test_a_hip_from_its_first_sample_to_files_and_a_batch(  # noqa: PLR0915 - one page opened once, it costs seconds
    open_tab: Callable[[str], Page], keep: Callable[[Page, str], Path], tmp_path: Path
) -> None:
    page = open_tab("Density")
    page.wait_for_function("document.querySelector('.dn')?.density?.values", timeout=120_000)
    scores = page.locator("#density-scores")
    expect(scores.locator(".dn-value output")).to_have_text(page.locator("#density-more td").first.inner_text())  # fmt: skip
    expect(scores).to_contain_text("T-score")
    expect(scores).to_contain_text("Confirm by DXA")
    expect(page.locator("#density-age input")).to_have_value("78")

    # Opacity, layers and the read-out ask nobody.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    box = Box(page, "density")
    x, y, most = heaviest(page)
    shade = box.shade(x, y)
    assert max(shade) - min(shade) > 20
    page.get_by_label("Opacity of the map in per cent").fill("0")
    shade = box.shade(x, y)
    assert max(shade) - min(shade) <= 2
    page.get_by_label("Opacity of the map in per cent").fill("80")
    page.mouse.move(*box.spot(x + 0.5, y + 0.5))  # the middle of the pixel
    expect(page.locator(".dn-here")).to_contain_text("g/cm² here")
    assert float(page.locator(".dn-here").inner_text().split()[0]) == pytest.approx(most, abs=0.006)
    page.get_by_role("button", name="Error").click()
    expect(page.locator("[data-layer=map]")).to_have_attribute("aria-pressed", "false")
    page.locator("#viewer-density canvas").press("d")
    expect(page.locator("[data-layer=map]")).to_have_attribute("aria-pressed", "true")
    assert [url for url in asked if "gradio_api" in url] == []
    keep(page, "density")

    # A woman of forty has a Z-score and no class; without age there is neither.
    page.locator("#density-age input").fill("40")
    expect(scores).to_contain_text("Z-score")
    expect(scores).not_to_contain_text("osteoporosis")
    page.locator("#density-age input").fill("")
    expect(scores).to_contain_text("The age is not known")
    page.get_by_role("button", name="stem").click()
    expect(scores).to_contain_text("No density is told")
    expect(scores).to_contain_text("metal")
    expect(page.locator(".dn-none")).to_be_visible()
    expect(page.locator("#density-age input")).to_have_value("70")
    keep(page, "density-refused")

    page.set_input_files("#density-upload input[type=file]", WOMAN)
    expect(scores.locator(".dn-value")).to_be_visible()
    expect(page.locator("#density-age input")).to_have_value("")  # nothing of the patient before
    with page.expect_download() as caught:
        page.locator("#density-save").click()
    assert Path(caught.value.path()).read_bytes().startswith(b"%PDF")

    page.get_by_role("tab", name="Many films").click()
    (tmp_path / "labels.csv").write_text("file,age,sex\n1-woman-78.png,78,F\n", encoding="utf-8")
    films = [WOMAN, IMPLANT, HAND, tmp_path / "labels.csv"]
    page.set_input_files("#density-films input[type=file]", films)
    expect(page.locator("#density-films")).to_contain_text("labels")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Estimate all").click()
    rows = list(csv.DictReader(Path(caught.value.path()).read_text(encoding="utf-8").splitlines()))
    assert [row["file"] for row in rows] == [film.name for film in films[:3]]
    assert (rows[0]["age"], rows[0]["total_hip_score_kind"]) == ("78.0", "T")
    assert [row["verdict"] for row in rows[1:]] == ["out", "out"]
    expect(page.locator("#density-table tbody tr")).to_have_count(3)
    keep(page, "density-many")


def test_the_endpoint_tells_a_density_or_why_not(studio: str, tmp_path: Path) -> None:
    client = Client(studio, verbose=False, analytics_enabled=False)
    sent = {"file": handle_file(str(WOMAN)), "api_name": "/density"}
    path, told = client.predict(**sent, age=78, sex="F")
    assert json.loads(Path(path).read_text(encoding="utf-8"))["densities"] == told["densities"]
    low, high = told["densities"]["total_hip"]["interval_90"]
    assert low < told["densities"]["total_hip"]["g_cm2"] < high
    assert told["scores"]["total_hip"]["kind"] == "T"
    assert sum(told["scores"]["neck"]["classes"].values()) == pytest.approx(1)
    _, young = client.predict(**sent, age=40, sex="F")
    assert (young["scores"]["neck"]["kind"], young["scores"]["neck"]["classes"]) == ("Z", {})
    _, refused = client.predict(file=handle_file(str(IMPLANT)), api_name="/density")
    assert (refused["densities"], refused["verdict"]) == ({}, "out")
    with pytest.raises(AppError, match="An age is a number of years"):
        client.predict(**sent, age=-3)
    letter = tmp_path / "letter.png"
    letter.write_text("Dear colleague", encoding="utf-8")
    with pytest.raises(AppError, match="not an image that Bone Studio reads"):
        client.predict(file=handle_file(str(letter)), api_name="/density")

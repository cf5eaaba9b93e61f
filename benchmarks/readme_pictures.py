"""The pictures of README.md, taken from the running studio: ``python benchmarks/readme_pictures.py``.

Opens the studio in Chromium at its samples, which show virtual patients, and opens a study; writes assets/readme/*.png (256 colours, so that each stays under 300 kB). No image of a person is used.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/bin/chromium"
VIEW = {"width": 1366, "height": 768}
LARGEST = 300_000  # bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "readme")
    parser.add_argument("--only", choices=sorted(SCENES), help="one scene instead of all")
    asked = parser.parse_args()
    out = asked.out
    out.mkdir(parents=True, exist_ok=True)
    own = {"executable_path": CHROMIUM} if Path(CHROMIUM).exists() else {}
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        place = Path(scratch)
        process, address = open_studio(place)
        try:
            # Software WebGL, so that the scan's viewer draws on a machine without a graphics card.
            browser = playwright.chromium.launch(
                **own, args=["--no-sandbox", "--enable-unsafe-swiftshader"]
            )
            for name, scene in SCENES.items():
                if asked.only in {None, name}:
                    scene(browser, address, out)
            browser.close()
        finally:
            process.terminate()
            process.wait(30)


def open_studio(place: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the studio with studies of its own and wait for its page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, "XDG_DATA_HOME": str(place)},
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return process, address
    raise SystemExit("The studio did not open its page.")


def age(browser: Browser, address: str, out: Path) -> None:
    """Show a virtual girl's phalanx eight years on, beside her film."""
    page = tab(browser, address, "Age")
    page.wait_for_function("document.querySelector('.ag')?.ageing?.frames", timeout=120_000)
    page.get_by_role("button", name="Phalanx, girl of 6").click()
    page.wait_for_function("document.querySelector('.ag').ageing.frames.age === 6")
    page.wait_for_timeout(1000)
    keep(page, out / "age.png")


def density(browser: Browser, address: str, out: Path) -> None:
    """Show a hip's map of mineral and how it compares."""
    page = tab(browser, address, "Density")
    page.wait_for_function("document.querySelector('.dn')?.density?.values", timeout=120_000)
    page.wait_for_timeout(1000)
    keep(page, out / "density.png")


def museum(browser: Browser, address: str, out: Path) -> None:
    """Show the museum page at the age of today."""
    page = browser.new_page(viewport=VIEW)
    page.goto(f"{address}/museum/")
    page.wait_for_selector("#years:not([disabled])", timeout=120_000)
    keep(page, out / "museum.png")


def film(browser: Browser, address: str, out: Path) -> None:
    """Put a sample on the light box."""
    page = tab(browser, address, "Light box")
    page.get_by_role("button", name="Hand, 12 years").click()
    page.wait_for_function(
        "document.querySelector('#viewer-lightbox .rv')?.viewer?.film?.height > 600"
        " && document.body.innerText.includes('12 years')"
    )
    page.wait_for_timeout(1000)
    keep(page, out / "light-box-film.png")


def scan(browser: Browser, address: str, out: Path) -> None:
    """Show the sample of a radius, which opens by itself."""
    page = tab(browser, address, "Light box")
    page.get_by_role("tab", name="Scan", exact=True).click()
    page.wait_for_selector("#scan-save:not([disabled])", timeout=120_000)
    page.wait_for_timeout(8000)  # the panes are drawn without a graphics card
    keep(page, out / "light-box-scan.png")


def study(browser: Browser, address: str, out: Path) -> None:
    """Open a try-out study on virtual patients, as its investigator and as a reader sees it."""
    page = tab(browser, address, "Turing test")
    page.get_by_label("Title").fill("Which phalanx is older?")
    page.get_by_label("Readers, one a line").fill("Dr. Ahrens\nDr. Brandt")
    page.click("#study-open")
    page.wait_for_selector("#study-links input", timeout=240_000)
    link = page.locator("#study-links input").first.input_value()
    page.wait_for_timeout(500)
    keep(page, out / "turing-investigator.png")
    # Playwright evaluates its conditions as text, which the reading page's own policy forbids.
    reader = browser.new_page(viewport=VIEW, bypass_csp=True)
    reader.goto(link if link.startswith("http") else address + link)
    reader.wait_for_selector("#cover", state="hidden")
    keep(reader, out / "turing-reader.png")


def fracture(browser: Browser, address: str, out: Path) -> None:
    """Break an arm, and make a set of broken and whole ones."""
    page = tab(browser, address, "Fracture")
    page.get_by_role("tab", name="Design", exact=True).click()
    told = "document.querySelector('#viewer-fracture .rv')?.fractureLine?.value"
    page.wait_for_function(told, timeout=120_000)
    page.locator("#inner-fracture-design button[data-name=both]").click()
    page.wait_for_function(f"{told}?.level === 0.5", timeout=120_000)
    page.wait_for_timeout(3000)
    keep(page, out / "fracture-design.png")
    page.get_by_role("tab", name="Export", exact=True).click()
    page.get_by_label("Images of each class").fill("500")
    page.get_by_role("button", name="Make the set").click()
    last = "document.querySelector('#inner-fracture-export .bs-findings').innerText"
    page.wait_for_function(f"{last}.includes('AO/OTA')", timeout=240_000)
    page.wait_for_timeout(300)
    keep(page, out / "fracture-export.png")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_timeout(1000)


def segmentation(browser: Browser, address: str, out: Path) -> None:
    """Show a broken wrist with its bones in colour and its angles."""
    page = tab(browser, address, "Segmentation")
    wrist = "document.querySelector('.sg')?.bones?.wrist"
    measured = f"{wrist}?.measurements.length"
    page.wait_for_function(measured, timeout=240_000)
    page.evaluate(f"{wrist}.measurements.splice(0)")
    page.get_by_role("button", name="Wrist, fractured").locator("visible=true").click()
    page.wait_for_function(measured, timeout=60_000)
    page.wait_for_timeout(1000)
    keep(page, out / "segmentation.png")


def volume(browser: Browser, address: str, out: Path) -> None:
    """Show a drawn bone that was given more trabecular bone, and what that changed."""
    page = tab(browser, address, "Volume")
    page.wait_for_selector("#volume-measures td", timeout=240_000)
    page.locator("#volume-mode").get_by_text("Edit", exact=True).click()
    number = page.locator("#volume-amount input[type=number]")
    number.fill("2")
    number.press("Enter")
    now = page.locator("#volume-history button[aria-current=step]")
    now.filter(has_text="+2.0").wait_for(timeout=120_000)
    status = page.locator("#tab-volume .block.bs-status")
    status.filter(has_text="+2.0").filter(has_not_text="measuring").wait_for(timeout=240_000)
    page.wait_for_timeout(8000)  # the panes are drawn without a graphics card
    keep(page, out / "volume.png")


def tab(browser: Browser, address: str, title: str) -> Page:
    page = browser.new_page(viewport=VIEW)
    page.set_default_timeout(180_000)  # the machine may have other work
    page.goto(address)
    page.get_by_role("tab", name=title).click()
    return page


def keep(page: Page, path: Path) -> None:
    """Write what the page shows in 256 colours."""
    page.mouse.move(1, 1)
    page.wait_for_timeout(300)
    shown = Image.open(BytesIO(page.screenshot())).convert("RGB")
    shown.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    if size > LARGEST:
        raise SystemExit(f"{path.name} has {size} bytes, more than {LARGEST}.")
    print(f"{path.name:<26}{size / 1000:>7.0f} kB")


SCENES = {
    "age": age,
    "density": density,
    "museum": museum,
    "fracture": fracture,
    "segmentation": segmentation,
    "film": film,
    "scan": scan,
    "study": study,
    "volume": volume,
}

if __name__ == "__main__":
    main()

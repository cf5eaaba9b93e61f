"""How long from starting the studio to a page that can be used: ``python benchmarks/app_start.py``.

Starts ``app.py`` again and again, opens it in a browser that is already running, and stops the clock when
the viewer is there, the upload box takes a file and a film is on the light box. Writes artefacts/app_start.json.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
STEPS = ("answers", "page", "film", "processor")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--n", type=int, default=5, help="how many starts")
    options.add_argument(
        "--film", type=Path, default=None, help="a film to open; a made-up ramp otherwise"
    )
    chosen = options.parse_args()
    film = chosen.film or ramp()

    from playwright.sync_api import sync_playwright

    own = {"executable_path": CHROMIUM} if Path(CHROMIUM).exists() else {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**own, args=QUIET)
        runs = [one_start(browser, film) for _ in range(chosen.n)]
        browser.close()

    print(f"{'seconds from start to':<24}{'median':>8}{'least':>8}{'most':>8}")
    for step, words in zip(
        STEPS, ("an answer", "a usable page", "a film on it", "(its processor time)"), strict=True
    ):
        times = [run[step] for run in runs]
        print(f"{words:<24}{statistics.median(times):>8.2f}{min(times):>8.2f}{max(times):>8.2f}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    artefacts = ROOT / "artefacts"
    artefacts.mkdir(exist_ok=True)
    (artefacts / "app_start.json").write_text(json.dumps(runs, indent=1), encoding="utf-8")


def ramp() -> Path:
    import numpy as np
    from PIL import Image

    path = Path(tempfile.mkdtemp()) / "ramp.png"
    Image.fromarray(np.add.outer(np.arange(1000) * 30, np.arange(800) * 40).astype(np.uint16)).save(
        path
    )
    return path


@contextmanager
def cold_studio() -> Iterator[tuple[psutil.Process, str, float]]:
    """Start the studio; yield its process, its address and when it was started, once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/theme.css", timeout=5).close()
                break
            except OSError:
                time.sleep(0.02)
        yield psutil.Process(process.pid), address, started
    finally:
        process.terminate()
        process.wait(timeout=60)


def one_start(browser, film: Path) -> dict[str, float]:
    with cold_studio() as (process, address, started):
        times = {"answers": time.perf_counter() - started}
        context = browser.new_context()
        page = context.new_page()
        page.goto(address, wait_until="commit")
        page.get_by_role("tab", name="Light box").click()
        page.wait_for_selector("#viewer-lightbox canvas")
        page.wait_for_selector("#lightbox-upload input[type=file]", state="attached")
        times["page"] = time.perf_counter() - started
        spent = process.cpu_times()
        times["processor"] = (
            spent.user + spent.system
        )  # up to the page; it hardly depends on other work
        page.set_input_files("#lightbox-upload input[type=file]", film)
        page.wait_for_function(
            "document.querySelector('#viewer-lightbox .rv').viewer?.film != null"
        )
        times["film"] = time.perf_counter() - started
        context.close()
    return times


if __name__ == "__main__":
    main()

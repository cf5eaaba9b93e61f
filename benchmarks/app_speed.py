"""What a person waits for: ``python benchmarks/app_speed.py``.

Starts the studio cold, opens each tab for the first time and stops the clock when its first picture is
there; then each slider that asks the server; then the memory with everything loaded. The start itself
is measured by app_start.py, the volume editor's steps by volume_editor.py. Run it on a quiet machine.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

from app_start import CHROMIUM, QUIET, cold_studio

# What must be seen on a tab before a person can judge a picture; the text comes with the first answer.
FIRST = {
    "Age": "all ages in",
    "Fracture": "computed here",
    "Segmentation": "computed here",
    "Volume": "computed here",
    "Density": "computed here",
    "Light box": "computed here",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--n", type=int, default=3, help="how many starts")
    chosen = options.parse_args()

    from playwright.sync_api import sync_playwright

    own = {"executable_path": CHROMIUM} if Path(CHROMIUM).exists() else {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**own, args=QUIET)
        runs = [one_start(browser) for _ in range(chosen.n)]
        browser.close()
    print(f"{'seconds until':<44}{'median':>8}{'least':>8}{'most':>8}")
    for step in runs[0]:
        times = [run[step] for run in runs if step in run]
        print(f"{step:<44}{statistics.median(times):>8.2f}{min(times):>8.2f}{max(times):>8.2f}")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def one_start(browser) -> dict[str, float]:
    with cold_studio() as (process, address, started):
        times = {"the studio answers": time.perf_counter() - started}
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(address, wait_until="commit")
        page.get_by_role("tab", name="Age", exact=True).wait_for()
        times["the page is there"] = time.perf_counter() - started
        times |= first_pictures(page)
        times["(memory in GB, everything loaded)"] = process.memory_info().rss / 1e9
        page.close()
    return times


def first_pictures(page) -> dict[str, float]:
    times = {}
    for title, words in FIRST.items():
        tab = page.get_by_role("tab", name=title, exact=True)
        if not tab.count():
            continue
        asked = time.perf_counter()
        tab.click()
        said = page.get_by_text(words).locator("visible=true")
        said.first.wait_for(timeout=120_000)
        times[f"the first picture of {title}, from its click"] = time.perf_counter() - asked
    return times


if __name__ == "__main__":
    main()

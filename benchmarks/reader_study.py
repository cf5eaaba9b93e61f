"""Whole reader studies in Chromium through a crash, readers by the dozen, and a judge of the wire.

    python benchmarks/reader_study.py            # 100 reads and 50 pairs, two readers, SIGKILL
    python benchmarks/reader_study.py --load     # 16 readers at once, 20 answers each
    python benchmarks/reader_study.py --wire     # AUC of a classifier on transport features

Every run starts a studio of its own with a database in a scratch folder.
"""

import argparse
import hashlib
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from reader_clinic import Studio, make
from reader_wire import load, wire

from bonestudio.turing.store import Store


def read_in_chromium(
    address: str, keys: tuple[str, str], seed: int, *, reload_at: int, given: list, seen: list
) -> None:
    """Answer to the end by keyboard; what was pressed goes to ``given``, in order."""
    from playwright.sync_api import sync_playwright

    chance = np.random.default_rng(seed)
    with sync_playwright() as playwright:
        system = Path("/usr/bin/chromium")
        browser = playwright.chromium.launch(
            executable_path=system if system.exists() else None, args=["--no-sandbox"]
        )
        page = browser.new_page(bypass_csp=True)
        page.set_default_timeout(120_000)
        page.on("response", lambda answer: seen.append((answer.url, answer.headers)))
        page.goto(address)
        page.wait_for_selector("#cover", state="hidden")
        while page.locator("#asked").is_visible():
            if page.locator("#go").is_visible():
                page.click("#go")
                page.wait_for_selector("#cover", state="hidden")
            if len(given) == reload_at:
                page.reload()
                page.wait_for_selector("#cover", state="hidden")
            which, sure = int(chance.integers(2)), int(chance.integers(1, 6))
            before = page.inner_text("#count")
            page.keyboard.press(keys[which])
            page.keyboard.press(str(sure))
            given.append((which, sure))
            page.wait_for_function(
                "(before) => { const at = (id) => document.querySelector(id);"
                " return at('#asked').hidden || (at('#count').textContent !== before"
                " && (at('#cover').hidden || !at('#go').hidden)); }",
                arg=before,
            )
        browser.close()


def whole_study(studio: Studio, kind: str) -> None:
    made = make(kind)
    study = made.open(studio.store)
    names = ("A", "B")
    links = {name: f"{studio.address}/read/{studio.store.enrol(study, name)}" for name in names}
    orders = order_of(studio.store, study)
    pair = kind == "older-of-two"
    keys = ("ArrowLeft", "ArrowRight") if pair else ("r", "s")
    given: dict[str, list] = {name: [] for name in names}
    seen: list[tuple[str, dict]] = []
    threads = [
        threading.Thread(
            target=read_in_chromium,
            args=(links[name], keys, seed),
            kwargs={"reload_at": 15 if seed == 0 else -1, "given": given[name], "seen": seen},
        )
        for seed, name in enumerate(names)
    ]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    middle = len(made.protocol.items) * 2 // 5
    while min(map(len, given.values())) < middle and all(t.is_alive() for t in threads):
        time.sleep(0.02)
    studio.kill()
    time.sleep(1)
    studio.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    findings = studio.store.verify(study)
    same_order = order_of(studio.store, study) == orders
    told = repr(seen)
    lengths = {headers.get("content-length") for url, headers in seen if "/image/" in url}
    keys_told = any(item.key in told or item.images[0] in told for item in made.protocol.items)
    blind = len(lengths) == 1 and not keys_told
    studio.store.unblind(study, reason="all readers are done")
    rows = studio.store.reads(study)
    words = ("left", "right") if pair else ("real", "synthetic")
    lost = doubled = other = 0
    for name in names:
        mine = [row for row in rows if row["reader"] == name]
        counted = Counter(row["item"] for row in mine)
        lost += sum(counted[item.key] == 0 for item in made.protocol.items)
        doubled += sum(times - 1 for times in counted.values() if times > 1)
        said = [(words.index(row["choice"]), row["confidence"]) for row in mine]
        other += sum(a != b for a, b in zip(said, given[name], strict=True))
    print(
        f"{kind}: {len(rows)} reads by two readers in {seconds:.0f} s, one reload, one SIGKILL: "
        f"lost {lost}, doubled {doubled}, other than pressed {other}; "
        f"order {'intact' if same_order else 'BROKEN'}; log {findings or 'verifies'}; "
        f"blinding {'intact' if blind else 'BROKEN'} ({len(seen)} answers of the server looked at)",
        flush=True,
    )


def order_of(store: Store, study: str) -> str:
    from sqlalchemy import text

    with store.transaction(looking=True) as session:
        rows = session.execute(
            text(
                "SELECT reader, round, position, slot.key, item, swapped FROM slot "
                "JOIN reader ON reader.id = slot.reader WHERE study = :study ORDER BY 1, 2, 3"
            ),
            {"study": study},
        ).all()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--wire", action="store_true")
    parser.add_argument("--readers", type=int, default=16)
    parser.add_argument("--answers", type=int, default=20)
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds that a reader looks")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder))
        try:
            if asked.load:
                load(studio, readers=asked.readers, answers=asked.answers, pause=asked.pause)
            if asked.wire:
                wire(studio)
            if not (asked.load or asked.wire):
                for kind in ("real-or-synthetic", "older-of-two"):
                    whole_study(studio, kind)
        finally:
            studio.process.terminate()
            studio.process.wait()


if __name__ == "__main__":
    main()

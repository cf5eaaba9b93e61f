"""Whole reader studies in Chromium through a crash, readers by the dozen, and a judge of the wire.

    python benchmarks/reader_study.py            # 100 reads and 50 pairs, two readers, SIGKILL
    python benchmarks/reader_study.py --load     # 16 readers at once, 20 answers each
    python benchmarks/reader_study.py --wire     # AUC of a classifier on transport features

Every run starts a studio of its own with a database in a scratch folder.
"""

import argparse
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np

from bonestudio.instruments.phantom_films import PhantomFilms
from bonestudio.metrics.classification import delong
from bonestudio.turing import sources
from bonestudio.turing.design import Design, design
from bonestudio.turing.store import Store

ROOT = Path(__file__).resolve().parents[1]
OVERRIDE = "two styles of phantoms, told apart on purpose: what is measured here is the machinery"


class Studio:
    """A studio that can be killed and started again on the same database."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.folder, self.address = folder, f"http://127.0.0.1:{self.port}"
        self.store = Store(f"sqlite:///{folder / 'bonestudio' / 'studies.db'}")
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(self.port)],
            cwd=ROOT,
            env={**os.environ, "XDG_DATA_HOME": str(self.folder), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(1200):
            try:
                with urllib.request.urlopen(f"{self.address}/read/none", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the studio did not start")

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def make(kind: str, *, enlarged: int = 1) -> Design:
    """100 films, half of either style, or 50 pairs; no practice, no repeats: every read counts."""
    virtual = PhantomFilms()
    if kind == "older-of-two":
        questions = sources.from_pairs(virtual.ageing_pairs(50))
    else:
        films = [*virtual.films(50, natural=True), *virtual.films(50, seed=1000)]
        large = [film.with_pixels(np.kron(film.pixels, np.ones((enlarged,) * 2))) for film in films]
        questions = sources.from_films(large[:50], large[50:])
    return design(questions, title=kind, kind=kind, practice=0, repeats=0, audit_override=OVERRIDE)


# --- whole studies in the browser -----------------------------------------------------------


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


# --- over HTTP --------------------------------------------------------------------------------


class Wire:
    """One reader's connection, kept open as a browser keeps it."""

    def __init__(self, studio: Studio, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
        self.base = f"/read/{token}"

    def get(self, path: str) -> tuple[list[tuple[str, str]], bytes]:
        """Return headers and body."""
        self.connection.request("GET", self.base + path)
        return self._whole()

    def answer(self, slot: str) -> dict:
        """Send an answer; return the next view."""
        body = {"slot": slot, "choice": "real", "confidence": 3, "milliseconds": 900}
        self.connection.request("POST", f"{self.base}/answer", json.dumps(body))
        return json.loads(self._whole()[1])

    def _whole(self) -> tuple[list[tuple[str, str]], bytes]:
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(body.decode())
        return answer.getheaders(), body


def load(studio: Studio, *, readers: int, answers: int, pause: float) -> None:
    """From the key press (the answer leaves) to the whole of the next image; a reader looks in between."""
    study = make("real-or-synthetic", enlarged=8).open(studio.store)  # 1024 × 1024, 1 MB
    tokens = [studio.store.enrol(study, f"reader {i}") for i in range(readers)]
    waits: list[float] = []
    errors: list[BaseException] = []

    def read(number: int) -> None:
        chance = np.random.default_rng(number)
        try:
            wire = Wire(studio, tokens[number])
            view = json.loads(wire.get("/view")[1])
            wire.get(f"/image/{view['slot']}/0")
            for _ in range(answers):
                time.sleep(
                    min(pause * chance.exponential(), 4)
                )  # the server closes idle lines after 5 s
                pressed = time.perf_counter()
                view = wire.answer(view["slot"])
                wire.get(f"/image/{view['slot']}/0")
                waits.append(time.perf_counter() - pressed)
        except (OSError, KeyError, http.client.HTTPException) as error:
            errors.append(error)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(readers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if errors:
        print("errors:", *map(repr, errors))
    p50, p95 = np.percentile(waits, [50, 95]) * 1000
    (summary,) = [one for one in studio.store.studies() if one.id == study]
    kept = [p.answered for p in summary.progress]
    print(
        f"{readers} readers, {answers} answers each, {pause:g} s mean pause: {seconds:.1f} s, errors {len(errors)}, "
        f"kept {sum(kept)} of {readers * answers}; key press to next image p50 {p50:.0f} ms, "
        f"p95 {p95:.0f} ms, longest {max(waits) * 1000:.0f} ms; "
        f"log {'verifies' if not studio.store.verify(study) else 'BROKEN'}; "
        f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )


def wire(studio: Studio) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    made = make("real-or-synthetic")
    study = made.open(studio.store)
    truth = {item.key: item.truth for item in made.protocol.items}
    features, items = [], []
    for reader in range(4):
        line = Wire(studio, studio.store.enrol(study, f"reader {reader}"))
        view = json.loads(line.get("/view")[1])
        while view["slot"]:
            start = time.perf_counter()
            headers, body = line.get(f"/image/{view['slot']}/0")
            seconds = time.perf_counter() - start
            sent = [(k, v) for k, v in headers if k.lower() != "date"]
            features.append([seconds, len(body), len(sent), sum(len(k) + len(v) for k, v in sent)])
            start = time.perf_counter()
            view = line.answer(view["slot"])
            features[-1].append(time.perf_counter() - start)
    studio.store.unblind(study, reason="the wire was searched")
    rows = studio.store.reads(study)
    classes = np.array([truth[row["item"]] == "synthetic" for row in rows])
    items = np.array([row["item"] for row in rows])
    model = RandomForestClassifier(300, min_samples_leaf=5, random_state=0)
    # Each reader is judged by what was learnt from the others. Folds at random would mix reads of
    # one minute: classes are balanced in blocks, so a read's neighbours tend to the other class,
    # and whatever drifts with time (the load) would seem to say the opposite of the truth.
    readers = np.array([row["reader"] for row in rows])
    scores = cross_val_predict(
        model,
        np.array(features),
        classes,
        groups=readers,
        cv=LeaveOneGroupOut(),
        method="predict_proba",
    )
    auc = delong(scores[:, 1], classes)
    print(
        f"wire: {len(features)} images of {len(set(items))}, lengths {sorted({f[1] for f in features})}, "
        f"headers {sorted({(f[2], f[3]) for f in features})}; cross-validated AUC of bytes, headers and timing "
        f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f})",
        flush=True,
    )


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

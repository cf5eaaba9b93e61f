"""A studio with a study database of its own, and the studies that the benches of reading use."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np

from bonestudio.instruments.phantom_films import PhantomFilms
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

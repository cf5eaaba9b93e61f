"""Stores on SQLite and on a real PostgreSQL server, and small studies to read."""

import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from bonestudio.imaging.types import Radiograph
from bonestudio.turing.items import Deck
from bonestudio.turing.protocol import ENDPOINTS, QUESTIONS, Protocol
from bonestudio.turing.store import Store

SEED = b"a secret of the investigator"


def _postgres_tool(name):
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found[-1] if found else shutil.which(name)


@pytest.fixture(scope="session")
def postgres_url():
    """A server of its own, on a socket in a scratch folder, started and ended by the tests."""
    initdb, pg_ctl = _postgres_tool("initdb"), _postgres_tool("pg_ctl")
    if not (initdb and pg_ctl):
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed; .ci/run installs it.")
        pytest.skip("PostgreSQL is not installed here (Debian: apt install postgresql).")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    user = []
    if os.geteuid() == 0:  # the server refuses to run as root
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = [
            "setpriv",
            f"--reuid={account.pw_uid}",
            f"--regid={account.pw_gid}",
            "--clear-groups",
        ]

    def run(*command):
        subprocess.run([*user, *command], check=True, stdout=subprocess.DEVNULL, cwd=folder)

    data = folder / "data"
    run(initdb, "-D", data, "-U", "studio", "--auth=trust", "-N")
    options = f"-k {folder} -c listen_addresses='' -c max_connections=60"
    run(pg_ctl, "-D", data, "-w", "-o", options, "-l", folder / "log", "start")
    yield f"postgresql://studio@/postgres?host={folder}"
    run(pg_ctl, "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "sqlite":
        made = Store(f"sqlite:///{tmp_path / 'studies.db'}")
    else:
        made = Store(request.getfixturevalue("postgres_url"), key=b"k" * 32)
    yield made
    made.engine.dispose()


@pytest.fixture
def sqlite_store(tmp_path):
    made = Store(f"sqlite:///{tmp_path / 'studies.db'}")
    yield made
    made.engine.dispose()


def film(seed, *, shape=(40, 30)):
    chance = np.random.default_rng(seed)
    return Radiograph(pixels=chance.random(shape, dtype=np.float32))


def make_protocol(deck, kind="real-or-synthetic", **changes):
    return Protocol(
        **{
            "title": "Hands",
            "kind": kind,
            "question": QUESTIONS[kind],
            "primary_endpoint": ENDPOINTS[kind],
            "items": tuple(deck.items),
            "seed_commitment": hashlib.sha256(SEED).hexdigest(),
        }
        | changes
    )


def make_deck(kind="real-or-synthetic", count=20, practice=2):
    deck = Deck(size=(32, 32))
    start = secrets.randbelow(10**6)
    for i in range(count + practice):
        extra = {"practice": i >= count, "group": f"age {i % 3}"}
        seeds = 10 * (start + i)
        if kind == "real-or-synthetic":
            deck.add([film(seeds)], "real" if i % 2 else "synthetic", **extra)
        elif kind == "older-of-two":
            deck.add(
                [film(seeds), film(seeds + 1)], "progression" if i % 2 else "regression", **extra
            )
        else:
            deck.add([film(seeds)], "none", scores={"realism": i / count}, **extra)
    return deck


def open_study(store, kind="real-or-synthetic", count=20, practice=2, **changes):
    deck = make_deck(kind, count, practice)
    return store.create(make_protocol(deck, kind, **changes), deck.images, SEED)

"""The browser's library is fetched once, checked, and missed politely."""

import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from bonestudio.interface import fetch_viewer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A place where nothing was fetched yet, no npm is on the path and pip knows no index."""
    monkeypatch.setattr(fetch_viewer, "_BESIDE", tmp_path / "vendor")
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def archive(content=b"var niivue = {};"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        info = tarfile.TarInfo("package/dist/niivue.umd.js")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def npm_that_packs(folder, content):
    """An npm client that leaves this archive where it is run."""
    (folder / "packed").write_bytes(content)
    script = folder / "bin" / "npm"
    script.write_text(f"#!{sys.executable}\nimport shutil; shutil.copy({str(folder / 'packed')!r}, 'niivue.tgz')\n")  # fmt: skip
    script.chmod(0o755)


def trust(monkeypatch, content):
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    monkeypatch.setattr(fetch_viewer, "INTEGRITY", f"sha512-{digest}")


def test_without_npm_and_registries_one_sentence_is_said_and_nothing_fails(
    empty, monkeypatch, capsys
):
    monkeypatch.setattr(fetch_viewer, "_NPM_OF_PYTHON", "raise SystemExit(1)")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert fetch_viewer.main() == 0
    (said,) = capsys.readouterr().out.splitlines()
    assert "no npm" in said
    assert "works with stills" in said
    assert fetch_viewer.library() is None
    assert not (empty / "vendor").exists()


def test_a_registry_that_cannot_be_reached_is_named_in_one_sentence(empty, capsys):
    script = empty / "bin" / "npm"
    script.write_text("#!/bin/sh\necho 'npm error code ECONNREFUSED' >&2\nexit 1\n")
    script.chmod(0o755)
    assert fetch_viewer.main() == 0
    (said,) = capsys.readouterr().out.splitlines()
    assert "ECONNREFUSED" in said


def test_the_one_file_is_kept_and_a_second_run_does_nothing(empty, monkeypatch, capsys):
    npm_that_packs(empty, archive(b"the library"))
    trust(monkeypatch, archive(b"the library"))
    assert fetch_viewer.main() == 0
    assert "ready" in capsys.readouterr().out
    kept = fetch_viewer.library()
    assert kept.read_bytes() == b"the library"
    assert [p.name for p in (empty / "vendor").iterdir()] == [kept.name]
    (empty / "bin" / "npm").unlink()  # a second run may not need it
    assert fetch_viewer.main() == 0
    assert capsys.readouterr().out == ""


def test_an_archive_that_was_tampered_with_is_refused(empty, monkeypatch, capsys):
    trust(monkeypatch, archive(b"the library"))
    npm_that_packs(empty, archive(b"another one"))
    assert fetch_viewer.main() == 0
    assert "does not match its hash" in capsys.readouterr().out
    assert fetch_viewer.library() is None


def test_where_the_package_cannot_be_written_the_cache_keeps_it(empty, monkeypatch):
    npm_that_packs(empty, archive())
    trust(monkeypatch, archive())
    (empty / "vendor").write_text("a file, where a folder would be needed")
    assert fetch_viewer.fetch().parent == empty / "cache" / "viewers"
    assert fetch_viewer.library().is_file()


def test_the_lock_pins_the_same_archive_and_names_no_address():
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    pinned = lock["packages"]["node_modules/@niivue/niivue"]
    assert pinned["version"] == fetch_viewer.VERSION
    assert pinned["integrity"] == fetch_viewer.INTEGRITY
    assert all("resolved" not in package for package in lock["packages"].values())
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))["dependencies"]
    assert wanted == {"@niivue/niivue": fetch_viewer.VERSION}


def test_it_runs_as_a_module_without_loading_the_app():
    script = "import sys, bonestudio.interface.fetch_viewer; print('gradio' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"

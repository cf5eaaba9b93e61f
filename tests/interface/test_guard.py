"""What Gradio leaves open and the studio closes; what becomes of errors and of a killed studio's files."""

import asyncio
import errno
import io
import logging
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio import processing_utils, route_utils

from bonestudio.errors import ImageError, StorageError
from bonestudio.interface import guard, session
from bonestudio.interface.refusal import spoken


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put Gradio's own parts back after the test."""
    monkeypatch.setattr(route_utils, "GradioUploadFile", route_utils.GradioUploadFile)
    name = "async_ssrf_protected_download"
    monkeypatch.setattr(processing_utils, name, getattr(processing_utils, name))
    guard.app_options("127.0.0.1", accounts=False)


@pytest.mark.usefixtures("guarded")
def test_no_address_is_fetched_for_a_visitor() -> None:
    async def fetch() -> None:
        await processing_utils.async_ssrf_protected_download("https://studio.example/a.png", ".")

    # In a thread of its own: in this one, a browser's loop may be running.
    with ThreadPoolExecutor() as aside, pytest.raises(gr.Error, match="not its address"):
        aside.submit(lambda: asyncio.run(fetch())).result()


@pytest.mark.usefixtures("guarded")
def test_equal_uploads_lie_apart() -> None:
    one, other = (route_utils.GradioUploadFile(io.BytesIO(), filename="a.png") for _ in range(2))
    assert one.sha.hexdigest() != other.sha.hexdigest()


@pytest.mark.usefixtures("guarded")
def test_the_web_application_answers_to_its_own_names_and_tells_of_a_full_disk() -> None:
    app = FastAPI(**guard.app_options("127.0.0.1", accounts=False))

    @app.get("/full")
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left", "doe_jane.dcm")

    for name in ("127.0.0.1:7860", "localhost", "[::1]:7860"):
        answer = TestClient(app, base_url=f"http://{name}").get("/full")
        assert answer.status_code == 507
        assert "the disk is full" in answer.text
        assert "doe_jane" not in answer.text
    for name in ("studio.example", "127.0.0.1.studio.example:7860", "localhost.example"):
        assert TestClient(app, base_url=f"http://{name}").get("/full").status_code == 400


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ImageError("The film is empty; send another."), "The film is empty; send another."),
        (OSError(errno.ENOSPC, "No space left", "doe_jane.dcm"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only", "doe_jane.dcm"), "the disk is read-only"),
        (KeyError("doe_jane.dcm"), "Something inside the studio failed"),
    ],
)
def test_an_error_is_one_sentence_without_the_patient(
    error: Exception, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    status, viewer = object(), object()
    with caplog.at_level(logging.DEBUG):
        answer = spoken(status, fail, viewer)()
    assert answer[viewer] is None
    assert says in answer[status]
    assert "doe_jane" not in answer[status] + caplog.text


def test_a_session_without_a_disk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sessions").write_text("a file where a folder would be needed")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    visitor = type("Request", (), {"session_hash": "one"})()
    with pytest.raises(StorageError, match="cannot keep its files"):
        session.fresh_folder(visitor)


@pytest.mark.parametrize("named", ["x\0y", "/etc/passwd", "../../etc/passwd", "", ["a"], None])
def test_only_what_was_uploaded_is_opened(
    named: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with pytest.raises(gr.Error, match="not uploaded"):
        session.sent({"path": named})
    link = tmp_path / "link.png"
    link.symlink_to(Path(__file__))
    with pytest.raises(gr.Error, match="not uploaded"):
        session.sent({"path": str(link)})
    sent = tmp_path / "film.png"
    sent.touch()
    assert session.sent({"path": str(sent)}) == sent.resolve()


def test_what_a_killed_studio_left_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = [tmp_path / f"bonestudio-{gone.pid}-x1", tmp_path / f"bonestudio-{gone.pid}-scan-x2"]
    kept = [tmp_path / f"bonestudio-{os.getpid()}-x3", tmp_path / "bonestudio-notes"]
    for folder in left + kept:
        folder.mkdir()
        (folder / "doe_jane.dcm").touch()
    session._sweep_dead()
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_slices_are_put_together_where_they_are_swept(tmp_path: Path, monkeypatch) -> None:
    from bonestudio.instruments.lightbox.scan_files import gathered

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    slices = [tmp_path / "a.dcm", tmp_path / "b.dcm"]
    for path in slices:
        path.write_bytes(b"a slice")
    with gathered(slices) as together:
        assert together.name.startswith(f"bonestudio-{os.getpid()}-")
        assert len(list(together.iterdir())) == 2
    assert not together.exists()

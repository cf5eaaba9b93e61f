"""Where a visitor's pictures lie: one folder per session, gone when the session closes.

Uploads are read and deleted at once; what stays for the browser to fetch carries a random name.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from bonestudio.errors import ImageError, StorageError

UPLOAD_LIMIT = 2 * 1024**3  # bytes; an HR-pQCT stack of 168 slices has 0.8 GB

_PREFIX = "bonestudio-"


def open_folder() -> Path:
    """Give Gradio a temporary folder of this process, private to its user and removed at exit."""
    _sweep_dead()
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(folder / "examples")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _sweep_dead() -> None:
    """Remove what a killed studio could not."""
    if os.name == "nt":  # there, signal 0 would end the process it is meant to ask
        return
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        process = left.name.removeprefix(_PREFIX).split("-")[0]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    return True


def folder(request: gr.Request) -> Path:
    """Folder of the visitor who sent this request."""
    name = sha256((request.session_hash or "none").encode()).hexdigest()[:32]
    place = Path(os.environ["GRADIO_TEMP_DIR"]) / "sessions" / name
    return _made(place)


def fresh_file(request: gr.Request, suffix: str) -> Path:
    """Name a file nobody can guess, in the visitor's folder."""
    return folder(request) / f"{secrets.token_urlsafe(16)}{suffix}"


def fresh_folder(request: gr.Request) -> Path:
    """Make a folder nobody can guess, for a file that is to keep a plain name."""
    return _made(folder(request) / secrets.token_urlsafe(16))


def _made(place: Path) -> Path:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The studio cannot keep its files ({error.strerror}); free space where it runs."
        ) from error
    return place


def forget(request: gr.Request) -> None:
    """Delete everything of a visitor who has left."""
    shutil.rmtree(folder(request), ignore_errors=True)


def sent(file: FileData | dict[str, Any]) -> Path:
    """Return where the file of an API call lies.

    Gradio checks only paths that carry its mark; a client that leaves the mark out could name any
    file of this machine, so whatever lies outside the uploads is refused here.
    """
    path = Path(str(file["path"] if isinstance(file, dict) else file.path))
    with suppress(ValueError, OSError):  # what is no path at all
        path = path.resolve()
        if Path(os.environ["GRADIO_TEMP_DIR"]).resolve() in path.parents:
            return path
    raise gr.Error("The file was not uploaded; send it along.", print_exception=False)


def check_upload(path: Path) -> Path:
    """Refuse what cannot be an image before a reader opens it."""
    if not path.is_file():
        raise ImageError("The file did not arrive whole; please send it again.")
    size = path.stat().st_size
    if size == 0:
        raise ImageError("The file is empty; a bone image (DICOM, PNG, TIFF, JPEG …) is needed.")
    if size > UPLOAD_LIMIT:
        raise ImageError(
            f"The file has {size / 1024**3:.1f} GB; {UPLOAD_LIMIT / 1024**3:.0f} GB is the most that can be opened."
        )
    return path


def delete_upload(path: Path) -> None:
    """Delete an upload together with the folder Gradio made for it; never anything else."""
    root = Path(os.environ["GRADIO_TEMP_DIR"]).resolve()
    path = path.resolve()
    if root in path.parents:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # gone already, or it holds what is not ours
            if path.parent != root:
                path.parent.rmdir()

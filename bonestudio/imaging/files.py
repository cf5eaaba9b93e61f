"""Writing a file whole or not at all."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from bonestudio.errors import StorageError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in its place at once.

    Raises
    ------
    StorageError
        No folder, no permission, a full disk; nothing half-written stays and an older file of
        that name is untouched.
    """
    if not path.parent.is_dir():
        raise StorageError("The folder to write into does not exist; make it or choose another.")
    if path.is_dir():
        raise StorageError("A folder has this name; choose another name for the file.")
    temporary: Path | None = None
    try:
        # The ending stays: writers of films and surfaces tell the format by it.
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=".bonestudio-part-", suffix=path.suffix
        )
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        # Native writers report a full disk as a RuntimeError.
        raise StorageError(_sentence(error)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file's content whole or not at all."""
    write_whole(path, lambda temporary: _fill(temporary, content))


def _fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _sentence(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "the disk refuses"
    return f"The file cannot be written ({reason}); free space there or choose another folder."


def _umask() -> int:
    # The mask can only be read by setting it; 0o022 is what nearly every system has.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask

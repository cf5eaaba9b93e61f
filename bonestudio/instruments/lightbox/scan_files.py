"""Bring what a person hands over (a file, a zip, several slices) into one place that can be read."""

import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bonestudio.errors import ImageError, StorageError

_MOST_FILES = 20_000
_MOST_BYTES = 8 << 30
_CHUNK = 1 << 20


@contextmanager
def gathered(paths: Sequence[Path]) -> Iterator[Path]:
    """Give one path that a volume can be read from; what was unpacked is deleted afterwards.

    One file or folder is that path; a zip is unpacked; several files are slices and go together
    into a folder. Files get numbers for names: those of a hospital often hold the patient's.
    """
    if not paths:
        raise ImageError("No file was chosen; choose a scan, or all slices of one.")
    if len(paths) == 1 and not zipfile.is_zipfile(paths[0]):
        yield paths[0]
        return
    # The studio sweeps folders of this name whose process has died: slices hold a patient's data.
    with TemporaryDirectory(prefix=f"bonestudio-{os.getpid()}-scan-") as made:
        folder = Path(made)
        try:
            if len(paths) == 1:
                _unpack(paths[0], folder)
            else:
                for number, path in enumerate(sorted(paths, key=lambda p: p.name)):
                    shutil.copyfile(path, folder / f"{number:05d}")
        except OSError as error:
            raise StorageError(f"The slices cannot be put together ({error.strerror}).") from error
        found = sorted(folder.iterdir())
        yield found[0] if len(found) == 1 else folder


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the files of a zip, flat; stops at a size that no scan has (zip bombs)."""
    left = _MOST_BYTES
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [m for m in packed.infolist() if not m.is_dir() and _is_scan(m.filename)]
            if not members:
                raise ImageError("The zip holds no files; put the slices of one series into it.")
            if len(members) > _MOST_FILES:
                raise ImageError(f"The zip holds more than {_MOST_FILES} files; pack one series.")
            for number, member in enumerate(sorted(members, key=lambda m: m.filename)):
                with packed.open(member) as source, (folder / f"{number:05d}").open("wb") as target:
                    while piece := source.read(_CHUNK):
                        left -= len(piece)
                        if left < 0:
                            raise ImageError("The zip unpacks to over 8 GB; pack one series.")
                        target.write(piece)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise ImageError(
            "The zip is damaged, encrypted or packed in an unusual way; pack it again."
        ) from error


def _is_scan(name: str) -> bool:
    """Leave out what operating systems and DICOM exports put beside the slices."""
    last = name.rsplit("/", 1)[-1]
    return not last.startswith(".") and last != "DICOMDIR" and "__MACOSX" not in name

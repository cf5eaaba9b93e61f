"""Scanco AIM through aimio: mg HA/cm³ by the density equation in the file's processing log.

The library's decoder trusts the header, so the header is checked against the file first. The log
also holds the patient's name and numbers; it is read for its equation and dropped.
"""

import math
import re
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import py_aimio
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging import greys, labels, limits
from bonestudio.imaging.reading import Reading
from bonestudio.imaging.scanco import Calibration, quantised
from bonestudio.imaging.types import Volume

_SHORT, _FLOAT = 131074, 262148
# Storage types: name, and the most voxels that a byte of the file can hold.
_STORAGE = {
    65537: ("8-bit", 1.0),
    _SHORT: ("16-bit", 0.5),
    _FLOAT: ("float", 0.25),
    524290: ("8-bit, run lengths", 127.5),
    1376257: ("mask, run lengths", 254.0),
    393217: ("mask, bits", 8.0),
}
_STRUCTURE = {
    # size of the header: where its storage type, dimensions and offset start, as 4 or 8-byte numbers
    92: (16, 20, 32, "<3i"),
    96: (16, 20, 32, "<3i"),
    140: (20, 36, 48, "<3i"),
    224: (12, 40, 64, "<3q"),
}
# What a processing log tells, by its own key.
_LEFT = {
    "Patient Name": "patient name",
    "Index Patient": "patient number",
    "Index Measurement": "measurement number",
    "Original file": "file names",
    "Time": "dates and times",
    "Original Creation-Date": "dates and times",
    "Scanner ID": "device",
    "Site": "site",
}
_NUMBER = r"\s+([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"


@dataclass(frozen=True, kw_only=True)
class _Header:
    storage: int
    shape: tuple[int, int, int]  # x, y, z
    log: str
    log_at: tuple[int, int]  # offset and length in bytes
    end: int  # of the voxels


def volume(path: Path) -> Reading[Volume]:
    """Read an AIM: 16-bit voxels by their density equation, masks and floats as they are stored."""
    header = _header(path)
    if header.log.isascii():
        stored, meta = py_aimio.read_aim(str(path))
    else:
        stored, meta = _read_without_log(path, header)
    # Masks and floats carry the log of the scan they were made from; its equation is not theirs.
    of_scan = header.storage == _SHORT
    calibration = _calibration(header.log) if of_scan else Calibration(mu_scaling=0)
    slope, intercept, unit = calibration.equation()
    label = labels.parse(_field(header.log, labels.KEY + r"\s+(\{.*\})"))
    image = labels.volume(
        greys.to_voxels(stored, slope=slope, intercept=intercept),
        spacing=tuple(reversed(meta["element_size"])),
        unit_=unit,
        label=label,
    )
    dropped = {_LEFT[key] for key in _LEFT if re.search(rf"^{key}\s", header.log, re.MULTILINE)}
    return Reading(image=image, detail=_STORAGE[header.storage][0], dropped=tuple(sorted(dropped)))


def write(image: Volume, path: Path) -> None:
    """Write an AIM (version 030) with a processing log that holds its equation and nothing else.

    mg HA/cm³ and HU become 16-bit voxels, finer than a 65 000th of their range; other units stay
    float.
    """
    log = f"! Processing Log\n!\n! {labels.NOTICE}\n{labels.KEY}   {labels.volume_label(image)}\n"
    stored: NDArray[np.int16] | NDArray[np.float32]
    if image.unit == "unknown":
        stored = np.ascontiguousarray(image.voxels, np.float32)
    else:
        stored, calibration = quantised(image)
        log += _lines(calibration)
    steps = tuple(reversed(image.spacing or (1.0, 1.0, 1.0)))
    py_aimio.write_aim(str(path), stored, {"element_size": steps, "processing_log": log})


def _lines(calibration: Calibration) -> str:
    """Write all the lines that readers look for; an equation that is not known is all zero."""
    known = {
        "Mu_Scaling": f"{calibration.mu_scaling:.0f}",
        "HU: mu water": f"{calibration.mu_water or 0:.14e}",
        "Density: slope": f"{calibration.slope or 0:.14e}",
        "Density: intercept": f"{calibration.intercept or 0:.14e}",
    }
    return "".join(f"{key:<30}{value:>23}\n" for key, value in known.items())


def _header(path: Path) -> _Header:
    """Read the three headers and check that what they promise lies within the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(1024)
        wide = head.startswith(b"AIMDATA_V030")
        start, word = (16, "<q") if wide else (0, "<i")
        (pre,) = struct.unpack_from(word, head, start)
        step = struct.calcsize(word)
        if pre not in ({32, 40} if wide else {16, 20}):
            raise ImageError("The AIM header is damaged; copy or export the file again.")
        own, log, data = (struct.unpack_from(word, head, start + step * n)[0] for n in (1, 2, 3))
        at = start + pre
        end = at + own + log + data
        if own not in _STRUCTURE or min(log, data) < 0:
            raise ImageError("The AIM header is damaged; copy or export the file again.")
        limits.check_payload(end, size)
        file.seek(at + own)
        text = file.read(min(log, 1 << 20)).split(b"\0")[0].decode("latin-1")
    type_at, dim_at, off_at, triple = _STRUCTURE[own]
    (storage,) = struct.unpack_from("<i", head, at + type_at)
    shape = struct.unpack_from(triple, head, at + dim_at)
    offset = struct.unpack_from(triple, head, at + off_at)
    if storage not in _STORAGE:
        raise ImageError("The AIM file stores its voxels in a way that is not read; save as short.")
    limits.check_volume(shape[::-1])
    if any(o < 0 or 2 * o >= n for o, n in zip(offset, shape, strict=True)):
        raise ImageError("The AIM header is damaged; copy or export the file again.")
    inner = math.prod(n - 2 * o for n, o in zip(shape, offset, strict=True))
    limits.check_payload(math.ceil(inner / _STORAGE[storage][1]), data)
    if _STORAGE[storage][1] <= 1:
        limits.check_payload(math.ceil(math.prod(shape) / _STORAGE[storage][1]), data)
    return _Header(storage=storage, shape=shape, log=text, log_at=(at + own, log), end=end)


def _read_without_log(path: Path, header: _Header) -> tuple[NDArray[np.generic], dict[str, object]]:
    """Read through a copy whose log is blank: aimio takes only UTF-8, scanners write ä as Latin-1."""
    content = bytearray(path.read_bytes())
    at, length = header.log_at
    content[at : at + length] = b" " * length
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.aim"
        copy.write_bytes(content)
        read: tuple[NDArray[np.generic], dict[str, object]] = py_aimio.read_aim(str(copy))
    return read


def _calibration(log: str) -> Calibration:
    def number(key: str) -> float | None:
        text = _field(log, re.escape(key) + _NUMBER)
        return float(text) if text else None

    return Calibration(
        mu_scaling=number("Mu_Scaling") or 0.0,
        mu_water=number("HU: mu water"),
        slope=number("Density: slope"),
        intercept=number("Density: intercept"),
    )


def _field(log: str, pattern: str) -> str | None:
    found = re.search("^" + pattern, log, re.MULTILINE)
    return found.group(1) if found else None

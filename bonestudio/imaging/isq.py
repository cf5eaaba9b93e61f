"""Scanco ISQ: a header of 512-byte blocks, then 16-bit voxels, slice after slice.

aimio knows the header's numbers; its density equation leaves out Mu_Scaling, which ITK's and
VTK's readers divide by (``RescaleSlope /= MuScaling``), so the equation is put together here:
density = slope · stored / Mu_Scaling + intercept. The voxels are plain, so they are mapped rather
than copied, which also reads scans beyond 2 GB (nr_of_bytes is a 32-bit number and overflows).
"""

import struct
from pathlib import Path

import numpy as np
from py_aimio.calibration import decode_scanco_double

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging import greys, labels, limits
from bonestudio.imaging.reading import Reading
from bonestudio.imaging.scanco import Calibration, quantised
from bonestudio.imaging.types import Volume

_BLOCK = 512
_MAGIC = b"CTDATA-HEADER_V1"
_LONGEST_HEADER = 1 << 16  # blocks
_SCOUT = 9


def volume(path: Path) -> Reading[Volume]:
    """Read an ISQ in mg HA/cm³, or HU, or as stored, by what its header can tell."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_BLOCK)
        if len(head) < _BLOCK:
            raise ImageError("The ISQ header is incomplete; copy or export the file again.")
        words = struct.unpack("<128i", head)
        _check(words)
        shape = (words[13], words[12], words[11])
        offset = _BLOCK * (1 + words[127])
        limits.check_payload(2 * shape[0] * shape[1] * shape[2] + offset, size)
        limits.check_volume(shape)
        rest = file.read(offset - _BLOCK)
    stored = np.memmap(path, "<i2", mode="r", offset=offset, shape=shape)
    slope, intercept, unit = _calibration(words[22], rest).equation()
    extent = (words[16], words[15], words[14])  # µm
    image = labels.volume(
        greys.to_voxels(stored, slope=slope, intercept=intercept),
        spacing=[um / 1000 / n for um, n in zip(extent, shape, strict=True)],
        unit_=unit,
        label=labels.parse(_label(rest)),
    )
    dropped = ["dates and times", "device", "measurement number", "patient number"]
    if head[128:168].strip(b"\0 "):
        dropped.append("patient name")
    if not any(words[n] for n in (7, 8, 9, 10, 28)):
        dropped = dropped[4:]
    return Reading(image=image, detail="16-bit", dropped=tuple(sorted(dropped)))


def encode(image: Volume) -> bytes:
    """16-bit ISQ with an equation that gives the voxels back to a 65 000th of their range.

    The header keeps whole micrometres of the scan's extent, so a voxel's size may change in its
    fifth digit.
    """
    if image.unit == "unknown":
        raise RequestError(
            "An ISQ file holds mg HA/cm³ or HU; say what the volume's unit is first."
        )
    stored, calibration = quantised(image)
    head = bytearray(_BLOCK * 5)
    head[:16] = _MAGIC
    steps = image.spacing or (0.0, 0.0, 0.0)
    extent = [round(n * mm * 1000) for n, mm in zip(image.shape, steps, strict=True)]
    low, high = int(stored.min()), int(stored.max())
    total = (len(head) + stored.nbytes) & 0x7FFFFFFF
    struct.pack_into("<3i", head, 16, 3, total, -(-total // _BLOCK) or 1)
    struct.pack_into("<6i", head, 44, *image.shape[::-1], *extent[::-1])
    step_um = round(steps[0] * 1000)
    struct.pack_into("<6i", head, 68, step_um, step_um, 0, low, high, int(calibration.mu_scaling))
    struct.pack_into("<i", head, 508, 4)
    # A directory of one entry, then its two blocks of calibration, then the label.
    head[520:536] = b"Calibration     "
    struct.pack_into("<i", head, 536, 2)
    if calibration.slope is not None:
        head[1024 + 648 : 1024 + 657] = b"mg HA/ccm"
    head[1024 + 664 : 1024 + 672] = _scanco_double(calibration.slope or 0.0)
    head[1024 + 672 : 1024 + 680] = _scanco_double(calibration.intercept or 0.0)
    head[1024 + 688 : 1024 + 696] = _scanco_double(calibration.mu_water or 0.0)
    text = labels.volume_label(image).encode("ascii")
    head[2048 : 2048 + len(text)] = text
    return bytes(head) + np.ascontiguousarray(stored, "<i2").tobytes()


def _check(words: tuple[int, ...]) -> None:
    if words[4] == _SCOUT:
        raise ImageError("This is a Scanco scout view; export it as a picture or DICOM.")
    if min(words[11:14]) < 1 or not 0 <= words[127] < _LONGEST_HEADER:
        raise ImageError("The ISQ header is damaged; copy or export the file again.")


def _calibration(mu_scaling: int, rest: bytes) -> Calibration:
    """Find the scanner's equation in the header's later blocks (as ITK's ScancoImageIO does)."""
    skipped = 0
    if rest[8:24] == b"MultiHeader     ":
        skipped = 1
    directory = rest[_BLOCK * skipped :][:_BLOCK]
    at = _BLOCK * (skipped + 1)
    for entry in range(0, len(directory) - 127, 128):
        (length,) = struct.unpack_from("<i", directory, entry + 24)
        if length < 0 or at + _BLOCK * length > len(rest):
            break
        if directory[entry + 8 : entry + 24] == b"Calibration     " and length >= 2:
            block = rest[at : at + _BLOCK * length]
            unit = block[648:664].split(b"\0")[0].strip().lower()
            return Calibration(
                mu_scaling=mu_scaling,
                mu_water=_double(block, 688),
                slope=_double(block, 664) if unit.startswith(b"mg") and b"ha" in unit else None,
                intercept=_double(block, 672),
            )
        at += _BLOCK * length
    return Calibration(mu_scaling=mu_scaling)


def _label(rest: bytes) -> bytes:
    found = rest.find(b'{"' + labels.KEY.encode("ascii"))
    return rest[found:].split(b"\0")[0] if found >= 0 else b""


def _double(block: bytes, at: int) -> float:
    return float(decode_scanco_double(block[at : at + 8]))


def _scanco_double(value: float) -> bytes:
    """VAX G-float: an IEEE double four times as large, its 16-bit words in reverse order."""
    bits = struct.pack(">d", value * 4)
    return b"".join(bits[n : n + 2][::-1] for n in range(0, 8, 2))

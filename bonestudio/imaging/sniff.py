"""Which format a file has, told from its first bytes; its name is never believed."""

import zlib
from pathlib import Path
from typing import Literal

from bonestudio.errors import ImageError

Format = Literal[
    "PNG", "JPEG", "TIFF", "DICOM", "DICOM series", "NIfTI", "NRRD", "MHA", "NPY", "AIM", "ISQ"
]

_KNOWN = "PNG, JPEG, TIFF, DICOM, NIfTI, NRRD, MHA, NPY, Scanco AIM and ISQ"
_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\x93NUMPY", "NPY"),
    (b"NRRD000", "NRRD"),
    (b"AIMDATA_V030", "AIM"),
    (b"CTDATA-HEADER_V1", "ISQ"),
)
_AIM_HEADERS = {(16, 92), (16, 96), (20, 92), (20, 96), (20, 140), (16, 140)}
# Files written before DICOM had its preamble start with an element of group 2 or 8.
_BARE_DICOM = {b"\x02\x00", b"\x08\x00", b"\x00\x08", b"\x00\x02"}


def sniff(path: Path) -> Format:
    """Return the format of a file; a folder is a DICOM series.

    Raises
    ------
    ImageError
        When the path cannot be read, is empty, or holds none of the formats.
    """
    if path.is_dir():
        return "DICOM series"
    try:
        with path.open("rb") as file:
            head = file.read(1024)
    except FileNotFoundError:
        raise ImageError("There is no file at this place; check its name.") from None
    except OSError as error:
        raise ImageError(
            f"The file cannot be opened ({error.strerror}); check that you may read it."
        ) from None
    if not head:
        raise ImageError("The file is empty; copy or export it again.")
    if found := _from_head(head):
        return found
    raise ImageError(f"This is not an image that Bone Studio reads: {_KNOWN}.")


def _from_head(head: bytes) -> Format | None:  # noqa: PLR0911 - one a format
    if head[128:132] == b"DICM":
        return "DICOM"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"\x1f\x8b"):
        return "NIfTI" if _is_nifti(_unpacked(head)) else None
    if _is_nifti(head):
        return "NIfTI"
    if _is_meta_image(head):
        return "MHA"
    words = tuple(int.from_bytes(head[at : at + 4], "little") for at in (0, 4))
    if words in _AIM_HEADERS:
        return "AIM"
    if head[:2] in _BARE_DICOM and len(head) > 8 and 0 < head[2] + head[3] < 0x20:
        return "DICOM"
    return None


def _unpacked(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, 1024)
    except zlib.error:
        return b""


def _is_nifti(head: bytes) -> bool:
    size = {head[:4], head[:4][::-1]}
    one = (348).to_bytes(4, "little") in size and head[344:347] in {b"n+1", b"ni1"}
    two = (540).to_bytes(4, "little") in size and head[4:7] in {b"n+2", b"ni2"}
    return one or two


def _is_meta_image(head: bytes) -> bool:
    key = head.split(b"=", 1)[0].strip()
    return key in {b"ObjectType", b"NDims", b"Comment"} and b"NDims" in head

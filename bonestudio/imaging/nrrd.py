"""NRRD with its voxels in the same file: raw, gzip, or numbers as text.

A detached header could name any file of the machine, so it is refused.
"""

import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging import greys, labels, limits, text_headers
from bonestudio.imaging.orientation import to_standard
from bonestudio.imaging.reading import Reading
from bonestudio.imaging.types import Volume

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPE = {name: code for code, names in _TYPES.items() for name in names}
# Signs that turn a space's axes into (L, P, S).
_SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
_LONGEST_HEADER = 1 << 20
_LONGEST_TEXT = 64 << 20


def volume(path: Path) -> Reading[Volume]:
    """Read a volume of two or three axes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        fields, texts = _header(file)
        stored = _voxels(file, size - file.tell(), fields)
    spacing, turned = _geometry(stored, fields)
    label = labels.parse(texts.pop(labels.KEY, None))
    dropped = ("text fields",) if texts else ()
    image = labels.volume(greys.to_voxels(turned), spacing=spacing, label=label)
    return Reading(image=image, detail=f"{fields['type']}, {fields['encoding']}", dropped=dropped)


def encode(image: Volume) -> bytes:
    """Float32 NRRD, gzip, axes along (L, P, S) as the studio holds them."""
    columns, rows, slices = image.shape[::-1]
    lines = ["NRRD0005", f"# {labels.NOTICE}", "type: float", "dimension: 3"]
    if image.spacing:
        deep, down, across = image.spacing
        lines += [
            "space: left-posterior-superior",
            f"space directions: ({across!r},0,0) (0,{down!r},0) (0,0,{deep!r})",
            "space origin: (0,0,0)",
            'space units: "mm" "mm" "mm"',
        ]
    lines += [
        f"sizes: {columns} {rows} {slices}",
        "endian: little",
        "encoding: gzip",
        f"{labels.KEY}:={labels.volume_label(image)}",
    ]
    packer = zlib.compressobj(level=4, wbits=31)
    values = np.ascontiguousarray(image.voxels, "<f4")
    head = ("\n".join(lines) + "\n\n").encode("ascii")
    return head + packer.compress(values.data) + packer.flush()


def _header(file: BinaryIO) -> tuple[dict[str, str], dict[str, str]]:
    """Fields by name, and the free texts (comments, key:=value) by key."""
    fields: dict[str, str] = {}
    texts: dict[str, str] = {}
    file.readline(64)
    while True:
        raw = file.readline(_LONGEST_HEADER)
        if not raw.endswith(b"\n") or file.tell() > _LONGEST_HEADER:
            raise ImageError("The NRRD header has no end; copy or export the file again.")
        line = raw.decode("utf-8", "replace").strip()
        if not line:
            return fields, texts
        if line.startswith("#"):
            if line[1:].strip() not in {"", labels.NOTICE} and "http" not in line:
                texts[line] = line
        elif ":=" in line:
            key, value = line.split(":=", 1)
            texts[key] = value
        elif ":" in line:
            key, value = line.split(":", 1)
            fields[key.strip().lower()] = value.strip()


def _voxels(file: BinaryIO, have: int, fields: dict[str, str]) -> NDArray[Any]:
    if "data file" in fields or "datafile" in fields:
        raise ImageError("The voxels are in another file; save header and voxels as one .nrrd.")
    if any(int(fields.get(key, "0") or 0) for key in ("line skip", "byte skip")):
        raise ImageError("The NRRD file skips bytes before its voxels; save it again without.")
    code = _DTYPE.get(fields.get("type", "").lower())
    if code is None:
        raise ImageError("The NRRD file does not hold plain numbers; export it as grey levels.")
    order = ">" if fields.get("endian", "little").lower() == "big" else "<"
    shape = text_headers.spatial(text_headers.sizes(fields.get("sizes", "")))
    encoding = fields.setdefault("encoding", "raw").lower()
    if encoding in {"text", "txt", "ascii"}:
        if have > _LONGEST_TEXT:
            raise ImageError("The NRRD file holds its voxels as a long text; save it as gzip.")
        return _written_out(file, shape, np.dtype(code))
    if encoding not in {"raw", "gzip", "gz"}:
        raise ImageError("The NRRD encoding is not raw, gzip or text; save it again as gzip.")
    return text_headers.voxels(
        file,
        have,
        shape=shape,
        dtype=np.dtype(order + code),
        packing=0 if encoding == "raw" else 31,
    )


def _written_out(file: BinaryIO, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    limits.check_volume(shape[::-1])
    words = file.read().split()
    limits.check_payload(shape[0] * shape[1] * shape[2], len(words))
    values = np.array(words[: shape[0] * shape[1] * shape[2]], dtype=np.float64)
    return values.astype(dtype).reshape(shape[::-1])


def _geometry(
    stored: NDArray[Any], fields: dict[str, str]
) -> tuple[list[float] | None, NDArray[Any]]:
    """Spacing in (slice, row, column) order, and the voxels turned to the standard axes."""
    if "space directions" in fields:
        steps = text_headers.floats(fields["space directions"].replace("none", ""))
        if len(steps) == 9 and np.isfinite(steps).all():
            directions = np.reshape(steps, (3, 3))
            sizes = np.linalg.norm(directions, axis=1)[::-1]
            signs = _SPACES.get(fields.get("space", "").lower())
            if signs is None:
                return list(sizes), stored
            turned, order = to_standard(stored, directions[::-1] * signs)
            return [float(sizes[n]) for n in order], turned
    sizes = np.asarray(text_headers.floats(fields.get("spacings", "")))
    if sizes.size == stored.ndim and np.isfinite(sizes).all():
        return [abs(float(v)) for v in sizes[::-1]], stored
    return None, stored

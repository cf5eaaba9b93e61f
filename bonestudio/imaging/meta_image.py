"""MetaImage (.mha): a text header in front of raw or zlib-packed voxels, as ITK writes it.

A header whose voxels lie in another file (.mhd) could name any file, so it is refused.
"""

import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging import greys, labels, text_headers
from bonestudio.imaging.orientation import to_standard
from bonestudio.imaging.reading import Reading
from bonestudio.imaging.types import Volume

_DTYPE = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_STRUCTURE = frozenset(
    [
        "ObjectType",
        "ObjectSubType",
        "NDims",
        "BinaryData",
        "BinaryDataByteOrderMSB",
        "ElementByteOrderMSB",
        "CompressedData",
        "CompressedDataSize",
        "CompressionLevel",
        "TransformMatrix",
        "Rotation",
        "Orientation",
        "Offset",
        "Position",
        "Origin",
        "CenterOfRotation",
        "AnatomicalOrientation",
        "ElementSpacing",
        "ElementSize",
        "DimSize",
        "HeaderSize",
        "Modality",
        "SequenceID",
        "ElementMin",
        "ElementMax",
        "ElementNumberOfChannels",
        "ElementType",
        "ElementDataFile",
        "ITK_InputFilterName",
        "Notice",
    ]
)
_LONGEST_HEADER = 1 << 20


def volume(path: Path) -> Reading[Volume]:
    """Read a volume of two or three axes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        fields = _header(file)
        stored = _voxels(file, size - file.tell(), fields)
    spacing, turned = _geometry(stored, fields)
    label = labels.parse(fields.pop(labels.KEY, None))
    dropped = ("text fields",) if fields.keys() - _STRUCTURE else ()
    image = labels.volume(greys.to_voxels(turned), spacing=spacing, label=label)
    return Reading(image=image, detail=fields["ElementType"], dropped=dropped)


def encode(image: Volume) -> bytes:
    """Float32 MetaImage, zlib, axes along (L, P, S) as the studio holds them."""
    packed = zlib.compress(np.ascontiguousarray(image.voxels, "<f4").data, 4)
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {len(packed)}",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        "Offset = 0 0 0",
        "DimSize = " + " ".join(str(n) for n in image.shape[::-1]),
        f"Notice = {labels.NOTICE}",
        f"{labels.KEY} = {labels.volume_label(image)}",
        "ElementType = MET_FLOAT",
        "ElementDataFile = LOCAL",
    ]
    if image.spacing:
        steps = " ".join(repr(v) for v in image.spacing[::-1])
        lines.insert(8, f"ElementSpacing = {steps}")
    return ("\n".join(lines) + "\n").encode("ascii") + packed


def _header(file: BinaryIO) -> dict[str, str]:
    fields: dict[str, str] = {}
    while "ElementDataFile" not in fields:
        raw = file.readline(_LONGEST_HEADER)
        if not raw.endswith(b"\n") or file.tell() > _LONGEST_HEADER:
            raise ImageError("The MetaImage header has no end; copy or export the file again.")
        key, _, value = raw.decode("utf-8", "replace").partition("=")
        fields[key.strip()] = value.strip()
    return fields


def _voxels(file: BinaryIO, have: int, fields: dict[str, str]) -> NDArray[Any]:
    if fields["ElementDataFile"].upper() != "LOCAL":
        raise ImageError("The voxels are in another file; save header and voxels as one .mha.")
    code = _DTYPE.get(fields.get("ElementType", ""))
    if code is None or fields.get("ElementNumberOfChannels", "1") != "1":
        raise ImageError(
            "The MetaImage file does not hold plain numbers; export it as grey levels."
        )
    if fields.get("BinaryData", "True").lower() != "true":
        raise ImageError("The MetaImage file holds its voxels as text; save it as binary.")
    msb = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False"))
    return text_headers.voxels(
        file,
        have,
        shape=text_headers.spatial(text_headers.sizes(fields.get("DimSize", ""))),
        dtype=np.dtype((">" if msb.lower() == "true" else "<") + code),
        packing=15 if fields.get("CompressedData", "False").lower() == "true" else 0,
    )


def _geometry(
    stored: NDArray[Any], fields: dict[str, str]
) -> tuple[list[float] | None, NDArray[Any]]:
    """Spacing in (slice, row, column) order, and the voxels turned to the standard axes."""
    steps = text_headers.floats(fields.get("ElementSpacing", fields.get("ElementSize", "")))
    if len(steps) == 2:
        steps.append(1.0)
    given = len(steps) == 3 and bool(np.isfinite(steps).all())
    sizes = [abs(v) for v in steps[::-1]] if given else None
    matrix = text_headers.floats(
        fields.get("TransformMatrix", fields.get("Rotation", fields.get("Orientation", "")))
    )
    if len(matrix) != 9 or not np.isfinite(matrix).all():
        return sizes, stored
    # Row n of the matrix is where axis n (x, y, z) points, in (L, P, S).
    turned, order = to_standard(stored, np.reshape(matrix, (3, 3))[::-1])
    return [sizes[n] for n in order] if sizes else None, turned

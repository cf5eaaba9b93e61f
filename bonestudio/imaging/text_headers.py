"""What NRRD and MetaImage share: a text header in front of raw or packed voxels."""

import math
import zlib
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging import limits

_DEFLATE = 1032
_CHUNK = 1 << 20


def floats(text: str) -> list[float]:
    """Numbers in a text, brackets and commas aside; anything else becomes NaN."""
    for mark in "(),":
        text = text.replace(mark, " ")
    return [_number(word) for word in text.split()]


def sizes(text: str) -> list[int]:
    """Axis lengths of a header: two or three of them."""
    words = text.split()
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise ImageError("The header gives no size; export the volume again.")
    return [int(word) for word in words]


def spatial(shape: Sequence[int]) -> tuple[int, int, int]:
    """[x, y] or [x, y, z] as (x, y, z); more axes are refused."""
    if len(shape) == 2:
        return shape[0], shape[1], 1
    if len(shape) != 3:
        raise ImageError(f"The file has {len(shape)} axes; a volume has three.")
    return shape[0], shape[1], shape[2]


def voxels(
    file: BinaryIO, have: int, *, shape: tuple[int, int, int], dtype: np.dtype[Any], packing: int
) -> NDArray[Any]:
    """Read [z, y, x] voxels from where a file stands.

    Parameters
    ----------
    have
        Bytes left in the file.
    packing
        zlib's window bits (31 for gzip, 15 for zlib), 0 for raw.
    """
    need = math.prod(shape) * dtype.itemsize
    limits.check_payload(need, have * _DEFLATE if packing else have)
    limits.check_volume(shape[::-1])
    data = _unpack(file, need, packing) if packing else file.read(need)
    limits.check_payload(need, len(data))
    return np.frombuffer(data, dtype, count=math.prod(shape)).reshape(shape[::-1])


def _unpack(file: BinaryIO, need: int, packing: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=packing)
    parts = []
    done = 0
    while done < need and not unpacker.eof:
        chunk = unpacker.unconsumed_tail or file.read(_CHUNK)
        if not chunk:
            break
        part = unpacker.decompress(chunk, need - done)
        parts.append(part)
        done += len(part)
    return b"".join(parts)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return math.nan

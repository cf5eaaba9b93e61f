"""Reading the tags of a DICOM file, after a deflated one was found to unpack to a size that fits.

pydicom unpacks such a file whole before it reads its first tag, and deflate packs a thousand bytes
into one: a file of 2 MB may ask for 2 GB.
"""

import zlib
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

from bonestudio.errors import ImageError
from bonestudio.imaging import limits

_PIECE = 1 << 20
# What is unpacked is held twice, and its pixels become float32.
_COPIES = 8


def read(path: Path, *, force: bool = False, **options: Any) -> Dataset:
    """Read a file's tags as :func:`pydicom.dcmread` does."""
    _check_deflated(path, force=force)
    return pydicom.dcmread(path, force=force, **options)


def _check_deflated(path: Path, *, force: bool) -> None:
    with path.open("rb") as file:
        read_preamble(file, force=force)
        meta = _read_file_meta_info(file)
        if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return
        most = limits.free_memory() // _COPIES
        unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        size = 0
        while not unpacker.eof and (piece := unpacker.unconsumed_tail or file.read(_PIECE)):
            size += len(unpacker.decompress(piece, _PIECE))
            if size > most:
                raise ImageError(
                    f"The DICOM file unpacks to more than {most / 2**30:.1f} GB, more than this "
                    "machine can give; export it without deflate, or in parts."
                )

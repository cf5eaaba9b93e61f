"""How large a compressed frame says it is, asked before a native decoder allocates for it."""

from bonestudio.errors import ImageError

_J2K = b"\xff\x4f\xff\x51"
_JP2 = b"\x00\x00\x00\x0cjP  "
_JPEG = b"\xff\xd8"
# SOF markers: baseline to lossless arithmetic, and JPEG-LS (0xF7); not DHT, JPG, DAC.
_FRAMES = (set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


def check(frame: bytes, rows: int, columns: int) -> None:
    """Refuse a frame whose own header contradicts the DICOM tags; RLE has no header of a size."""
    size = _size(frame)
    if size is not None and size != (rows, columns):
        raise ImageError(
            f"The compressed pixels say {size[1]} × {size[0]} but the tags say {columns} × {rows}; "
            "the file is damaged, export it again."
        )


def _size(frame: bytes) -> tuple[int, int] | None:
    if frame.startswith(_JP2):
        start = frame.find(_J2K)
        return _siz(frame, start) if start >= 0 else (0, 0)
    if frame.startswith(_J2K):
        return _siz(frame, 0)
    return _sof(frame) if frame.startswith(_JPEG) else None


def _siz(frame: bytes, start: int) -> tuple[int, int]:
    """JPEG 2000: image extent less its offset (ISO 15444-1, A.5.1)."""
    right, bottom, left, top, tile_w, tile_h = (
        int.from_bytes(frame[at : at + 4], "big") for at in range(start + 8, start + 32, 4)
    )
    components = int.from_bytes(frame[start + 40 : start + 42], "big")
    # A tile far larger than the image, or thousands of components, only serve to fill memory.
    if components not in range(1, 5) or tile_w == 0 or tile_h == 0:
        return 0, 0
    return bottom - top, right - left


def _sof(frame: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(frame):
        if frame[at] != 0xFF:
            return 0, 0
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _FRAMES:
            return (
                int.from_bytes(frame[at + 5 : at + 7], "big"),
                int.from_bytes(frame[at + 7 : at + 9], "big"),
            )
        if marker == 0xDA:
            return 0, 0
        at += 2 + max(int.from_bytes(frame[at + 2 : at + 4], "big"), 2)
    return 0, 0

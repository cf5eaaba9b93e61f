"""Pictures that move: MP4 (H.264), whole or refused."""

from collections.abc import Iterable
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_mp4(
    path: Path, pictures: Iterable[NDArray[np.uint8]], *, fps: int, comment: str = ""
) -> None:
    """Write pictures [height, width, 3] as an MP4; ``comment`` becomes one of its tags.

    Raises
    ------
    OSError
        Also where FFmpeg ended early on a full disk, which imageio does not tell.
    """
    import imageio.v2 as iio

    told = ["-metadata", f"comment={comment}"] if comment else []
    writer: Any
    with iio.get_writer(
        path,
        format="FFMPEG",
        fps=fps,
        codec="libx264",
        quality=8,
        macro_block_size=2,
        output_params=[*told, "-movflags", "+faststart"],
    ) as writer:
        for one in pictures:
            writer.append_data(one)
    if not _whole(path):
        raise OSError(ENOSPC, "No space left on device")


def _whole(path: Path) -> bool:
    """Whether a file's atoms fill it to its end and hold both its index and its pictures."""
    size = path.stat().st_size
    found = set()
    at = 0
    with path.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            length, name = int.from_bytes(file.read(4), "big"), file.read(4)
            if length == 1:  # 64 bits follow
                length = int.from_bytes(file.read(8), "big")
            if length < 8:
                return False
            found.add(name)
            at += length
    return at == size and {b"moov", b"mdat"} <= found

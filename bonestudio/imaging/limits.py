"""How large an image may be, asked before a byte of its pixels is decoded.

A picture of a hundred million pixels is four times the largest mammogram; a volume may take
half of the memory that the machine has free (``BONESTUDIO_MEMORY_GB`` sets less). Both keep
decompression bombs and headers that lie from taking the machine down.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from bonestudio.errors import ImageError

MAX_PIXELS = 100_000_000
MAX_SIDE = 65_535
_DEFAULT_MEMORY = 8 << 30
# float32 voxels (4 bytes), what they are converted from (2 to 4) and a working copy.
_BYTES_PER_VOXEL = 10


def check_film(height: int, width: int) -> None:
    """Refuse a picture of no pixels, or of more than :data:`MAX_PIXELS`."""
    if height < 1 or width < 1:
        raise ImageError("The image has no pixels; export it again from the original.")
    if height > MAX_SIDE or width > MAX_SIDE or height * width > MAX_PIXELS:
        raise ImageError(
            f"The image says it is {width} × {height} pixels; at most {MAX_PIXELS // 1_000_000} "
            "million are read, so export it smaller or crop it."
        )


def check_volume(shape: Sequence[int]) -> None:
    """Refuse a volume of no voxels, or of more than half of the free memory can hold."""
    if len(shape) != 3 or min(shape) < 1:
        raise ImageError("The file holds no volume of slices, rows and columns.")
    need = math.prod(shape) * _BYTES_PER_VOXEL
    if max(shape) > MAX_SIDE or need > free_memory() // 2:
        size = " × ".join(str(n) for n in shape)
        raise ImageError(
            f"The volume says it is {size} voxels and needs {need / 2**30:.1f} GB of memory, "
            f"more than this machine can give ({free_memory() / 2**31:.1f} GB); "
            "crop it or halve its resolution."
        )


def check_payload(need: int, have: int) -> None:
    """Refuse a file that holds fewer bytes of pixels than its header promises."""
    if need > have:
        raise ImageError(
            f"The header promises {need} bytes of pixels but the file holds {max(have, 0)}: "
            "it is truncated or its header is wrong; copy or export it again."
        )


def free_memory() -> int:
    """Bytes this process may still take: the machine's free memory or the container's limit."""
    limits = [_DEFAULT_MEMORY]
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                limits = [int(line.split()[1]) * 1024]
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    except (OSError, ValueError):  # Not Linux, or a container without a limit ('max').
        pass
    if chosen := os.environ.get("BONESTUDIO_MEMORY_GB"):
        try:
            limits.append(int(float(chosen) * 2**30))
        except (ValueError, OverflowError) as error:
            raise ImageError("BONESTUDIO_MEMORY_GB must be a number of gigabytes.") from error
    return min(limits)

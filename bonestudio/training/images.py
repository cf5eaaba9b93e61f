"""Folders of pictures as one array in memory, which no training step ever waits for."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bonestudio.errors import TrainingError
from bonestudio.places import cache
from bonestudio.training.order import Rows

ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
Pixels = NDArray[np.uint8]


class PictureArray:
    """Gray pictures [n, size, size] uint8; a batch is [n, 1, size, size] float32 in [-1, 1]."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = torch.from_numpy(np.ascontiguousarray(pixels))

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, row: int) -> Tensor:
        return self.batch(np.array([row]))[0]

    def batch(self, rows: Rows) -> Tensor:
        """Return the pictures of these rows."""
        return self.pixels[torch.from_numpy(rows)].unsqueeze(1).float().div_(127.5).sub_(1.0)


def read_folder(folder: Path, *, size: int) -> Pixels:
    """Read every picture below a folder: gray, padded to a square with black, ``size`` pixels.

    What was read is kept in the cache folder under the names, sizes and times of the files.
    """
    files = picture_files(folder)
    return cached(files, f"gray-square-{size}", lambda: np.stack([_square(f, size) for f in files]))


def picture_files(folder: Path) -> list[Path]:
    """List the pictures below a folder, in a fixed order; there must be some."""
    if not str(folder) or str(folder) == ".":
        raise TrainingError("This recipe needs images; say where they are with --data FOLDER.")
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}; give one of images with --data FOLDER.")
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in ENDINGS)
    if not files:
        raise TrainingError(f"The folder {folder} has no PNG, JPEG or TIFF images in it.")
    return files


def cached(files: list[Path], how: str, read: Callable[[], Pixels]) -> Pixels:
    """Return what ``read`` makes of the files, from the cache if it was made before."""
    key = hashlib.sha256(how.encode())
    for file in files:
        stat = file.stat()
        key.update(f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}".encode())
    kept = cache() / "pictures" / f"{key.hexdigest()[:24]}.npy"
    if kept.is_file():
        try:
            return np.load(kept, allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError):
            pass  # damaged: read anew
    pixels = read()
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as scratch:
            np.save(scratch, pixels, allow_pickle=False)
        Path(scratch.name).replace(kept)
    except OSError:
        pass  # a cache that cannot be written only costs time
    return pixels


def _square(file: Path, size: int) -> Pixels:
    try:
        with Image.open(file) as picture:
            gray = picture.convert("L")
    except OSError as error:
        raise TrainingError(f"The picture {file} cannot be read; remove or replace it.") from error
    side = max(gray.size)
    square = Image.new("L", (side, side))
    square.paste(gray, ((side - gray.width) // 2, (side - gray.height) // 2))
    return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))

"""Sample sheets: what a network draws, as one PNG a person can look at."""

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from bonestudio.errors import StorageError


def write_sheet(images: Tensor, path: Path, *, gap: int = 2) -> None:
    """Write [rows, columns, channels, height, width] in [-1, 1] as a grid; 1 or 3 channels."""
    rows, columns, channels, height, width = images.shape
    levels = images.detach().float().cpu().clamp(-1, 1).add(1).mul(127.5).round().byte().numpy()
    sheet = np.zeros(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels), np.uint8
    )
    for r in range(rows):
        for c in range(columns):
            top, left = r * (height + gap), c * (width + gap)
            sheet[top : top + height, left : left + width] = levels[r, c].transpose(1, 2, 0)
    try:
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(sheet.squeeze(-1) if channels == 1 else sheet).save(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}.") from error

"""Images made alike on the wire, so that nothing but the picture can give the class away.

Real and synthetic images are decoded, windowed, resized and written by one path: a bare 8-bit
gray PNG, uncompressed, so that even its length is the same for all (a smooth synthetic image
would compress better than a grainy real one).
"""

import hashlib
import io
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bonestudio.errors import StudyError
from bonestudio.imaging.types import Radiograph
from bonestudio.turing.protocol import Item


@dataclass
class Deck:
    """Items of a study in the making, and their images by SHA-256."""

    size: tuple[int, int]
    items: list[Item] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)

    def add(
        self,
        films: Sequence[Radiograph],
        truth: str,
        *,
        group: str = "",
        practice: bool = False,
        scores: Mapping[str, float] | None = None,
    ) -> None:
        """Add one item: a film, or a pair (the original first)."""
        shas = []
        for film in films:
            png = encode(film, self.size)
            shas.append(hashlib.sha256(png).hexdigest())
            self.images[shas[-1]] = png
        if truth in {"progression", "regression"} and len(set(shas)) < len(shas):
            raise StudyError("A pair holds the same image twice; it would have no answer.")
        self.items.append(
            Item.model_validate(
                {
                    "key": secrets.token_hex(8),
                    "images": shas,
                    "truth": truth,
                    "group": group,
                    "practice": practice,
                    "scores": dict(scores or {}),
                }
            )
        )


def encode(film: Radiograph, size: tuple[int, int]) -> bytes:
    """Write a film as the reader's browser gets it: [height, width] = ``size``, 8-bit, no metadata."""
    gray = _fit(_window(film), size)
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def decode(png: bytes) -> NDArray[np.uint8]:
    """Read the pixels of an encoded film back, [height, width]."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        return np.asarray(image, dtype=np.uint8)


def common_size(films: Iterable[Radiograph], *, longest: int = 1024) -> tuple[int, int]:
    """Return one size that suits all: the median shape, its longest side at most ``longest``."""
    shapes = np.array([film.shape for film in films], dtype=np.float64)
    if not len(shapes):
        raise StudyError("A study needs images.")
    height, width = np.median(shapes, axis=0)
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _window(film: Radiograph) -> NDArray[np.float32]:
    """Stretch between the 0.5th and 99.5th percentile: exposure must not tell the classes apart."""
    low, high = np.percentile(film.pixels, [0.5, 99.5])
    if high <= low:
        raise StudyError("An image of the study is blank.")
    stretched: NDArray[np.float32] = np.clip((film.pixels - low) / (high - low), 0, 1)
    return stretched.astype(np.float32)


def _fit(pixels: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize with the aspect kept, black around; shrinking is antialiased."""
    height, width = size
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    inner = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    resized = Image.fromarray(pixels).resize(inner, Image.Resampling.BICUBIC)
    canvas = np.zeros(size, dtype=np.uint8)
    top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
    gray = np.round(np.clip(np.asarray(resized), 0, 1) * 255).astype(np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = gray
    return canvas

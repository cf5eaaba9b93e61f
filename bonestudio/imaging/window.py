"""A film as it is meant to be shown: its display window stretched over [0, 1]."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bonestudio.imaging.types import Radiograph


def windowed(film: Radiograph) -> Radiograph:
    """Return the film with its window applied: what lies outside is black or white."""
    low, high = film.window
    if (low, high) == (0.0, 1.0):
        return film
    pixels = (film.pixels - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return replace(film, pixels=np.clip(pixels, 0, 1, dtype=np.float32), window=(0.0, 1.0))


def to_bytes(film: Radiograph) -> NDArray[np.uint8]:
    """Return what a screen shows of the film: [height, width] uint8, window applied."""
    shown: NDArray[np.uint8] = np.rint(windowed(film).pixels * 255).astype(np.uint8)
    return shown

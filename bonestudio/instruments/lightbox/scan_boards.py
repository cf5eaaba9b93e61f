"""What is put together without a renderer: three slices beside a drawing, the bar of densities."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.imaging.types import Volume
from bonestudio.instruments.lightbox.scan_views import Window

DENSITIES = (200.0, 1000.0)  # mg HA/cm³: from sparse trabeculae to compact bone
_SCALE = ((38, 56, 92), (104, 118, 140), (232, 220, 196), (255, 250, 238))
_CYAN = (76, 201, 240)
_FAINT = (154, 164, 178)


def density_colours() -> list[str]:
    """Return 128 colours from slate blue (sparse) to ivory (compact), ever lighter, as '#rrggbb'."""
    stops = np.linspace(0, 1, len(_SCALE))
    at = np.linspace(0, 1, 128)
    channels = (np.interp(at, stops, [colour[c] for colour in _SCALE]) for c in range(3))
    return ["#{:02x}{:02x}{:02x}".format(*map(round, rgb)) for rgb in zip(*channels, strict=True)]


def with_density_bar(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw the colour bar with its numbers and unit into the lower right corner, [H, W, 3]."""
    from PIL import Image, ImageDraw

    board = Image.fromarray(drawn)
    pen = ImageDraw.Draw(board)
    height, width = drawn.shape[:2]
    tall = max(64, height // 5)
    left, top = width - 24, height - tall - 16
    colours = density_colours()
    for line in range(tall):
        fill = colours[round((1 - line / (tall - 1)) * 127)]
        pen.line((left, top + line, left + 9, top + line), fill=fill)
    low, high = DENSITIES
    for part, value in ((0, high), (0.5, (low + high) / 2), (1, low)):
        pen.text((left - 6, top + part * tall), f"{value:.0f}", _FAINT, font_size=12, anchor="rm")
    # Pillow's own font has no raised 3.
    pen.text((width - 20, top - 18), "mg HA/cm", _FAINT, font_size=12, anchor="rm")
    pen.text((width - 14, top - 22), "3", _FAINT, font_size=9, anchor="rm")
    return np.asarray(board, np.uint8)


def four_panes(
    volume: Volume,
    drawn: NDArray[np.uint8],
    *,
    window: Window,
    at: tuple[float, float, float],
    oriented: bool,
    title: str,
) -> NDArray[np.uint8]:
    """Put coronal and sagittal slices over the axial one and a drawing [S, S, 3]: [2S, 2S, 3].

    ``at`` is where the slices cross, as fractions of (slices, rows, columns).
    """
    from PIL import Image, ImageDraw

    side = drawn.shape[0]
    dz, dy, dx = volume.spacing or (1.0, 1.0, 1.0)
    cut = [min(n - 1, max(0, int(f * n))) for f, n in zip(at, volume.shape, strict=True)]
    z, y, x = cut
    fz, fy, fx = ((i + 0.5) / n for i, n in zip(cut, volume.shape, strict=True))
    board = Image.new("RGB", (2 * side, 2 * side))
    pen = ImageDraw.Draw(board)
    slices = (
        ("Coronal", "RLSI", volume.voxels[::-1, y], (dz, dx), (1 - fz, fx), (0, 0)),
        ("Sagittal", "APSI", volume.voxels[::-1, :, x], (dz, dy), (1 - fz, fy), (1, 0)),
        ("Axial", "RLAP", volume.voxels[z], (dy, dx), (fy, fx), (0, 1)),
    )
    for name, letters, values, spacing, (down, across), (column, row) in slices:
        picture = _scaled(values, spacing, window, side - 2)
        left = column * side + (side - picture.width) // 2
        top = row * side + (side - picture.height) // 2
        board.paste(picture, (left, top))
        x_line, y_line = left + across * picture.width, top + down * picture.height
        pen.line((x_line, top, x_line, top + picture.height - 1), fill=_CYAN)
        pen.line((left, y_line, left + picture.width - 1, y_line), fill=_CYAN)
        _write(pen, name, (column * side + 8, row * side + 14), "lm")
        if oriented:
            _letters(pen, letters, (column * side, row * side), side)
    board.paste(Image.fromarray(drawn), (side, side))
    _write(pen, title, (side + 8, side + 14), "lm")
    return np.asarray(board, np.uint8)


def _scaled(
    values: NDArray[np.float32], spacing: tuple[float, float], window: Window, most: int
) -> Any:
    """Return a slice [rows, columns] in grey, its pixels square, its longer side ``most`` pixels."""
    from PIL import Image

    low, high = window
    grey = np.clip((values - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    height, width = values.shape[0] * spacing[0], values.shape[1] * spacing[1]
    scale = most / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    return Image.fromarray(grey).resize(shape, Image.Resampling.BILINEAR)


def _letters(pen: Any, letters: str, corner: tuple[int, int], side: int) -> None:
    """Write left, right, top, bottom at the edges of a pane, clear of the crosshair."""
    x, y = corner
    middle = side // 2 + 14
    places = ((8, middle), (side - 8, middle), (middle, 14), (middle, side - 14))
    for letter, (across, down), anchor in zip(
        letters, places, ("lm", "rm", "lm", "lm"), strict=True
    ):
        _write(pen, letter, (x + across, y + down), anchor)


def _write(pen: Any, text: str, place: tuple[int, int], anchor: str) -> None:
    """Write on a black strip, so that the text stays readable over bone."""
    pen.rectangle(pen.textbbox(place, text, font_size=14, anchor=anchor), fill=(0, 0, 0))
    pen.text(place, text, fill=_FAINT, font_size=14, anchor=anchor)

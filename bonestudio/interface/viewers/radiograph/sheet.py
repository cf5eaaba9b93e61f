"""What a viewer is asked to show, and the form in which it travels: files and a little JSON."""

from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import numpy as np
from gradio.data_classes import FileData
from jaxtyping import UInt8
from numpy.typing import NDArray

from bonestudio.imaging.types import Radiograph
from bonestudio.interface.viewers.scripted import written


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A film and what stands beside it: its name, and a badge when it was generated."""

    film: Radiograph
    name: str
    badge: str | None = None


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """Colours over the film, [height, width, 4] RGBA; alpha 0 where nothing is to be seen."""

    rgba: UInt8[NDArray[np.uint8], "height width 4"]
    name: str
    opacity: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One film, or two under a wipe, with overlays.

    Attributes
    ----------
    second
        Right of the wipe's edge; drawn as large as the first.
    keep_view
        Zoom, turn and window stay as the reader left them (a slider moved, not another patient).
    """

    first: Shown
    second: Shown | None = None
    overlays: tuple[Overlay, ...] = ()
    keep_view: bool = False

    def packed(self, folder: Path) -> dict[str, Any]:
        """Write the pictures into the visitor's folder and return what the browser gets."""
        films = [self.first] if self.second is None else [self.first, self.second]
        return {
            "films": [_film(shown, folder) for shown in films],
            "overlays": [_overlay(overlay, folder) for overlay in self.overlays],
            "keepView": self.keep_view,
        }


def _film(shown: Shown, folder: Path) -> dict[str, Any]:
    """16-bit pixels: a browser would cut a PNG to 8 bits."""
    height, width = shown.film.shape
    grey = np.rint(np.clip(shown.film.pixels, 0, 1) * 65535).astype(np.uint16)
    return {
        "file": written(grey, folder, name="film"),
        "width": width,
        "height": height,
        "spacing": shown.film.spacing,
        "window": shown.film.window,
        "name": shown.name,
        "badge": shown.badge,
    }


def _overlay(overlay: Overlay, folder: Path) -> dict[str, Any]:
    from PIL import Image

    path = folder / f"{token_urlsafe(16)}.png"
    Image.fromarray(overlay.rgba, "RGBA").save(path, compress_level=1)
    return {
        "file": FileData(path=str(path), orig_name="overlay").model_dump(),
        "name": overlay.name,
        "opacity": overlay.opacity,
    }

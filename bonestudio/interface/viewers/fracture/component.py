"""The Gradio side: fixed boxes, and the values that their scripts watch."""

import math
from collections.abc import Sequence
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.design import LEVELS
from bonestudio.instruments.fracture.studio import Drawn
from bonestudio.interface.viewers.scripted import scripted

_FOLDER: Final = Path(__file__).parent
OBLIQUITY: Final = (0.0, 65.0)  # degrees


def fracture_line(*, viewer: str) -> gr.HTML:
    """Lay the break as a handle over the radiograph viewer of a name.

    Listen with ``.open`` (the viewer is seen for the first time) and ``.moved``: ``event.level``,
    ``event.obliquity``.
    """
    return scripted(
        _FOLDER / "line.js",
        "fl-anchor",
        elem_id="fracture-line",
        events=("open", "moved"),
        elem_classes="bs-afloat",
        viewer=viewer,
    )


def packed_line(made: Drawn) -> dict[str, Any] | None:
    """Say where the break lies; None takes the handle away."""
    line, design = made.line, made.design
    if line is None:
        return None
    return {
        "at": line.at,
        "along": line.along,
        "across": line.across,
        "seen": line.seen,
        "width": line.width,
        "level": design.level,
        "levels": LEVELS[design.site],
        "obliquity": design.obliquity,
        "obliquities": OBLIQUITY,
    }


def hand_sheet() -> gr.HTML:
    """Place a sheet of hands with one of them large beside it, and a slider for the walk.

    Listen with ``.open``, ``.pick`` (``event.seed``) and ``.ends`` (``event.first``, ``event.last``).
    """
    return scripted(
        _FOLDER / "hands.js",
        "hs",
        elem_id="fracture-hands",
        events=("open", "pick", "ends"),
        elem_classes="bs-viewer",
    )


def packed_hands(
    seeds: Sequence[int], films: Sequence[Radiograph], folder: Path, *, large: int, weights: str
) -> dict[str, Any]:
    """Write a sheet of hands into the visitor's folder and say which is which.

    ``large`` is the seed of the one that is shown large until another is chosen.
    """
    sheet = _sprite(films, folder)
    return {"sheet": sheet, "seeds": list(seeds), "large": large, "weights": weights}


def packed_walk(first: int, last: int, films: Sequence[Radiograph], folder: Path) -> dict[str, Any]:
    """Write the frames of a walk: the slider then needs no server."""
    return {"sheet": _sprite(films, folder), "first": first, "last": last}


def _sprite(films: Sequence[Radiograph], folder: Path) -> dict[str, Any]:
    """All films in one picture, row after row."""
    from PIL import Image

    height, width = films[0].shape
    columns = math.ceil(math.sqrt(len(films)))
    rows = -(-len(films) // columns)
    picture = np.zeros((rows * height, columns * width), np.uint8)
    for number, film in enumerate(films):
        row, column = divmod(number, columns)
        place = np.s_[row * height : (row + 1) * height, column * width : (column + 1) * width]
        picture[place] = np.rint(film.pixels * 255)
    path = folder / f"{token_urlsafe(16)}.png"
    Image.fromarray(picture).save(path, compress_level=1)
    return {
        "file": FileData(path=str(path), orig_name="sheet").model_dump(),
        "columns": columns,
        "count": len(films),
        "width": width,
        "height": height,
    }

"""The Gradio side of the bones: two fixed boxes, and the values that their script watches."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.segmentation.export import COLOURS
from bonestudio.instruments.segmentation.segmenter import Segmentation
from bonestudio.interface.viewers.radiograph import Sheet, Shown
from bonestudio.interface.viewers.scripted import scripted, written

_SCRIPT: Final = Path(__file__).parent / "main.js"
# An event with this ``js`` is sent when the server knows what was painted and dragged before.
WHEN_SETTLED: Final = (
    "async (...said) => { await document.querySelector('.sg')?.settled?.(); return said; }"
)
_TITLES: Final = {
    "radial_inclination": "Radial inclination",
    "ulnar_variance": "Ulnar variance",
    "volar_tilt": "Volar tilt",
}


def mask_deck(*, viewer: str) -> gr.HTML:
    """Place opacity, contour and brush under the radiograph viewer of a name, whose film they provide.

    Listen with ``.open`` (the viewer is seen for the first time), ``.edited`` (``event.masks``, for :func:`unpacked`) and ``.moved``
    (``event.landmarks``: name → [row, column]); both carry ``event.edit``, to be sent back.
    """
    return scripted(
        _SCRIPT,
        "sg",
        mount="mountDeck",
        elem_id="bones-deck",
        events=("open", "edited", "moved"),
        elem_classes="bs-deck",
        viewer=viewer,
    )


def mask_findings() -> gr.HTML:
    """Place the bones with their switches, and the wrist's measurements."""
    return scripted(_SCRIPT, "sg-findings", mount="mountFindings", elem_id="bones-findings")


def packed(found: Segmentation, folder: Path, *, name: str, badge: str | None) -> dict[str, Any]:
    """Write film and masks into the visitor's folder and say what they are: the deck's value."""
    return {
        "film": token_urlsafe(16),
        "sheet": packed_film(found.film, folder, name=name, badge=badge),
        "bits": written(_bits(found), folder, name="bones"),
        "bones": [{"name": bone, "colour": COLOURS[i]} for i, bone in enumerate(found.bones)],
    }


def packed_film(film: Radiograph, folder: Path, *, name: str, badge: str | None) -> dict[str, Any]:
    """Write the film alone: what the deck's value has as 'sheet'."""
    return Sheet(first=Shown(film=film, name=name, badge=badge), keep_view=True).packed(folder)


def packed_findings(
    found: Segmentation, film: str, *, edit: int = 0, dice: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Say what was measured: the findings' value.

    ``film`` is the one that the deck's value names, ``edit`` that of the event it answers.
    """
    told = found.wrist.told()
    for row in told["measurements"]:
        row["title"] = _TITLES[row["name"]]
    return {**told, "film": film, "edit": edit, "dice": dict(dice) if dice is not None else None}


def unpacked(text: str, found: Segmentation) -> dict[str, NDArray[np.bool_]]:
    """Read the masks of ``event.masks``: a byte a pixel, a bit a bone, gzipped, in base 64."""
    height, width = found.film.shape
    try:
        packed_bytes = base64.b64decode(text, validate=True)
        raw = zlib.decompressobj(31).decompress(packed_bytes, height * width + 1)
    except (binascii.Error, zlib.error, ValueError, TypeError):
        raw = b""
    if len(raw) != height * width:
        raise RequestError("The edited mask did not arrive whole; paint again.")
    bits = np.frombuffer(raw, np.uint8).reshape(height, width)
    return {bone: (bits >> np.uint8(i) & 1) > 0 for i, bone in enumerate(found.bones)}


def _bits(found: Segmentation) -> NDArray[np.uint8]:
    bits = np.zeros(found.film.shape, np.uint8)
    for i, bone in enumerate(found.bones):
        if bone in found.masks:
            bits |= found.masks[bone].astype(np.uint8) << np.uint8(i)
    return bits

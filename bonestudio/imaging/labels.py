"""The few things kept about a patient and a picture, checked wherever they come from.

Spacing, window, view, laterality, age and sex: nothing else travels with an image, so a file
that Bone Studio writes cannot tell whose bone it shows. Formats without fields for these carry
them as a small JSON text.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.imaging.types import Laterality, Radiograph, Sex, Unit, Volume

KEY = "bonestudio"
NOTICE = "Research use, not for diagnosis"
# DICOM's view positions and their common spellings; free text could hold a name.
_VIEWS = frozenset(
    [
        "AP",
        "PA",
        "LL",
        "RL",
        "LLD",
        "RLD",
        "LLO",
        "RLO",
        "LAT",
        "LATERAL",
        "OBL",
        "OBLIQUE",
        "AXIAL",
        "TANGENTIAL",
        "SCAPHOID",
    ]
)


def film_label(film: Radiograph) -> str:
    """Write what is kept of a film besides its pixels as JSON."""
    return json.dumps(
        {
            KEY: 1,
            "spacing": film.spacing,
            "window": film.window,
            "view": view(film.view),
            "laterality": film.laterality,
            "age": film.age,
            "sex": film.sex,
            "notice": NOTICE,
        }
    )


def volume_label(volume: Volume) -> str:
    """Write what is kept of a volume besides its voxels as JSON."""
    return json.dumps(
        {
            KEY: 1,
            "spacing": volume.spacing,
            "unit": volume.unit,
            "laterality": volume.laterality,
            "age": volume.age,
            "sex": volume.sex,
            "notice": NOTICE,
        }
    )


def parse(text: str | bytes | None) -> dict[str, Any] | None:
    """Read a label back; None when the text is not one of ours."""
    if not text or len(text) > 4096:
        return None
    try:
        label = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return label if isinstance(label, dict) and KEY in label else None


def film(
    pixels: NDArray[np.float32],
    *,
    label: Mapping[str, Any] | None = None,
    window: tuple[float, float] = (0.0, 1.0),
) -> Radiograph:
    """Put [height, width] pixels and what a label says together."""
    label = label or {}
    spacing = lengths(label.get("spacing"), 2)
    return Radiograph(
        pixels=pixels,
        spacing=(spacing[0], spacing[1]) if spacing else None,
        window=_window(label.get("window")) or window,
        view=view(label.get("view")),
        laterality=laterality(label.get("laterality")),
        age=age(label.get("age")),
        sex=sex(label.get("sex")),
    )


def volume(
    voxels: NDArray[np.float32],
    *,
    spacing: Sequence[float] | None,
    label: Mapping[str, Any] | None = None,
    unit_: Unit = "unknown",
) -> Volume:
    """Put [slices, rows, columns] voxels and what a label says together."""
    label = label or {}
    sizes = lengths(spacing, 3) or lengths(label.get("spacing"), 3)
    return Volume(
        voxels=voxels,
        spacing=(sizes[0], sizes[1], sizes[2]) if sizes else None,
        unit=unit(label["unit"]) if "unit" in label else unit_,
        laterality=laterality(label.get("laterality")),
        age=age(label.get("age")),
        sex=sex(label.get("sex")),
    )


def lengths(value: Any, count: int) -> tuple[float, ...] | None:
    """``count`` sizes in mm between a nanometre and ten metres, or None.

    Headers keep sizes as float32; seven digits give 0.0607 back where it was meant.
    """
    try:
        sizes = tuple(float(f"{float(v):.7g}") for v in value)
    except (TypeError, ValueError, OverflowError):
        return None
    if len(sizes) != count or not all(1e-6 <= v <= 1e4 for v in sizes):
        return None
    return sizes


def view(value: Any) -> str | None:
    """Return a known view position, in capitals."""
    text = str(value).strip().upper() if value else ""
    return text if text in _VIEWS else None


def laterality(value: Any) -> Laterality | None:
    """'L' or 'R'."""
    text = str(value).strip().upper()[:1] if value else ""
    return "L" if text == "L" else "R" if text == "R" else None


def sex(value: Any) -> Sex | None:
    """'F' or 'M'."""
    text = str(value).strip().upper()[:1] if value else ""
    return "F" if text == "F" else "M" if text == "M" else None


def age(value: Any) -> float | None:
    """Years between 0 and 130."""
    try:
        years = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return years if 0 <= years <= 130 else None


def unit(value: Any) -> Unit:
    """Return a unit that Bone Studio knows."""
    if value == "HU":
        return "HU"
    return "mg HA/cm³" if value == "mg HA/cm³" else "unknown"


def _window(value: Any) -> tuple[float, float] | None:
    try:
        low, high = (float(v) for v in value)
    except (TypeError, ValueError, OverflowError):
        return None
    sound = math.isfinite(low) and math.isfinite(high) and low < high
    return (low, high) if sound else None

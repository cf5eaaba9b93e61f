"""What a file holds, in a few facts: ``bonestudio inspect FILE``."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bonestudio.imaging.reading import AnotherKindError, Reading, film_reading, volume_reading
from bonestudio.imaging.sniff import sniff
from bonestudio.imaging.types import Radiograph, Volume

_SERIES = {"DICOM series", "NIfTI", "NRRD", "MHA", "AIM", "ISQ"}


@dataclass(frozen=True, kw_only=True)
class Description:
    """What was read of a file, and what was not taken over.

    Attributes
    ----------
    format, detail
        Told by the file's content ('DICOM', '12-bit MONOCHROME1, JPEG Lossless').
    shape
        [height, width], or [slices, rows, columns].
    spacing_mm
        In the same order; None when the file does not say.
    unit
        'fraction of the stored range' for a radiograph.
    range
        Smallest and largest value, in ``unit``.
    dropped
        Kinds of information that stayed behind ('patient name'), never their values.
    """

    kind: Literal["radiograph", "volume"]
    format: str
    detail: str
    shape: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    unit: str
    range: tuple[float, float]
    window: tuple[float, float] | None
    view: str | None
    laterality: str | None
    age: float | None
    sex: str | None
    dropped: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give the same as plain data for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Give the same as text, one fact a line; unknown facts are said to be unknown."""
        size = " × ".join(str(n) for n in self.shape)
        spacing = " × ".join(f"{v:g}" for v in self.spacing_mm or ()) or "not told by the file"
        age = "unknown" if self.age is None else f"{self.age:g} years"
        facts = {
            "kind": self.kind,
            "format": f"{self.format} ({self.detail})",
            "size": f"{size} {'voxels' if self.kind == 'volume' else 'pixels'}",
            "spacing": f"{spacing} mm" if self.spacing_mm else spacing,
            "unit": self.unit,
            "range": f"{self.range[0]:.6g} to {self.range[1]:.6g}",
            "window": self.window and f"{self.window[0]:.4g} to {self.window[1]:.4g}",
            "view": self.view or "unknown",
            "side": self.laterality or "unknown",
            "age": age,
            "sex": self.sex or "unknown",
            "left behind": ", ".join(self.dropped) or "nothing",
        }
        return [f"{key:<12} {value}" for key, value in facts.items() if value]


def describe(path: str | os.PathLike[str]) -> Description:
    """Read a file or a DICOM folder and tell what it holds.

    Raises
    ------
    ImageError
        As :func:`read_radiograph` and :func:`read_volume`.
    """
    place = Path(path)
    kind = sniff(place)
    if kind in _SERIES:
        return _of_volume(kind, volume_reading(place))
    try:
        return _of_film(kind, film_reading(place))
    except AnotherKindError:
        return _of_volume(kind, volume_reading(place))


def _of_film(kind: str, reading: Reading[Radiograph]) -> Description:
    film = reading.image
    return Description(
        kind="radiograph",
        format=kind,
        detail=reading.detail,
        shape=film.shape,
        spacing_mm=film.spacing,
        unit="fraction of the stored range",
        range=_range(film.pixels),
        window=film.window,
        view=film.view,
        laterality=film.laterality,
        age=film.age,
        sex=film.sex,
        dropped=reading.dropped,
    )


def _of_volume(kind: str, reading: Reading[Volume]) -> Description:
    volume = reading.image
    return Description(
        kind="volume",
        format=kind,
        detail=reading.detail,
        shape=volume.shape,
        spacing_mm=volume.spacing,
        unit=volume.unit,
        range=_range(volume.voxels),
        window=None,
        view=None,
        laterality=volume.laterality,
        age=volume.age,
        sex=volume.sex,
        dropped=reading.dropped,
    )


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())

"""What a volume measures, before and after an edit, with units."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bonestudio.errors import BoneStudioError, ImageError
from bonestudio.imaging.types import Volume

UNITS: Final[Mapping[str, str]] = {
    "Tb.BMD": "mg HA/cm³",
    "Ct.BMD": "mg HA/cm³",
    "BV/TV": "%",
    "Tb.Th": "mm",
    "Tb.Sp": "mm",
    "Tb.N": "1/mm",
    "Ct.Th": "mm",
    "Tt.Ar": "mm²",
}
"""Attributes and their units; Tt.Ar is the mean area within the periosteal surface."""
DIGITS: Final = {"mg HA/cm³": 1, "%": 2, "mm": 3, "1/mm": 3, "mm²": 1}
SHAPE: Final = ("Tt.Ar", "Ct.Th")
"""What an edit that is to keep the shape leaves alone."""
FINE: Final = 0.1
"""Edge of a voxel in mm up to which trabeculae are resolved as in scans of 61 µm (82 µm is usual too)."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Values by attribute, in the units of ``UNITS``; none where ``why`` says that there is no bone.

    ``voxel`` is the longest edge of the volume's voxels in mm; None where it has none.
    """

    values: Mapping[str, float]
    why: str = ""
    voxel: float | None = None

    @property
    def note(self) -> str:
        """Say what voxels as coarse as these leave uncertain; nothing where they are fine enough."""
        if self.voxel is None or self.voxel <= FINE:
            return ""
        return (
            f"Voxels of {self.voxel:.3g} mm: Tb.Th, Tb.Sp and Tb.N are not comparable with those of "
            "61 µm scans."
        )

    @property
    def grain(self) -> str:
        """Say how large the voxels are; ``note`` where that matters."""
        return self.note or ("" if self.voxel is None else f"Voxels of {self.voxel:.3g} mm.")

    def told(self) -> dict[str, Any]:
        """Return plain data: value and unit of each attribute, and the size of the voxels."""
        rows = {name: {"value": value, "unit": UNITS[name]} for name, value in self.values.items()}
        more = {"voxel_mm": self.voxel, "note": self.note, "not_measurable": self.why}
        return rows | {name: value for name, value in more.items() if value}


def measure(volume: Volume) -> Measured:
    """Measure a volume in mg HA/cm³; one without a bone in it gets the reason instead of values."""
    from bonestudio.measures.compartments import find_compartments
    from bonestudio.measures.microarchitecture import measure_microarchitecture

    voxel = None if volume.spacing is None else round(max(volume.spacing), 5)
    try:
        parts = find_compartments(volume)
        if not (parts.cortical.any() and parts.trabecular.any()):
            raise ImageError("No bone with a cortex around a trabecular core was found.")
        found = measure_microarchitecture(volume, compartments=parts)
    except BoneStudioError as error:
        return Measured(values={}, why=str(error), voxel=voxel)
    assert volume.spacing is not None  # noqa: S101 - measured above
    _, dy, dx = volume.spacing
    return Measured(
        values={
            "Tb.BMD": found.tb_bmd,
            "Ct.BMD": found.ct_bmd,
            "BV/TV": 100.0 * found.bv_tv,
            "Tb.Th": found.tb_th,
            "Tb.Sp": found.tb_sp,
            "Tb.N": found.tb_n,
            "Ct.Th": found.ct_th,
            "Tt.Ar": float(parts.bone.sum(axis=(1, 2)).mean() * dy * dx),
        },
        voxel=voxel,
    )


def rows(before: Measured, after: Measured) -> list[dict[str, Any]]:
    """Attributes with value, change since ``before`` and unit, as text for a table."""
    told = []
    for name, unit in UNITS.items():
        value, first = after.values.get(name), before.values.get(name)
        digits = DIGITS[unit]
        change = None if value is None or first is None else value - first
        told.append(
            {
                "name": name,
                "unit": unit,
                "before": _text(first, digits),
                "after": _text(value, digits),
                "change": "–" if change is None else _signed(change, digits),
            }
        )
    return told


def signed(change: float, name: str) -> str:
    """Write a change of an attribute with its sign and digits, '−41.0'; 0 where it rounds to nothing."""
    return _signed(change, DIGITS[UNITS[name]])


def _text(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return text if any(c in "123456789" for c in text) else "0"

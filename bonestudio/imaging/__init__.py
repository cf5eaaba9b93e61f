"""Bone images: one radiograph type, one volume type, and every file they come in.

Names are loaded when they are first used, so importing this room loads no image library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bonestudio.imaging.types import Laterality, Radiograph, Sex, Unit, Volume

if TYPE_CHECKING:
    from bonestudio.imaging.contrast import clahe
    from bonestudio.imaging.description import Description, describe
    from bonestudio.imaging.reading import read_radiograph, read_volume
    from bonestudio.imaging.upright import (
        UprightBox,
        crop_upright,
        paste_upright,
        upright_angle,
    )
    from bonestudio.imaging.window import to_bytes, windowed
    from bonestudio.imaging.writing import write_radiograph, write_volume

_HOMES = {
    "Description": "description",
    "UprightBox": "upright",
    "clahe": "contrast",
    "crop_upright": "upright",
    "describe": "description",
    "paste_upright": "upright",
    "read_radiograph": "reading",
    "read_volume": "reading",
    "to_bytes": "window",
    "upright_angle": "upright",
    "windowed": "window",
    "write_radiograph": "writing",
    "write_volume": "writing",
}

__all__ = [
    "Description",
    "Laterality",
    "Radiograph",
    "Sex",
    "Unit",
    "UprightBox",
    "Volume",
    "clahe",
    "crop_upright",
    "describe",
    "paste_upright",
    "read_radiograph",
    "read_volume",
    "to_bytes",
    "upright_angle",
    "windowed",
    "write_radiograph",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

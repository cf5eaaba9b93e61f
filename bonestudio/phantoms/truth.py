"""A phantom: an image, and everything that is true about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bonestudio.imaging.types import Radiograph, Sex, Volume

ImageT_co = TypeVar("ImageT_co", Radiograph, Volume, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a virtual patient's image shows, known exactly.

    Attributes
    ----------
    kind
        'phalange', 'femur', 'hand', 'wrist', 'forearm', 'radius_scan' or 'hip'.
    seed, sex
        The virtual patient.
    age
        Years.
    masks
        Name of a bone or of a part → boolean array of the image's shape.
    landmarks
        Name → position in pixels, (row, column) or (slice, row, column); pixel centres are whole
        numbers, and a landmark may lie outside the image.
    angles
        Name → degrees.
    measures
        Name with its unit ('length_mm', 'tb_th_mm', 'areal_bmd_neck_g_cm2') → value.
    maps
        Name with its unit ('areal_bmd_g_cm2') → float32 array of the image's shape.
    labels
        Name → word ('ao' → '2R3A2', 'style' → 'natural').
    """

    kind: str
    seed: int
    sex: Sex
    age: float
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    landmarks: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    angles: Mapping[str, float] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)
    maps: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Phantom(Generic[ImageT_co]):
    """An image of a virtual patient, and its truth."""

    image: ImageT_co
    truth: Truth

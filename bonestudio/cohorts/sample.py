"""One shape for everything that a network is trained or judged on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.imaging.types import Sex


@dataclass(frozen=True, kw_only=True)
class Sample:
    """An image or a scan with what is known about it.

    Attributes
    ----------
    image
        [height, width] float32 in [0, 1], bone bright; or [slices, height, width] float32 (a scan,
        in its own unit).
    source
        Which cohort it comes from ('rsna', 'mura', 'hrpqct', 'pairs', 'folder', 'phantoms').
    name
        Unique within the cohort ('1377', 'patient00001/study1_positive/image1').
    patient
        Samples of one patient never lie in two parts of a split.
    age
        Years; for RSNA the bone age.
    labels
        Numbers to be predicted ('abnormal' 0 or 1, 'bmd' g/cm², 'grade' 1-5, 'finger' 2-5).
    masks
        Boolean arrays of the image's shape.
    maps
        float32 arrays of the image's shape ('areal_bmd_g_cm2').
    spacing
        Size of a pixel or voxel along each axis in mm, or None when unknown.
    """

    image: NDArray[np.float32]
    source: str
    name: str
    patient: str
    age: float | None = None
    sex: Sex | None = None
    labels: Mapping[str, float] = field(default_factory=dict)
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    maps: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    spacing: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known about a sample before its pixels are read."""

    name: str
    patient: str
    age: float | None = None
    sex: Sex | None = None
    labels: Mapping[str, float] = field(default_factory=dict)


def stack(samples: "list[Sample]") -> dict[str, NDArray[Any]]:
    """Join samples of one size: images [n, …], ages (or NaN), male (1, 0 or NaN), names."""
    male = {"M": 1.0, "F": 0.0, None: np.nan}
    return {
        "images": np.stack([sample.image for sample in samples]),
        "ages": np.array([np.nan if s.age is None else s.age for s in samples], np.float32),
        "male": np.array([male[sample.sex] for sample in samples], np.float32),
        "names": np.array([sample.name for sample in samples]),
    }

"""Small made-up films and volumes that the tests of this folder write and damage."""

import numpy as np

from bonestudio.imaging import Radiograph, Volume


def bone_film(shape=(60, 50)):
    """A bright bar on a dim ramp, using the whole range from 0 to 1."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    pixels = 0.3 * rows / shape[0] + 0.7 * np.exp(-(((columns - shape[1] / 2) / 8) ** 2))
    pixels = (pixels - pixels.min()) / np.ptp(pixels)
    return Radiograph(
        pixels=pixels.astype(np.float32),
        spacing=(0.14, 0.15),
        window=(0.1, 0.9),
        view="PA",
        laterality="L",
        age=9.5,
        sex="F",
    )


def bone_volume(unit="mg HA/cm³", shape=(8, 10, 12)):
    """No two axes alike, so that a swap or a flip is seen."""
    s, r, c = np.mgrid[0 : shape[0], 0 : shape[1], 0 : shape[2]]
    voxels = (100.0 * s + 10.0 * r + c - 300.0).astype(np.float32)
    return Volume(
        voxels=voxels,
        spacing=(0.0607, 0.082, 0.083),
        unit=unit,
        laterality="R",
        age=61.0,
        sex="M",
    )

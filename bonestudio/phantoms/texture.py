"""Trabecular bone as band-limited noise, stretched along the lines of force.

One block of noise is made once per process; a patient's bone is a place in it, so the pattern
stays the patient's own at every age and costs one look-up per voxel.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from bonestudio.phantoms.chance import generator

_EDGE = (120, 48, 80)  # voxels of 0.2 mm along z, y, x: 24 × 10 × 16 mm, periodic
VOXEL = 0.2


@lru_cache(maxsize=4)
def trabecular_block(stretch: float = 5.0, trabecula: float = 0.4) -> Tensor:
    """Return noise [z, y, x] of mean 0 and deviation 1, periodic, skewed like rods in marrow.

    ``trabecula`` is the spacing in mm across the lines of force, ``stretch`` how much longer the
    pattern is along z.
    """
    white = generator(0, "trabecular block").standard_normal(_EDGE)
    fz, fy, fx = np.meshgrid(*(np.fft.fftfreq(n, VOXEL) for n in _EDGE), indexing="ij")
    radius = np.sqrt((fz * stretch) ** 2 + (fy * 2.0) ** 2 + fx**2)
    # Fine rods and the coarser patches between them, as micro-CT shows: two octaves.
    band = sum(
        w * np.exp(-0.5 * (np.log2(radius.clip(1e-6) * pitch) / 0.55) ** 2)
        for pitch, w in ((trabecula * 1.6, 1.6), (trabecula * 3.0, 0.7), (trabecula * 7, 0.25))
    )
    noise = np.fft.ifftn(np.fft.fftn(white) * band).real
    noise = np.exp(0.9 * noise / noise.std())
    block = torch.from_numpy((noise - noise.mean()) / noise.std())
    return block.to(torch.float32)

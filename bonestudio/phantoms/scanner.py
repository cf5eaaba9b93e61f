"""What an HR-pQCT scanner adds to a bone: blur, grain, rings, and the patient's motion.

Grain and blur follow a real scan at 60.7 µm: 80 mg HA/cm³ in soft tissue, isotropic, correlated over a
voxel. Motion is what it is in the machine: a view from angle θ sees the slice where the arm was at
that moment, and by the projection-slice theorem it fills the line at angle θ of the slice's Fourier
transform. A shift s(θ) is thus the phase exp(−2πi k·s(θ)), and streaks, doubled contours and breaks of
the cortex follow by themselves (Sode et al. 2011, Bone 48:1306; visual grades of Pialat et al. 2012,
Bone 50:111).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

NATIVE_MM = 0.0607
BLUR_MM = (
    0.045  # standard deviation; 10 % modulation at about 95 µm (Manske et al. 2015, Bone 79:213)
)
_NATIVE_NOISE = 80.0
_GRAIN_MM = 0.052
# Typical travel of the arm during a scan, mm, by visual grade.
MOTION_MM = {1: 0.0, 2: 0.09, 3: 0.22, 4: 0.5, 5: 1.1}


@dataclass(frozen=True)
class Motion:
    """Position of the arm while the views are taken: [views, 2] in mm (rows, columns)."""

    path: Tensor


def draw_motion(grade: int, random: np.random.Generator, *, views: int = 512) -> Motion:
    """Draw drift, tremor and sudden moves that a reader would give this grade."""
    time = np.linspace(0, 1, views)
    path = np.zeros((views, 2))
    reach = MOTION_MM[grade] * random.uniform(0.85, 1.2)
    for moment in np.sort(random.uniform(0.15, 0.85, size=2)):
        jump = random.normal(size=2)
        jump *= reach / np.linalg.norm(jump) / 1.4
        path += jump / (1 + np.exp(-(time[:, None] - moment) / 0.008))
    heading = random.normal(size=2)
    path += 0.5 * reach * heading / np.linalg.norm(heading) * (time[:, None] - 0.5)
    phase = random.uniform(0, 2 * np.pi, size=2)
    path += 0.08 * reach * np.sin(2 * np.pi * random.uniform(6, 11) * time[:, None] + phase)
    return Motion(torch.from_numpy((path - path.mean(axis=0)).astype(np.float32)))


def blurred(density: Tensor, spacing: float) -> Tensor:
    """Blur [z, y, x] along the bone axis with the scanner's point spread; the plane follows in `seen`."""
    sigma = BLUR_MM / spacing
    reach = torch.arange(-3, 4, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (reach / sigma) ** 2)
    kernel /= kernel.sum()
    padded = torch.cat([density[:1].expand(3, -1, -1), density, density[-1:].expand(3, -1, -1)])
    return sum((padded[i : i + len(density)] * float(kernel[i]) for i in range(7)), torch.zeros(()))


def seen(density: Tensor, spacing: float, *, motion: Motion | None = None) -> Tensor:
    """Return slices [z, y, x] as reconstructed: point spread and motion, without noise."""
    rows, columns, squared = _frequencies(density.shape[1:], spacing)
    transfer = torch.exp(-2 * (np.pi * BLUR_MM) ** 2 * squared).to(torch.complex64)
    if motion is not None:
        # Views go over 180°: the line at angle θ and its mirror image belong to one view.
        angle = torch.atan2(rows.expand_as(squared), columns.expand_as(squared)) % np.pi
        moment = (angle / np.pi * (len(motion.path) - 1)).round().long()
        moved = rows * motion.path[moment][..., 0] + columns * motion.path[moment][..., 1]
        transfer = transfer * torch.polar(torch.ones_like(moved), -2 * np.pi * moved)
    return _filtered(blurred(density, spacing), transfer)


def grain(shape: tuple[int, int, int], spacing: float, random: np.random.Generator) -> Tensor:
    """Draw reconstruction noise [z, y, x] in mg HA/cm³."""
    white = torch.from_numpy(random.standard_normal(shape, dtype=np.float32))
    # Averaging voxels of a correlated grain thins it less than averaging independent ones.
    together = max(1, round(spacing / NATIVE_MM))
    lag = np.exp(-((NATIVE_MM / (2 * _GRAIN_MM)) ** 2))
    level = _NATIVE_NOISE * (((1 + lag) / 2) ** 1.5 if together > 1 else 1.0)
    along = np.exp(-0.5 * (np.arange(-2, 3) * spacing / (_GRAIN_MM * together**0.5)) ** 2)
    along /= np.sqrt((along**2).sum())
    padded = (
        torch.cat([white[-2:], white, white[:2]]) if len(white) > 1 else white.expand(5, -1, -1)
    )
    mixed = sum((padded[i : i + len(white)] * float(along[i]) for i in range(5)), torch.zeros(()))
    _, _, squared = _frequencies(shape[1:], spacing)
    # Filtered backprojection leaves less power at low frequency: a ramp under the kernel's roll-off.
    radius = squared.sqrt()
    power = (0.35 + (radius / 2.0).clamp(max=1.0)) * torch.exp(
        -((2 * np.pi * _GRAIN_MM) ** 2) * squared
    )
    noise = _filtered(mixed, power.sqrt().to(torch.complex64))
    return noise * (level / noise.std())


def rings(
    shape: tuple[int, int, int], spacing: float, random: np.random.Generator, *, strength: float
) -> Tensor:
    """Draw faint rings about the scanner's axis, which lies beside the radius: [z, y, x], mg HA/cm³."""
    rows, columns = shape[1] * spacing, shape[2] * spacing
    axis = (rows * random.uniform(0.6, 1.0), columns * random.uniform(0.25, 0.75))
    y = torch.arange(shape[1], dtype=torch.float32) * spacing - float(axis[0])
    x = torch.arange(shape[2], dtype=torch.float32) * spacing - float(axis[1])
    radius = (y[:, None].square() + x.square()).sqrt()
    bins = (radius / spacing).long()
    # A detector row's faults show in the few slices around it.
    faults = random.standard_normal((-(-shape[0] // 6) + 1, int(bins.max()) + 1)).astype(np.float32)
    faults *= random.random(faults.shape[1]) < 0.08
    held = np.arange(shape[0]) / 6
    low = held.astype(int)
    share = (held - low)[:, None].astype(np.float32)
    rows_of_faults = torch.from_numpy(faults[low] * (1 - share) + faults[low + 1] * share)
    weaker = strength / (1 + radius / 6.0)
    return rows_of_faults[:, bins] * weaker


def _frequencies(plane: tuple[int, ...], spacing: float) -> tuple[Tensor, Tensor, Tensor]:
    """Row and column frequencies (1/mm) of the real 2D transform, and the square of their length."""
    rows = torch.fft.fftfreq(plane[0], spacing)[:, None]
    columns = torch.fft.rfftfreq(plane[1], spacing)[None]
    return rows, columns, rows.square() + columns.square()


def _filtered(slices: Tensor, transfer: Tensor) -> Tensor:
    """Multiply the 2D transform of every slice by ``transfer``, a few slices at a time."""
    plane = (slices.shape[1], slices.shape[2])
    result = torch.empty_like(slices)
    for start in range(0, len(slices), 16):
        part = slices[start : start + 16]
        result[start : start + 16] = torch.fft.irfft2(torch.fft.rfft2(part) * transfer, s=plane)
    return result

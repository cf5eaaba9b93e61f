"""From a person's scan to the stacks that a generator knows, and from drawn stacks to one volume."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging.types import Volume
from bonestudio.instruments.volume.codes import MOST_STACKS

Shape = tuple[int, int, int]
Stacks = NDArray[np.float32]
_OVERLAP = 0.55  # of a stack from one start to the next, at most: four stacks of 32 cover 84 slices
_MOST_VOXELS = 400_000_000  # at the scan's own voxels: 1.6 GB in single precision
_BONE = (400.0, 3000.0)  # mg HA/cm³ that the densest thousandth of a bone scan lies in


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A scan on a generator's grid.

    Attributes
    ----------
    volume
        [slices, rows, columns] in mg HA/cm³, padded with the scan's own noise.
    stacks
        [stacks, slices, rows, columns] of it in 0 … 1, the window that the generator draws.
    starts
        First slice of each stack.
    box
        Where the scan itself lies in the volume, (start, stop) for each axis.
    assumed
        What the file did not say and was taken for granted, in words; '' otherwise.
    """

    volume: Volume
    stacks: Stacks
    starts: tuple[int, ...]
    box: tuple[tuple[int, int], ...]
    assumed: str = ""


def prepare(
    scan: Volume, *, shape: Shape, spacing: float, window: tuple[float, float], whole: bool = False
) -> Prepared:
    """Bring a scan to cubic voxels of ``spacing`` mm and cut it into overlapping stacks of ``shape``.

    Only the middle stack is taken unless ``whole``. The field is cropped or padded about its middle.
    """
    from bonestudio.cohorts.hrpqct_preparation import cut_stacks, pad_with_noise

    told, assumed = _in_mineral(scan)
    own = told.spacing
    if own is None:
        raise ImageError(
            "The scan does not say the size of its voxels; a generator needs it in millimetres."
        )
    ratio = tuple(spacing / s for s in own)
    if not all(0.2 <= r <= 12 for r in ratio):
        sizes = " × ".join(f"{s:g}" for s in own)
        raise ImageError(
            f"Voxels of {sizes} mm are too far from the generator's {spacing:.3g} mm to be inverted; "
            "HR-pQCT has 0.06 to 0.12 mm."
        )
    length = max(shape[0], math.floor(told.shape[0] / ratio[0] + 1e-6)) if whole else shape[0]
    grid: Shape = (length, shape[1], shape[2])
    starts = stack_starts(length, shape[0])
    fine: Shape = tuple(max(2, round(n * r)) for n, r in zip(grid, ratio, strict=True))  # type: ignore[assignment]
    if math.prod(fine) > _MOST_VOXELS:
        raise ImageError("The scan is too large to be inverted whole; take its middle stack.")
    padded, where = pad_with_noise(told.voxels, fine)
    voxels = _resampled(padded, grid)
    low, high = window
    stacks = cut_stacks(((voxels - low) / (high - low)).clip(0, 1), starts=starts, length=shape[0])
    box = tuple(
        (round(a / r), min(n, round(b / r)))
        for (a, b), r, n in zip(where.target, ratio, grid, strict=True)
    )
    volume = Volume(voxels=voxels, spacing=(spacing,) * 3, unit="mg HA/cm³")
    return Prepared(volume=volume, stacks=stacks, starts=starts, box=box, assumed=assumed)


def stack_starts(length: int, stack: int) -> tuple[int, ...]:
    """First slices of the overlapping stacks that cover ``length`` slices: (0, 17, 35, 52) for 84."""
    count = math.ceil((length - stack) / (_OVERLAP * stack)) + 1 if length > stack else 1
    if count > MOST_STACKS:
        raise RequestError(
            f"The scan is {length} slices long; {MOST_STACKS} stacks of {stack} are the most."
        )
    return tuple(round(float(s)) for s in np.linspace(0, length - stack, count))


def joined(stacks: Stacks, starts: tuple[int, ...], *, spacing: float, coarser: int = 1) -> Volume:
    """Join drawn stacks (mg HA/cm³) into one volume without a seam.

    ``coarser``: how many times larger the voxels are than those of full stacks, in which the starts
    are counted.
    """
    from bonestudio.cohorts.hrpqct_preparation import stitch_stacks

    edge = spacing * coarser
    if len(stacks) == 1:
        return Volume(voxels=stacks[0], spacing=(edge,) * 3, unit="mg HA/cm³")
    tall = stacks.repeat(coarser, axis=1)  # so that the starts are whole numbers of slices
    voxels = stitch_stacks(tall, starts=starts)
    return Volume(voxels=voxels, spacing=(spacing, edge, edge), unit="mg HA/cm³")


def _in_mineral(scan: Volume) -> tuple[Volume, str]:
    """Take a scan without a unit to be in mg HA/cm³ where its values are those of bone."""
    from dataclasses import replace

    if scan.unit == "mg HA/cm³":
        return scan, ""
    if scan.unit == "HU":
        raise ImageError(
            "The scan is in HU; the generator knows mineral density. Convert it with your scanner's "
            "calibration to mg HA/cm³ first."
        )
    finite = scan.voxels[np.isfinite(scan.voxels)]
    top = (
        float(np.quantile(finite[:: max(1, finite.size // 2_000_000)], 0.999))
        if finite.size
        else 0.0
    )
    if not _BONE[0] < top < _BONE[1]:
        raise ImageError(
            f"The scan names no unit and its densest voxels are near {top:.4g}, which is no bone in "
            "mg HA/cm³; give a calibrated HR-pQCT scan."
        )
    return replace(scan, unit="mg HA/cm³"), "taken to be in mg HA/cm³; the file names no unit"


def _resampled(voxels: NDArray[np.float32], grid: Shape) -> NDArray[np.float32]:
    """Bring voxels to a grid: areas are averaged where it is coarser, as for training."""
    import torch
    from torch.nn import functional as F

    if voxels.shape == grid:
        return np.ascontiguousarray(voxels, np.float32)
    given = torch.from_numpy(np.ascontiguousarray(voxels, np.float32))[None, None]
    finer = any(n > m for n, m in zip(grid, voxels.shape, strict=True))
    if finer:
        up: Shape = tuple(max(n, m) for n, m in zip(grid, voxels.shape, strict=True))
        given = F.interpolate(given, up, mode="trilinear", align_corners=False)
    small: NDArray[np.float32] = F.adaptive_avg_pool3d(given, grid)[0, 0].numpy()
    return small

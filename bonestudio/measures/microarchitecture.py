"""Bone micro-architecture of an HR-pQCT scan: densities, bone fraction, thicknesses, separation.

Names and units follow the guidelines for HR-pQCT (Whittier et al. 2020, Osteoporos Int 31:1607):
BMD in mg HA/cm³, thickness and separation in mm, number in 1/mm.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging.types import Volume
from bonestudio.measures.compartments import Compartments, find_compartments, peeled
from bonestudio.measures.thickness import cube_edge, mean_thickness

# Mineral of trabecular tissue and of marrow in a second-generation scan, mg HA/cm³.
TISSUE, MARROW = 790.0, -15.0
_FINE_ENOUGH_MM = 0.05
_BLUR_MM = (
    0.13  # how far the scan carries the cortex into the sponge (benchmarks/phantom_volumes.py)
)
NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Microarchitecture:
    """What a scan of the distal radius says about the bone; NaN for all that an empty compartment would tell.

    Attributes
    ----------
    tb_bmd, ct_bmd
        Mean mineral density of the trabecular and the cortical compartment, mg HA/cm³.
    bv_tv
        Bone voxels' share of the trabecular compartment, 0 to 1.
    tb_th, tb_sp
        Mean thickness of trabeculae and mean width of the spaces between them, mm (sphere fitting).
    tb_n
        Trabecular number, 1/mm: one over Tb.Th + Tb.Sp, the distance from one to the next.
    ct_th
        Mean thickness of the cortical compartment, mm (sphere fitting).
    """

    tb_bmd: float
    ct_bmd: float
    bv_tv: float
    tb_th: float
    tb_sp: float
    tb_n: float
    ct_th: float


def measure_microarchitecture(
    scan: Volume,
    *,
    compartments: Compartments | None = None,
    threshold: float | None = None,
) -> Microarchitecture:
    """Measure a scan in mg HA/cm³.

    ``compartments`` are found in the scan unless they are given; ``threshold`` in mg HA/cm³ parts
    trabeculae from marrow. Without one it is where the bone marked holds the mineral measured: trabeculae of
    two or three blurred voxels don't reach the level of the manufacturer's fixed 320 everywhere, and
    the share of bone they fill is better known from density (as BV/TV was defined in first-generation
    scanners, Laib et al. 1998, Technol Health Care 6:329). Where cortex and sponge meet, a blurred scan
    mixes both, so BV/TV leaves the outermost voxel of the compartment out.
    """
    if scan.spacing is None or scan.unit != "mg HA/cm³":
        raise ImageError(
            "Micro-architecture needs a scan in mg HA/cm³ with the size of its voxels; "
            f"this one is in {scan.unit!r} with spacing {scan.spacing}."
        )
    cube_edge(scan.spacing)
    if not np.isfinite(scan.voxels).all():
        raise ImageError("The scan holds values that are not numbers; repair or crop it first.")
    found = compartments or find_compartments(scan)
    box = _bounds(found.trabecular | found.cortical)
    voxels = scan.voxels[box]
    trabecular, cortical = found.trabecular[box], found.cortical[box]
    fraction, thickness, gap = (
        _texture(voxels, trabecular, scan.spacing, threshold)
        if trabecular.any()
        else (NAN, NAN, NAN)
    )
    return Microarchitecture(
        tb_bmd=float(voxels[trabecular].mean()) if trabecular.any() else NAN,
        ct_bmd=float(voxels[cortical].mean()) if cortical.any() else NAN,
        bv_tv=fraction,
        tb_th=thickness,
        tb_sp=gap,
        tb_n=1.0 / (thickness + gap),
        ct_th=mean_thickness(cortical, scan.spacing) if cortical.any() else NAN,
    )


def _texture(
    voxels: NDArray[np.float32],
    trabecular: NDArray[np.bool_],
    spacing: tuple[float, float, float],
    threshold: float | None,
) -> tuple[float, float, float]:
    """BV/TV, Tb.Th and Tb.Sp of a compartment that is there."""
    core = peeled(trabecular, spacing, max(_BLUR_MM, *spacing))
    core = core if core.any() else trabecular
    bone, inside, deep = _trabeculae(voxels, trabecular, core, spacing, threshold)
    fine = (spacing[0] / 2, spacing[1] / 2, spacing[2] / 2)
    fraction = float((bone & deep).sum() / deep.sum())
    if not 0 < fraction < 1:
        raise ImageError(
            "No trabeculae stand out from marrow: the compartment is "
            f"{'empty' if fraction == 0 else 'solid'}; check the scan's unit and its threshold."
        )
    thickness = mean_thickness(bone, fine, finer=1)
    marrow = inside & ~bone
    if (
        fine[0] < _FINE_ENOUGH_MM
    ):  # spaces are wide: half the grid measures them in a hundredth of the time
        marrow, fine = _halved(marrow), spacing
    return fraction, thickness, mean_thickness(marrow, fine, finer=1)


def _trabeculae(
    voxels: NDArray[np.float32],
    where: NDArray[np.bool_],
    core: NDArray[np.bool_],
    spacing: tuple[float, float, float],
    threshold: float | None,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return bone, compartment and its core [2z, 2y, 2x], on a grid twice as fine, which resolves a trabecula.

    The interpolated density places the surface within a voxel; a threshold on the scan's own grid cannot.
    """
    from scipy.ndimage import zoom

    smooth = _denoised(voxels, spacing)
    fine: NDArray[np.float32] = zoom(smooth, 2, order=1, mode="nearest", grid_mode=True)
    inside, deep = (mask.repeat(2, 0).repeat(2, 1).repeat(2, 2) for mask in (where, core))
    if threshold is None:
        share = (float(voxels[core].mean()) - MARROW) / (TISSUE - MARROW)
        threshold = float(np.quantile(fine[deep], min(max(1 - share, 0.0), 1.0)))
    return (fine > threshold) & inside, inside, deep


def _halved(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Halve a mask's grid: a voxel is in when half of its eight are."""
    z, y, x = (n // 2 for n in mask.shape)
    eight: NDArray[np.uint8] = mask.reshape(z, 2, y, 2, x, 2).sum(axis=(1, 3, 5), dtype=np.uint8)
    half: NDArray[np.bool_] = eight >= 4
    return half


def _denoised(
    voxels: NDArray[np.float32], spacing: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Smooth as the standard protocol does: a Gaussian of 0.8 voxels of 60.7 µm (Whittier 2020)."""
    from scipy.ndimage import gaussian_filter

    sigma = [0.8 * 0.0607 / s for s in spacing]
    smoothed: NDArray[np.float32] = gaussian_filter(voxels, sigma, truncate=3, mode="nearest")
    return smoothed


def _bounds(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """Smallest box around a mask, two voxels wider where there is room."""
    if not mask.any():
        raise ImageError("No bone was found in the scan; check that it is in mg HA/cm³.")
    limits = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        limits.append(slice(max(0, int(held[0]) - 2), int(held[-1]) + 3))
    return limits[0], limits[1], limits[2]

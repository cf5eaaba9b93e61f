"""Cortical and trabecular compartments of a scan: the dual-threshold method.

After Buie et al. 2007 (Bone 41:505): one threshold and a closing give the periosteal surface, a second
one on what is inside gives the endosteal surface.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.imaging.types import Volume

CORTICAL_THRESHOLD = 450.0  # mg HA/cm³, second-generation protocol (Whittier 2020)
# Surfaces lie halfway between what meets there, as shares of that threshold: soft tissue (45) and cortex (970)
# outside; cortex and the sponge under it, smoothed (about 250), inside.
_OUTER, _INNER = 1.1, 1.35


@dataclass(frozen=True)
class Compartments:
    """Masks [slices, rows, columns]; ``cortical`` and ``trabecular`` share no voxel."""

    cortical: NDArray[np.bool_]
    trabecular: NDArray[np.bool_]

    @property
    def bone(self) -> NDArray[np.bool_]:
        """Everything within the periosteal surface."""
        return self.cortical | self.trabecular


def find_compartments(
    scan: Volume, *, threshold: float = CORTICAL_THRESHOLD, closing_mm: float = 0.75
) -> Compartments:
    """Part the largest bone of a scan in mg HA/cm³ into cortex and trabecular core.

    ``closing_mm`` is the largest gap in the cortex (a vessel, a thin spot) that is bridged.
    """
    if scan.spacing is None:
        raise ImageError(
            "Compartments are found in millimetres; the scan does not say its voxel size."
        )
    outer = _periosteal(scan.voxels, scan.spacing, threshold, closing_mm)
    inner = _endosteal(scan.voxels, outer, scan.spacing, threshold, closing_mm)
    return Compartments(cortical=outer & ~inner, trabecular=inner)


def _periosteal(
    voxels: NDArray[np.float32], spacing: tuple[float, float, float], threshold: float, gap: float
) -> NDArray[np.bool_]:
    """Close the largest bright object and fill it: all within the periosteal surface."""
    from scipy.ndimage import binary_fill_holes, gaussian_filter

    smooth = gaussian_filter(voxels, [0.06 / s for s in spacing], truncate=3, mode="nearest")
    # Halfway between soft tissue and thin, blurred cortex: the outermost voxels belong to the bone.
    bright = _largest(smooth > _OUTER * threshold)
    if not bright.any():
        raise ImageError(
            f"Nothing in the scan exceeds {threshold:.0f} mg HA/cm³: there is no bone in it."
        )
    closed = _closed(bright, spacing, gap)
    return np.stack([binary_fill_holes(layer) for layer in closed])


def _endosteal(
    voxels: NDArray[np.float32],
    outer: NDArray[np.bool_],
    spacing: tuple[float, float, float],
    threshold: float,
    gap: float,
) -> NDArray[np.bool_]:
    """Take away the shell: what is left of the inside once trabeculae are smoothed into marrow."""
    from scipy.ndimage import gaussian_filter

    # In-plane smoothing over the width of a trabecula dims trabeculae, not the cortex.
    sigma = [s_mm / s for s_mm, s in zip((0.3, 0.16, 0.16), spacing, strict=True)]
    weight = gaussian_filter(outer.astype(np.float32), sigma, truncate=3, mode="nearest")
    smooth = gaussian_filter(
        np.where(outer, voxels, 0).astype(np.float32), sigma, truncate=3, mode="nearest"
    )
    dense = outer & (smooth > _INNER * threshold * weight.clip(min=1e-3))
    core = outer & ~_opened(dense, spacing, 0.12)
    core &= _depth(outer, spacing) > 2 * min(spacing)
    core = _largest(core)
    # Closing smooths the endosteal surface over trabeculae that lean on the cortex.
    return _closed(_opened(core, spacing, gap / 2), spacing, gap) & outer


def _depth(mask: NDArray[np.bool_], spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """Distance in mm from each voxel of a mask to its surface; the scan's first and last slice are none."""
    import edt

    depth: NDArray[np.float32] = edt.edt(
        np.pad(mask, ((1, 1), (0, 0), (0, 0)), mode="edge"), anisotropy=spacing
    )
    return depth[1:-1]


def _closed(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], reach: float
) -> NDArray[np.bool_]:
    """Dilate and erode by ``reach`` mm, by distance maps (exact balls at any size)."""
    margin = [int(np.ceil(reach / s)) + 2 for s in spacing]
    pad = [(m, m) for m in margin]
    # Slices go on beyond the scan; in the plane there is nothing outside.
    grown = np.pad(np.pad(mask, [pad[0], (0, 0), (0, 0)], mode="edge"), [(0, 0), pad[1], pad[2]])
    dilated = _depth(~grown, spacing) <= reach
    eroded = _depth(dilated, spacing) > reach
    inner = tuple(slice(m, -m) for m in margin)
    result: NDArray[np.bool_] = eroded[inner] | mask
    return result


def _opened(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], reach: float
) -> NDArray[np.bool_]:
    """Erode and dilate by ``reach`` mm: what is narrower than twice that goes."""
    core = peeled(mask, spacing, reach)
    if not core.any():
        return core
    opened: NDArray[np.bool_] = (_depth(~core, spacing) <= reach) & mask
    return opened


def peeled(
    mask: NDArray[np.bool_], spacing: tuple[float, float, float], reach: float
) -> NDArray[np.bool_]:
    """Take off a layer of ``reach`` mm; the scan's first and last slice are no surface."""
    core: NDArray[np.bool_] = _depth(mask, spacing) > reach
    return core


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Largest connected piece of a mask."""
    import cc3d

    if not mask.any():
        return mask
    largest: NDArray[np.bool_] = cc3d.largest_k(mask, k=1, connectivity=6) > 0
    return largest

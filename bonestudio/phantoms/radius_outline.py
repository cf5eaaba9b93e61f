"""Outline and cortex of the distal radius around the standard HR-pQCT site.

The scan starts 9.5 mm above the joint (distal end, slice 0) and goes 10.2 mm up the arm. Two
cross-sections are given, below and above, as they look in published images of the site (Boutroy et al. 2005,
J Clin Endocrinol Metab 90:6508; Whittier et al. 2020, Osteoporos Int 31:1607): volar side flat, Lister's
tubercle on the back, the ulnar notch hollow near the joint and an edge higher up. Sections
between are blended; widths follow the radius mesh of myo-sim (33 mm × 22 mm at 15 mm from its tip,
28 × 19 at 20, 22 × 14 at 30). Coordinates: u from radial (−) to ulnar (+), v from volar (−) to dorsal (+).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SCAN_MM = 168 * 0.0607

# Points (u, v) around the section, in half widths and half depths, from the radial tip by the back.
_DISTAL = np.array([
    (-1.0, -0.08), (-0.90, 0.42), (-0.58, 0.74), (-0.24, 0.84), (0.0, 0.93), (0.22, 0.86),
    (0.5, 0.86), (0.84, 0.72), (0.93, 0.36), (0.83, 0.02), (0.93, -0.42), (0.86, -0.80), (0.45, -0.84),
    (0.0, -0.76), (-0.48, -0.80), (-0.86, -0.55),
])  # fmt: skip
_PROXIMAL = np.array([
    (-0.95, -0.06), (-0.86, 0.40), (-0.56, 0.72), (-0.2, 0.88), (0.05, 0.94), (0.26, 0.86),
    (0.54, 0.74), (0.80, 0.50), (0.95, 0.22), (1.0, -0.08), (0.92, -0.40), (0.74, -0.68), (0.40, -0.82),
    (0.0, -0.84), (-0.48, -0.80), (-0.80, -0.50),
])  # fmt: skip
_ANGLES = 720


@dataclass(frozen=True, kw_only=True)
class Outline:
    """Size and shape of one person's radius.

    Attributes
    ----------
    width, depth
        Extent in mm at the distal end of the scan, radial to ulnar and volar to dorsal.
    taper
        Share of the width lost over the length of the scan.
    warp
        [12] coefficients (standard normal) of smooth changes of the outline.
    tilt
        Rotation in the scanner, radians.
    flare
        Share by which the cortex thickens from the distal to the proximal end.
    """

    width: float
    depth: float
    taper: float
    warp: np.ndarray
    tilt: float
    flare: float


def contours(outline: Outline, heights: np.ndarray) -> np.ndarray:
    """Points [slices, 720, 2] in mm (u, v) around the section at ``heights`` mm from the distal end."""
    ends = [_smooth(points) for points in (_DISTAL, _PROXIMAL)]
    share = (heights / SCAN_MM)[:, None, None]
    section = ends[0] * (1 - share) + ends[1] * share
    angle = np.arctan2(section[..., 1], section[..., 0])
    change = np.ones_like(angle)
    for order in range(2, 6):
        cosine, sine, drift = outline.warp[3 * (order - 2) : 3 * order - 3]
        phase = 0.6 * drift * share[..., 0]
        change += (
            0.035
            / order
            * (cosine * np.cos(order * angle + phase) + sine * np.sin(order * angle + phase))
        )
    half = np.array([outline.width, outline.depth]) / 2
    section = section * change[..., None] * half * (1 - outline.taper * share)
    turn = np.array(
        [
            [np.cos(outline.tilt), np.sin(outline.tilt)],
            [-np.sin(outline.tilt), np.cos(outline.tilt)],
        ]
    )
    turned: np.ndarray = section @ turn
    return turned


def _smooth(points: np.ndarray) -> np.ndarray:
    """Periodic cubic spline through the points: [720, 2]."""
    from scipy.interpolate import CubicSpline

    closed = np.concatenate([points, points[:1]])
    spline = CubicSpline(np.arange(len(closed)), closed, bc_type="periodic")
    smooth: np.ndarray = spline(np.linspace(0, len(points), _ANGLES, endpoint=False))
    return smooth


@dataclass(frozen=True)
class Shell:
    """Depth under the periosteal surface and thickness of the cortex there, mm, [z, y, x]."""

    depth: Tensor
    cortex: Tensor


def shell(
    outline: Outline,
    shape: tuple[int, int, int],
    spacing: float,
    *,
    start: float,
    shift: tuple[float, float],
    mean: float,
) -> Shell:
    """Compute depth (negative outside) and cortical thickness on the scan's grid.

    Rows run from radial to ulnar, columns from dorsal to volar; ``start`` is the first slice's distance
    from the distal end and ``shift`` the bone's offset from the middle (rows, columns), mm; ``mean``: volume-weighted mean of the cortex, mm. Distances
    are exact on a grid four times coarser and interpolated in between.
    """
    coarse = max(1, round(0.5 / spacing))
    counts = tuple(-(-n // coarse) + 1 for n in shape)
    z, y, x = (np.arange(c) * coarse * spacing for c in counts)
    centre = [(n - 1) * spacing / 2 + s for n, s in zip(shape[1:], shift, strict=True)]
    grid = torch.from_numpy(
        np.stack(np.meshgrid(y - centre[0], centre[1] - x, indexing="ij"), -1).astype(np.float32)
    ).reshape(-1, 2)
    edges = torch.from_numpy(contours(outline, start + z).astype(np.float32))
    away = torch.cdist(
        grid.expand(len(z), -1, -1), edges, compute_mode="donot_use_mm_for_euclid_dist"
    )
    distance, nearest = away.min(dim=2)
    distance = torch.where(_inside(grid, edges), distance, -distance).reshape(counts)
    # In a slice a slanting wall looks thicker than it is.
    slope = (
        torch.gradient(distance, spacing=coarse * spacing, dim=0)[0]
        if counts[0] > 1
        else 0 * distance
    )
    depth = distance / (1 + slope.square()).sqrt()
    around = 2 * np.pi * nearest.reshape(counts) / _ANGLES
    along = torch.from_numpy((start + z) / SCAN_MM - 0.5).float()[:, None, None]
    # Volar and ulnar walls are thicker than the radial tip and the back beside Lister's tubercle.
    uneven = 1 + 0.22 * torch.cos(around - 4.2) + 0.14 * torch.cos(2 * around - 1.0)
    for order, (size, drift) in enumerate(outline.warp.reshape(6, 2), start=3):
        uneven += 0.05 * float(size) * torch.cos(order * around + 3 * float(drift) + 2 * along)
    uneven = uneven.clamp(min=0.35)
    cortex = mean * uneven * (1 + outline.flare * along)
    # Fitted spheres give the volume-weighted mean thickness (Hildebrand and Rüegsegger 1997): that is
    # the one asked for.
    rim = (depth > -coarse * spacing / 2) & (depth < cortex)
    weight = cortex[rim]
    if len(weight):
        cortex = cortex * (mean / float(weight.mean()))
    return Shell(depth=refined(depth, shape, coarse), cortex=refined(cortex, shape, coarse))


def _inside(points: Tensor, edges: Tensor) -> Tensor:
    """Which points [n, 2] lie within each outline [slices, 720, 2]: crossings of a ray, [slices, n]."""
    inside = torch.zeros(len(edges), len(points), dtype=torch.bool)
    for k in range(0, edges.shape[1], 4):  # every fourth edge point: half a millimetre apart
        a, b = edges[:, k, None], edges[:, (k + 4) % edges.shape[1], None]
        crosses = (a[..., 1] > points[:, 1]) != (b[..., 1] > points[:, 1])
        at = a[..., 0] + (points[:, 1] - a[..., 1]) * (b[..., 0] - a[..., 0]) / (
            b[..., 1] - a[..., 1] + 1e-12
        )
        inside ^= crosses & (points[:, 0] < at)
    return inside


def refined(values: Tensor, shape: tuple[int, int, int], coarse: int) -> Tensor:
    """Interpolate a grid ``coarse`` times coarser, whose first points coincide, to ``shape``."""
    size = tuple((n - 1) * coarse + 1 for n in values.shape)
    fine = torch.nn.functional.interpolate(
        values[None, None], size=size, mode="trilinear", align_corners=True
    )
    return fine[0, 0, : shape[0], : shape[1], : shape[2]]

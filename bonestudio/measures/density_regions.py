"""Where the neck and the total hip lie on a map of the proximal femur, and the density along the neck.

After Hologic's layout of a DXA scan: the neck is a box across the neck's axis, the total hip all that
lies outside the box's inner edge. No length in mm is needed: the head is the measure.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Region = Literal["neck", "trochanter", "total_hip"]

THRESHOLD = 0.1
"""g/cm² above which a pixel belongs to the proximal femur (th of equation 2)."""
_BOX = 0.27  # half the box's width over the head's radius: 6.5 of 24 mm
_USUAL = math.radians(38.0)  # tilt of the neck's axis below the horizontal
_REACH = (0.9, 2.2)  # radii from the head's centre between which the neck's outline is looked for
_OUTWARDS = 0.2  # radii that the box lies outside the narrowest place, towards the trochanter
_NARROWER = (
    1.1  # the neck's chord over the head's diameter, at most: turned outwards a neck looks wide
)
_NEAREST = 0.8  # of the chord's middle from the head's centre
_SMALL = 60  # pixels
_MOST = 1.5  # times that a correction may raise or lower a density


@dataclass(frozen=True)
class HipRegions:
    """Regions of a left hip's map [h, w] and the axis that they were drawn by.

    Attributes
    ----------
    masks
        'neck', 'trochanter', 'total_hip', each [h, w].
    head
        (row, column) of the head's centre; ``radius`` in pixels.
    tilt
        Angle of the neck's axis below the horizontal, outwards, degrees.
    """

    masks: dict[Region, Mask]
    head: tuple[float, float]
    radius: float
    tilt: float


def proximal_femur(density: Map, *, threshold: float = THRESHOLD) -> Mask:
    """Return the largest connected part above the threshold, its holes filled, [h, w]."""
    from scipy import ndimage

    above = density > threshold
    parts, count = ndimage.label(above)
    if not count:
        return above
    sizes = np.bincount(parts.ravel())[1:]
    filled: Mask = ndimage.binary_fill_holes(parts == 1 + int(sizes.argmax()))
    return filled


def equation_2(density: Map, *, threshold: float = THRESHOLD) -> float:
    """Mean of the map over its pixels above the threshold, g/cm² (paper 004, equation 2)."""
    inside = density > threshold
    if not inside.any():
        raise ImageError("No pixel of this map is bone; there is no density to tell.")
    return float(density[inside].mean())


def corrected(density: Map, line: Sequence[float], *, threshold: float = THRESHOLD) -> Map:
    """Scale a map so that its density by equation 2 follows ``line[0] + line[1] · density``.

    A network that has learned too little tells everybody a density near the usual one; a line fitted on
    patients whose truth is known takes that back. Where the map shows no bone it stays as it is.
    """
    inside = density > threshold
    if not inside.any():
        return density
    plain = float(density[inside].mean())
    factor = (line[0] + line[1] * plain) / plain
    return density * np.float32(np.clip(factor, 1 / _MOST, _MOST))


def find_regions(density: Map, *, threshold: float = THRESHOLD) -> HipRegions:
    """Find neck, trochanter and total hip on the map [h, w] of a left hip (midline at the left)."""
    from scipy import ndimage

    bone = proximal_femur(density, threshold=threshold)
    if not _SMALL < bone.sum() < bone.size / 2:
        raise ImageError("There is no proximal femur on this map.")
    depth = ndimage.distance_transform_edt(np.pad(bone, 1))[1:-1, 1:-1]
    columns = np.flatnonzero(bone.any(0))
    inner = depth.copy()
    inner[:, columns[0] + round(0.48 * len(columns)) :] = (
        0.0  # the trochanters are wider than a head
    )
    row, column = divmod(int(inner.argmax()), inner.shape[1])
    head, radius = (float(row), float(column)), float(inner.max())
    tilt, narrowest = _neck(bone, head, radius)
    middle = narrowest + _OUTWARDS * radius
    along, across = _frame(bone.shape, head, tilt)
    box = _BOX * radius
    neck = bone & (np.abs(along - middle) < box) & (np.abs(across) < 1.3 * radius)
    total = bone & (along > middle - box)
    grid: NDArray[np.intp] = np.indices(bone.shape)
    rows, cols = grid[0], grid[1]
    last = np.flatnonzero(bone.any(1))[-1]
    low = bone & (rows > last - 0.3 * radius)
    if not neck.any() or not low.any():
        raise ImageError("The neck of this femur cannot be told from its head.")
    centre = (float(rows[neck].mean()), float(cols[neck].mean()))
    shaft = (float(rows[low].mean()), float(cols[low].mean()))
    down = np.array(shaft) - np.array(centre)
    outward = (cols - centre[1]) * down[0] - (rows - centre[0]) * down[1]
    trochanter = total & ~neck & (outward > 0) & (rows - centre[0] < 0.55 * down[0])
    return HipRegions(
        {"neck": neck, "trochanter": trochanter, "total_hip": total}, head, radius, math.degrees(tilt)
    )  # fmt: skip


def neck_profile(density: Map, regions: HipRegions) -> tuple[NDArray[np.float64], Map]:
    """Return places along the neck in radii of the head (0 is its centre) and the density there, g/cm².

    Each is the mean across the axis, over bone within a radius of it.
    """
    along, across = _frame(density.shape, regions.head, math.radians(regions.tilt))
    bone = (density > THRESHOLD) & (np.abs(across) < regions.radius)
    edges = np.linspace(0.0, 2.5, 26) * regions.radius
    place = np.digitize(along, edges) - 1
    inside = bone & (place >= 0) & (place < len(edges) - 1)
    count = np.bincount(place[inside], minlength=len(edges) - 1)
    total = np.bincount(place[inside], weights=density[inside], minlength=len(edges) - 1)
    middles = (edges[:-1] + edges[1:]) / 2 / regions.radius
    known = count > 0
    return middles[known], (total[known] / count[known]).astype(np.float32)


def _frame(
    shape: tuple[int, ...], head: tuple[float, float], tilt: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels from the head's centre, along the neck's axis and across it, each [h, w]."""
    rows, columns = np.indices(shape, dtype=np.float64)
    down, out = rows - head[0], columns - head[1]
    return out * math.cos(tilt) + down * math.sin(tilt), down * math.cos(tilt) - out * math.sin(
        tilt
    )


def _neck(bone: Mask, head: tuple[float, float], radius: float) -> tuple[float, float]:
    """Tilt of the neck's axis, and how far from the head's centre the neck is narrowest.

    The shortest chord from the upper to the lower outline, outside the head, crosses the neck where
    it is narrowest; the axis runs from the head's centre through the chord's middle.
    """
    from scipy import ndimage

    rows, columns = np.nonzero(bone & ~ndimage.binary_erosion(bone))
    points = np.stack([rows - head[0], columns - head[1]], 1)
    usual = np.array([math.sin(_USUAL), math.cos(_USUAL)])
    along = points @ usual
    across = points @ np.array([usual[1], -usual[0]])
    far = np.linalg.norm(points, axis=1)
    near = (far > _REACH[0] * radius) & (far < _REACH[1] * radius) & (along > 0.3 * radius)
    upper, lower = points[near & (across < 0)], points[near & (across > 0)]
    if not len(upper) or not len(lower):
        raise ImageError("The neck of this femur cannot be told from its head.")
    chords = lower[None] - upper[:, None]
    lengths = np.linalg.norm(chords, axis=2)
    middles = (lower[None] + upper[:, None]) / 2
    # A chord through the head is no neck, nor is one that lies along the axis.
    lengths[np.linalg.norm(middles, axis=2) < _NEAREST * radius] = math.inf
    lengths[np.abs(chords @ usual) > 0.5 * np.abs(chords @ np.array([usual[1], -usual[0]]))] = (
        math.inf
    )
    i, j = divmod(int(lengths.argmin()), len(lower))
    if not lengths[i, j] < _NARROWER * 2 * radius:
        raise ImageError("The neck of this femur cannot be told from its head.")
    down, out = middles[i, j]
    return math.atan2(down, out), math.hypot(down, out)

"""The corners of radius and ulna in the outline of a PA wrist, for when no film is at hand.

Seen from the thumb's tip of the joint surface, its ulnar corner is where the outline turns down. A
proximal fragment that sticks out beside it is not taken for it: the walk along the joint surface
stops where the outline drops in a step.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bonestudio.measures.wrist_frame import Mask, RadiusEnd

Array = NDArray[np.float64]
_STEP, _WITHIN = 0.20, 0.08  # a drop of so many breadths within so many is a step
# Each corner is the outline's furthest point in a direction, degrees from the joint's line.
_NOTCH, _STYLOID = 28.0, 58.0
_USUAL = 23.0  # degrees of inclination to begin with


def corners(masks: Mapping[str, Mask], end: RadiusEnd) -> dict[str, tuple[float, float]]:
    """Return 'radial_styloid', 'sigmoid_notch' and, where there is an ulna, 'ulnar_head'."""
    styloid, notch = _joint_surface(np.argwhere(masks["radius"]) - end.tip, end)
    found = {"radial_styloid": styloid, "sigmoid_notch": notch}
    if "ulna" in masks and masks["ulna"].sum() >= 30:
        seat = _ulnar_seat(np.argwhere(masks["ulna"]) - end.tip, end)
        if seat is not None:
            found["ulnar_head"] = seat
    return {name: (float(p[0]), float(p[1])) for name, p in found.items()}


def _joint_surface(radius: Array, end: RadiusEnd) -> tuple[Array, Array]:
    """Furthest points of the upper outline towards thumb and ulna, the joint's slope found on the way."""
    across, height = _upper_outline(radius, end)
    first, last = _without_steps(height, end.breadth)
    across, height = across[first:last], height[first:last]
    slope = np.deg2rad(_USUAL)
    notch = styloid = np.zeros(2)
    for _ in range(6):
        down, up = np.deg2rad(_NOTCH) - slope, np.deg2rad(_STYLOID) + slope
        notch = _furthest(across, height, -np.cos(down), np.sin(down))
        styloid = _furthest(across, height, np.cos(up), np.sin(up))
        run, rise = styloid - notch
        slope = float(np.arctan2(rise, max(abs(run), 1e-6)))

    def place(point: Array) -> Array:
        there: Array = end.tip + point[0] * end.side + point[1] * end.along
        return there

    return place(styloid), place(notch)


def _upper_outline(bone: Array, end: RadiusEnd) -> tuple[Array, Array]:
    """For each pixel across (towards the thumb) the most distal pixel of the bone."""
    across = np.rint(bone @ end.side).astype(int)
    first = across.min()
    height = np.full(across.max() - first + 1, -np.inf)
    np.maximum.at(height, across - first, bone @ end.along)
    places = np.arange(len(height), dtype=np.float64) + float(first)
    shown = np.isfinite(height)
    return places[shown], height[shown].astype(np.float64)


def _without_steps(height: Array, breadth: float) -> tuple[int, int]:
    """Walk from the top to both sides until the outline drops in a step."""
    reach = max(1, round(_WITHIN * breadth))
    drop = _STEP * breadth
    first = last = int(np.argmax(height))
    while first - reach >= 0 and height[first - reach] > height[first] - drop:
        first -= 1
    while last + reach < len(height) and height[last + reach] > height[last] - drop:
        last += 1
    # At an edge of the bone there is nothing left to drop to.
    first = 0 if first < reach else first
    last = len(height) - 1 if last + reach >= len(height) else last
    return first, last + 1


def _furthest(across: Array, height: Array, x: float, y: float) -> Array:
    """Mean of the outline's points within half a pixel of the furthest in direction (x, y)."""
    reach = across * x + height * y
    best = reach >= reach.max() - 0.5
    return np.array([across[best].mean(), height[best].mean()])


def _ulnar_seat(ulna: Array, end: RadiusEnd) -> Array | None:
    """Top of the ulna's head: of its half towards the radius, since the styloid stands on the other."""
    across, height = _upper_outline(ulna, end)
    near = height > height.max() - 0.7 * end.breadth
    across, height = across[near], height[near]
    if len(across) < 4:
        return None
    half = across >= across.mean()
    top = float(np.percentile(height[half], 95))
    place: Array = end.tip + across.mean() * end.side + top * end.along
    return place

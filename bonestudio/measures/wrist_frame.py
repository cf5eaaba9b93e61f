"""Where the distal radius lies on a film: its axis, its end, its breadth and the view, from masks.

Directions and positions are (row, column) in pixels of the mask. The axis is that of the shaft, by
which all wrist angles are measured (Mann, Wilson and Gilula, Radiology 1992;184:15-24): a distal
fragment may lean, the shaft does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
View = Literal["PA", "LL"]

SMALLEST = 14.0  # pixels that the distal radius must be broad: below, a pixel is over 2 degrees
_SHAFT = {"PA": (1.2, 2.5), "LL": (1.6, 3.4)}  # levels that give the axis, breadths below the tip
_SHORTEST = 0.35  # breadths of shaft that an axis takes
_BESIDE, _BEHIND = 0.5, 0.42  # ulna's offset from the radius' axis in breadths: PA above, LL below
_APART, _OVER = 0.86, 0.03  # from the front no more than this of the ulna lies over the radius


class NotMeasurable(Exception):  # noqa: N818 – an answer, not an error
    """Why a wrist cannot be measured, as a sentence for the person who asked."""


@dataclass(frozen=True, kw_only=True)
class RadiusEnd:
    """The distal radius on a mask.

    Attributes
    ----------
    along
        [2] unit vector of the shaft's axis, towards the hand.
    side
        [2] unit vector across it: towards the thumb in the PA view; in the lateral one to the
        film's right, since the mask does not tell the palm from the back of the hand.
    tip
        [2] where the axis meets the level of the radius' most distal pixel.
    near
        [2] where the shown shaft begins, on the axis.
    breadth
        Of the distal radius, pixels.
    """

    along: Array
    side: Array
    tip: Array
    near: Array
    breadth: float
    view: View


def find_end(masks: Mapping[str, Mask], *, view: View | None = None) -> RadiusEnd:
    """Find the distal radius; ``view`` is told by where the ulna lies unless it is given.

    Raises
    ------
    NotMeasurable
        When a bone is missing, cut off or too small, or the view is neither PA nor lateral.
    """
    for bone in ("radius", "carpals"):
        if bone not in masks or masks[bone].sum() < 30:
            missing = "are no carpals" if bone == "carpals" else "is no radius"
            raise NotMeasurable(f"There {missing} on the mask.")
    radius = _largest_parts(masks["radius"])
    points = np.argwhere(radius).astype(np.float64)
    carpals = np.argwhere(masks["carpals"]).mean(0)
    along = _main_direction(points)
    if (carpals - points.mean(0)) @ along < 0:
        along = -along
    if np.median(points @ along) > carpals @ along:
        raise NotMeasurable("The carpals do not lie beyond the radius on the mask.")
    end = _with_axis(points, along, "PA")
    if end.breadth < SMALLEST:
        raise NotMeasurable(
            f"The radius is only {end.breadth:.0f} pixels broad; a larger picture is needed."
        )
    _refuse_cut_off(radius, points, end)
    seen = _seen_view(radius, masks.get("ulna"), end)
    if seen is not None and view is not None and seen != view:
        names = {"PA": "from the front", "LL": "from the side"}
        raise NotMeasurable(f"The mask shows the wrist {names[seen]}, not {names[view]}.")
    chosen = view or seen
    if chosen is None:
        raise NotMeasurable(
            "The wrist shows neither from the front nor from the side."
            if "ulna" in masks
            else "There is no ulna on the mask, by which the view is told; name the view."
        )
    if chosen == "LL":
        end = _with_axis(points, end.along, "LL")
    return replace(end, side=_side(masks.get("ulna"), end, chosen), view=chosen)


def _with_axis(points: Array, along: Array, view: View) -> RadiusEnd:
    """Fit the shaft's axis to the middles of its cross-sections, in a few rounds."""
    low, high = _SHAFT[view]
    breadth, middles = 0.0, points
    for _ in range(4):
        across = np.array([-along[1], along[0]])
        levels, offsets = points @ along, points @ across
        depth = np.rint(levels.max() - levels).astype(int)
        first, last = np.full(depth.max() + 1, np.inf), np.full(depth.max() + 1, -np.inf)
        np.minimum.at(first, depth, offsets)
        np.maximum.at(last, depth, offsets)
        rows = np.flatnonzero(np.isfinite(first))
        wide = (last - first + 1)[rows]
        # A displaced fragment makes the outline broader than the bone, but not the shaft below.
        shaft = float(np.median(wide[rows >= 0.55 * rows[-1]]))
        breadth = min(float(np.percentile(wide[rows <= 0.6 * rows[-1]], 95)), 2.5 * shaft)
        # Where the film ends, the lowest sections are slanted off.
        shown = min(high * breadth, rows[-1] - 0.12 * breadth)
        chosen = rows[(rows > low * breadth) & (rows < shown)]
        if len(chosen) < _SHORTEST * breadth:
            raise NotMeasurable("Too little of the radius' shaft shows to tell its axis.")
        offset = (first[chosen] + last[chosen]) / 2
        middles = np.outer(levels.max() - chosen, along) + np.outer(offset, across)
        turned = along - _robust_slope(chosen.astype(np.float64), offset) * across
        along = turned / np.linalg.norm(turned)
    levels, centre = points @ along, np.median(middles, 0)
    return RadiusEnd(
        along=along,
        side=np.array([-along[1], along[0]]),
        tip=centre + along * (levels.max() - centre @ along),
        near=centre + along * (levels.min() - centre @ along),
        breadth=breadth,
        view=view,
    )


def _refuse_cut_off(radius: Mask, points: Array, end: RadiusEnd) -> None:
    """Take only a joint surface that lies on the film: the distal half breadth off its border."""
    height, width = radius.shape
    distal = points[(points - end.tip) @ end.along > -0.5 * end.breadth]
    row, column = distal.T
    if row.min() < 1 or column.min() < 1 or row.max() > height - 2 or column.max() > width - 2:
        raise NotMeasurable("The joint surface of the radius is cut off by the film's edge.")


def _seen_view(radius: Mask, ulna: Mask | None, end: RadiusEnd) -> View | None:
    """From the front the ulna lies beside the radius, from the side behind it."""
    offset = _ulna_offset(ulna, end)
    if ulna is None or offset is None:
        return None
    if abs(offset) < _BEHIND:
        return "LL"
    places = np.argwhere(ulna)
    distal = places[(places - end.tip) @ end.along > -1.2 * end.breadth]
    over = float(radius[distal[:, 0], distal[:, 1]].mean()) if len(distal) else 0.0
    turned = abs(offset) < _APART and over > _OVER  # obliquely, the one covers the other's edge
    return "PA" if abs(offset) > _BESIDE and not turned else None


def _ulna_offset(ulna: Mask | None, end: RadiusEnd) -> float | None:
    """Offset of the distal ulna from the radius' axis along ``end.side``, in breadths."""
    if ulna is None:
        return None
    from_tip = np.argwhere(ulna) - end.tip
    level = from_tip @ end.along / end.breadth
    near = from_tip[(level > -1.6) & (level < -0.2)]
    if len(near) < 10:
        return None
    return float((near @ end.side).mean() / end.breadth)


def _side(ulna: Mask | None, end: RadiusEnd, view: View) -> Array:
    """Towards the thumb: away from the ulna; on a lateral film to the right."""
    offset = _ulna_offset(ulna, end)
    if view == "PA":
        if offset is None:
            raise NotMeasurable("There is no ulna on the mask, so the thumb's side is not known.")
        return -end.side if offset > 0 else end.side
    return end.side if end.side[1] > 0 else -end.side


def _largest_parts(mask: Mask) -> Mask:
    """Keep the parts that are at least a fifteenth of the largest: fragments, but no specks."""
    import cc3d

    labels = cc3d.connected_components(mask.astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept: Mask = (sizes >= sizes.max() / 15)[labels]
    return kept & mask


def _main_direction(points: Array) -> Array:
    centred = (points - points.mean(0))[:: max(1, len(points) // 4000)]
    direction: Array = np.linalg.svd(centred, full_matrices=False)[2][0]
    return direction


def _robust_slope(x: Array, y: Array) -> float:
    """Slope of the line of least absolute deviations, by reweighting."""
    weights, slope = np.ones_like(x), 0.0
    for _ in range(8):
        slope, start = np.polyfit(x, y, 1, w=np.sqrt(weights))
        weights = 1 / np.maximum(np.abs(y - slope * x - start), 0.3)
    return float(slope)

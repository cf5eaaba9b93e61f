"""Radial inclination, ulnar variance and volar tilt from masks, or from landmarks that a person drags.

Inclination and variance against the perpendicular to the radius' axis, tilt between the volar and
the dorsal lip: Mann, Wilson and Gilula, Radiology 1992;184:15-24.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.measures.wrist_corners import corners
from bonestudio.measures.wrist_frame import Mask, NotMeasurable, RadiusEnd, View, find_end
from bonestudio.measures.wrist_view import SEEN

Point = tuple[float, float]
AXIS = ("axis_near", "axis_far")
UNITS = {"radial_inclination": "°", "volar_tilt": "°", "ulnar_variance": "mm"}
SHOWN = {"PA": ("radial_inclination", "ulnar_variance"), "LL": ("volar_tilt",)}
_NEEDS = {
    "radial_inclination": ("sigmoid_notch", "radial_styloid"),
    "ulnar_variance": ("sigmoid_notch", "ulnar_head"),
    "volar_tilt": ("volar_lip", "dorsal_lip"),
}
_OTHER_VIEW = {
    "PA": "Volar tilt shows on a film from the side; this one is from the front.",
    "LL": "It shows on a film from the front; this one is from the side.",
}


@dataclass(frozen=True)
class Range:
    """What is normal, and who says so."""

    low: float
    high: float
    source: str


RANGES: Mapping[str, Range] = {
    "radial_inclination": Range(21, 25, "Harisinghani et al. 2018, as paper 002 cites it"),
    "volar_tilt": Range(2, 20, "Harisinghani et al. 2018, as paper 002 cites it"),
    "ulnar_variance": Range(-3.3, 1.9, "Schuind et al., J Hand Surg Am 1992;17:995 (mean ± 2 SD)"),
}


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number of a wrist, or why there is none.

    Attributes
    ----------
    value
        In ``unit`` (° or mm); None where it cannot be measured.
    why
        The sentence that says why there is no number.
    lines
        Lines to draw, each two (row, column) points in pixels.
    """

    name: str
    unit: str
    normal: Range
    value: float | None = None
    why: str | None = None
    lines: tuple[tuple[Point, Point], ...] = ()

    @property
    def within(self) -> bool | None:
        """Whether the value is normal."""
        if self.value is None:
            return None
        return self.normal.low <= self.value <= self.normal.high


@dataclass(frozen=True, kw_only=True)
class WristMeasures:
    """The measurements of one film, and the landmarks that they come from.

    Attributes
    ----------
    landmarks
        Name → (row, column) in pixels: 'axis_near' and 'axis_far' on the shaft's axis, and
        'radial_styloid', 'sigmoid_notch', 'ulnar_head' (PA) or 'dorsal_lip', 'volar_lip' (LL).
    spacing
        (row, column) mm, or None.
    """

    view: View | None
    landmarks: Mapping[str, Point]
    spacing: tuple[float, float] | None
    measurements: tuple[Measurement, ...]
    ranges: Mapping[str, Range] = field(default_factory=lambda: RANGES)

    def __getitem__(self, name: str) -> Measurement:
        return next(m for m in self.measurements if m.name == name)

    @classmethod
    def from_landmarks(
        cls,
        landmarks: Mapping[str, Sequence[float]],
        *,
        view: View,
        spacing: tuple[float, float] | None = None,
        ranges: Mapping[str, Range] = RANGES,
    ) -> Self:
        """Compute everything from landmarks, wherever they come from."""
        if view not in SHOWN:
            raise RequestError(f"A wrist is measured from the front ('PA') or side ('LL'), not {view!r}.")  # fmt: skip
        known = {*AXIS, *SEEN["PA"], *SEEN["LL"]}
        unknown = sorted(set(landmarks) - known)
        if unknown:
            raise RequestError(f"A wrist has no landmark {unknown[0]!r}; known are {', '.join(sorted(known))}.")  # fmt: skip
        if any(len(p) != 2 or not all(map(math.isfinite, p)) for p in landmarks.values()):
            raise RequestError("A landmark is a pair of finite numbers, (row, column) in pixels.")
        points = {name: (float(row), float(column)) for name, (row, column) in landmarks.items()}
        found = tuple(_measured(name, points, view, spacing, ranges) for name in UNITS)
        return cls(
            view=view, landmarks=points, spacing=spacing, measurements=found, ranges=dict(ranges)
        )

    @classmethod
    def refused(
        cls,
        why: str,
        *,
        spacing: tuple[float, float] | None = None,
        ranges: Mapping[str, Range] = RANGES,
    ) -> Self:
        """Say why nothing can be measured."""
        none = tuple(
            Measurement(name=name, unit=unit, normal=ranges[name], why=why)
            for name, unit in UNITS.items()
        )
        return cls(view=None, landmarks={}, spacing=spacing, measurements=none, ranges=dict(ranges))

    def moved(self, landmark: str, to: Sequence[float]) -> Self:
        """Compute everything anew with one landmark dragged to (row, column)."""
        if self.view is None or landmark not in self.landmarks:
            raise RequestError(f"This film has no landmark {landmark!r} to move.")
        row, column = to
        return self.from_landmarks(
            {**self.landmarks, landmark: (row, column)},
            view=self.view,
            spacing=self.spacing,
            ranges=self.ranges,
        )

    def told(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON."""
        rows = [
            {
                "name": m.name,
                "value": m.value,
                "unit": m.unit,
                "not_measurable": m.why,
                "normal": [m.normal.low, m.normal.high],
                "normal_source": m.normal.source,
                "lines": [[list(a), list(b)] for a, b in m.lines],
            }
            for m in self.measurements
        ]
        return {
            "view": self.view,
            "landmarks": {name: list(p) for name, p in self.landmarks.items()},
            "measurements": rows,
        }


def measure_wrist(
    masks: Mapping[str, Mask],
    *,
    spacing: tuple[float, float] | None = None,
    view: View | None = None,
    points: Mapping[str, Sequence[float]] | None = None,
    ranges: Mapping[str, Range] = RANGES,
) -> WristMeasures:
    """Measure a wrist by the masks of 'radius', 'ulna' and 'carpals', each [height, width].

    Parameters
    ----------
    spacing
        (row, column) mm of a pixel; without it there is no ulnar variance.
    view
        'PA' or 'LL'; told by where the ulna lies when None.
    points
        Landmarks that were found on the film, (row, column); the outline serves for the others.
        From the side the outline does not show the lips of the joint, so there it takes points.
    """
    try:
        end = find_end(masks, view=view)
    except NotMeasurable as reason:
        return WristMeasures.refused(str(reason), spacing=spacing, ranges=ranges)
    return measure_end(end, masks, spacing=spacing, points=points, ranges=ranges)


def measure_end(
    end: RadiusEnd,
    masks: Mapping[str, Mask],
    *,
    spacing: tuple[float, float] | None = None,
    points: Mapping[str, Sequence[float]] | None = None,
    ranges: Mapping[str, Range] = RANGES,
) -> WristMeasures:
    """Measure a wrist whose radius is found."""
    landmarks: dict[str, Sequence[float]] = {
        "axis_near": tuple(end.near),
        "axis_far": tuple(end.tip),
    }
    if end.view == "PA" and not (points and set(SEEN["PA"]) <= set(points)):
        landmarks |= corners(masks, end)
    landmarks |= {name: p for name, p in (points or {}).items() if name in SEEN[end.view]}
    return WristMeasures.from_landmarks(landmarks, view=end.view, spacing=spacing, ranges=ranges)


def _measured(
    name: str,
    points: Mapping[str, Point],
    view: View,
    spacing: tuple[float, float] | None,
    ranges: Mapping[str, Range],
) -> Measurement:
    none = Measurement(name=name, unit=UNITS[name], normal=ranges[name])
    if name not in SHOWN[view]:
        return replace(none, why=_OTHER_VIEW[view])
    if not set(AXIS) <= set(points) or points["axis_near"] == points["axis_far"]:
        return replace(none, why="The radius' axis is not known.")
    missing = [need.replace("_", " ") for need in _NEEDS[name] if need not in points]
    if missing:
        verb = "was" if len(missing) == 1 else "were"
        return replace(none, why=f"The {' and the '.join(missing)} {verb} not found.")
    if name == "ulnar_variance" and spacing is None:
        return replace(none, why="The file does not say how large a pixel is.")
    step = np.array(spacing or (1.0, 1.0))
    near, far = (np.array(points[p]) * step for p in AXIS)
    along = (far - near) / np.linalg.norm(far - near)
    first, second = (np.array(points[need]) * step for need in _NEEDS[name])
    rise, run = _parts(second - first, along)
    if name == "ulnar_variance":
        value = rise
    elif run == 0 and rise == 0:
        return replace(none, why="Two landmarks lie on the same place.")
    else:
        value = math.degrees(math.atan2(rise, run))
    foot = second - rise * along
    lines = (
        (points[_NEEDS[name][0]], points[_NEEDS[name][1]]),
        (points[_NEEDS[name][0]], _point(foot / step)),  # the perpendicular to the axis
        (points["axis_near"], points["axis_far"]),
    )
    if name == "ulnar_variance":
        lines = (lines[1], (_point(foot / step), points["ulnar_head"]), lines[2])
    return replace(none, value=value, lines=lines)


def _parts(line: NDArray[np.float64], along: NDArray[np.float64]) -> tuple[float, float]:
    """Parts of a line along the axis and (as a length) across it."""
    rise = float(line @ along)
    return rise, float(np.linalg.norm(line - rise * along))


def _point(place: NDArray[np.float64]) -> Point:
    return float(place[0]), float(place[1])

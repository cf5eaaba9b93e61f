"""Regions of a densitometer's hip analysis, drawn on a projected femur."""

import numpy as np
from numpy.typing import NDArray

_AIR = 0.05  # g/cm²: less than this is the edge of the shadow


def hip_regions(
    proximal: NDArray[np.float32],
    landmarks: dict[str, np.ndarray],
    source: np.ndarray,
    pitch: float,
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, tuple[float, float]]]:
    """Return masks 'neck', 'trochanter', 'total_hip' and landmarks (row, column) of a left hip.

    As on a DXA scan (Hologic's layout): the neck is a box across the neck's axis, 13 mm wide at the bone,
    beside the trochanter; the trochanter is the outer, upper part below the neck's upper border; the
    total hip is all from the neck's box down to 10 mm below the lesser trochanter. ``proximal`` is
    the map of the proximal femur [h, w] in g/cm², ``source`` (x, y, z) in mm, ``pitch`` the film's pixel in mm.
    """
    height = proximal.shape[0]
    rows, columns = np.indices(proximal.shape, dtype=np.float32)
    points = {name: _shadow(at, source, pitch, height) for name, at in landmarks.items()}
    head, neck, shaft = (np.array(points[name]) for name in ("head", "neck", "shaft"))
    axis = (neck - head) / np.linalg.norm(neck - head)
    zoom = np.linalg.norm(neck - head) / np.linalg.norm(
        (landmarks["neck"] - landmarks["head"])[[0, 2]]
    )
    along = (rows - head[0]) * axis[0] + (columns - head[1]) * axis[1]
    # The neck is narrowest 8 mm outside its deepest point beside the head.
    middle = float(np.linalg.norm(neck - head)) + 8.0 * zoom
    bone = proximal > _AIR
    box = bone & (np.abs(along - middle) < 6.5 * zoom)
    total = bone & (along > middle - 6.5 * zoom)
    # The line from the neck's middle to the shaft's parts the trochanter from what is below it.
    down = (shaft - neck) / np.linalg.norm(shaft - neck)
    outward = (columns - neck[1]) * down[0] - (rows - neck[0]) * down[1]
    trochanter = total & ~box & (outward > 0) & ((rows - neck[0]) < 0.55 * (shaft[0] - neck[0]))
    masks = {"neck": box, "trochanter": trochanter, "total_hip": total}
    return masks, {name: (float(r), float(c)) for name, (r, c) in points.items()}


def _shadow(at: np.ndarray, source: np.ndarray, pitch: float, height: int) -> tuple[float, float]:
    """Film position (row, column) of a point (x, y, z) in mm; the film's inner edge is the beam's axis."""
    from bonestudio.phantoms.hip import SOURCE_MM

    grow = SOURCE_MM / (at[1] - source[1])
    return (
        float((source[2] - at[2]) * grow / pitch + height / 2 - 0.5),
        float((at[0] - source[0]) * grow / pitch - 0.5),
    )

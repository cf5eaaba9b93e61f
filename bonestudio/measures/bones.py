"""The bones of hand, wrist and forearm as a mask names them: one number each, as in a label map."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

BONES = (
    "radius",
    "ulna",
    "carpals",
    "metacarpals",
    "proximal phalanges",
    "middle phalanges",
    "distal phalanges",
    "humerus",
)
CARPALS = frozenset(
    ["scaphoid", "lunate", "triquetrum", "pisiform", "trapezium", "trapezoid", "capitate", "hamate"]
)
Mask = NDArray[np.bool_]


def bone_of(part: str) -> str | None:
    """Name the bone of BONES that a single part belongs to: 'scaphoid' → 'carpals'."""
    if part in CARPALS:
        return "carpals"
    for bone in ("radius", "ulna", "humerus"):
        if part == bone or part.startswith(f"{bone}_"):
            return bone
    if part.startswith("metacarpal_"):
        return "metacarpals"
    row, _, rest = part.partition("_phalanx_")
    return f"{row} phalanges" if rest and row in {"proximal", "middle", "distal"} else None


def grouped(parts: Mapping[str, Mask]) -> dict[str, Mask]:
    """Join the masks [height, width] of single parts into those of BONES, as far as there are any."""
    found: dict[str, Mask] = {}
    for part, mask in parts.items():
        bone = bone_of(part)
        if bone is not None:
            found[bone] = found[bone] | mask if bone in found else mask
    return found


def label_map(masks: Mapping[str, Mask]) -> NDArray[np.uint8]:
    """One number a pixel: 0 background, i + 1 for BONES[i]; where bones overlap, the later in BONES.

    The carpals lie before the radius' rim on most films, so this order keeps what is seen in front.
    """
    shape = next(iter(masks.values())).shape
    labels = np.zeros(shape, np.uint8)
    for i, bone in enumerate(BONES):
        if bone in masks:
            labels[masks[bone]] = i + 1
    return labels


def masks_of(labels: NDArray[np.uint8]) -> dict[str, Mask]:
    """Masks of the bones that occur in a label map."""
    found = {bone: labels == i + 1 for i, bone in enumerate(BONES)}
    return {bone: mask for bone, mask in found.items() if mask.any()}

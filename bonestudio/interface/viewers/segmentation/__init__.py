"""Bones over a film: masks travel once; opacity, contour, brush and lines then need no server."""

from bonestudio.interface.viewers.segmentation.component import (
    WHEN_SETTLED,
    mask_deck,
    mask_findings,
    packed,
    packed_film,
    packed_findings,
    unpacked,
)

__all__ = [
    "WHEN_SETTLED",
    "mask_deck",
    "mask_findings",
    "packed",
    "packed_film",
    "packed_findings",
    "unpacked",
]

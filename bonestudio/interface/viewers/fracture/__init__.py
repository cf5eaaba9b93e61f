"""What the Fracture tab adds in the browser: the break as a handle, and a sheet of hands."""

from bonestudio.interface.viewers.fracture.component import (
    fracture_line,
    hand_sheet,
    packed_hands,
    packed_line,
    packed_walk,
)

__all__ = [
    "fracture_line",
    "hand_sheet",
    "packed_hands",
    "packed_line",
    "packed_walk",
]

"""How people lay a left hand on a cassette for a bone age: spread, thumb, tilt."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.pose import Places, Ray, articulate, lay, turn_film

# Direction of each bone of a ray from straight up, degrees towards the thumb: fingers closed, and
# what a full spread adds. Read off hand films of the RSNA bone age set by eye.
_CLOSED = {
    1: (30, 20, 14),
    2: (9, 3, 1, 0),
    3: (1, 0, 0, 0),
    4: (-7, -2, -1, 0),
    5: (-15, -6, -2, 0),
}
_SPREAD = {
    1: (12, 20, 24), 2: (4, 19, 18, 17), 3: (0, 3, 3, 3), 4: (-3, -13, -13, -13), 5: (-7, -29, -29, -27),
}  # fmt: skip


def hand_on_cassette(patients: Sequence[VirtualPatient], scale: Mapping[str, Tensor]) -> Places:
    """Place all bones of the arm for a PA hand film, in film mm; the lunate near the zero."""
    draw = torch.stack(
        [
            torch.from_numpy(p.random("hand/pose").standard_normal(40).clip(-2.2, 2.2))
            for p in patients
        ]
    )
    spread = (0.62 + 0.32 * draw[:, 0]).clamp(0.0, 1.15)
    placed = articulate(
        {
            "pro_sup": torch.deg2rad(8 * draw[:, 1] + 6),
            "deviation": torch.deg2rad(5 * draw[:, 2] + 5),
            "flexion": torch.deg2rad(4 * draw[:, 3]),
        },
        scale=scale,
    )
    placed = close_wrist(placed, scale)
    rays, column = {}, 4
    for finger, closed in _CLOSED.items():
        count = len(closed)
        # A finger swings as a whole, and each of its bones a little by itself.
        swing = 2.0 * draw[:, column]
        own = draw[:, column + 1 : column + 1 + count] * torch.tensor([1.2, 1.5, 2.0, 2.4][:count])
        direction = tuple(
            closed[i] + spread * _SPREAD[finger][i] + swing + own[:, i] for i in range(count)
        )
        column += 1 + count
        if finger == 1:
            roll = 42 + 12 * draw[:, 30]
            lift: tuple[Tensor, ...] = (-10 + 3 * draw[:, 31], 4 * draw[:, 32], 5 * draw[:, 33])
        else:
            roll = {2: 4.0, 3: 0.0, 4: -3.0, 5: -8.0}[finger] + 4 * draw[:, 28 + finger]
            lift = (torch.zeros_like(roll), *(3 * draw[:, 34 + i] for i in range(3)))
        rays[finger] = Ray(direction, roll, lift)
    placed = lay(placed, rays, scale=scale)
    return turn_film(placed, about="z", degrees=6.0 * draw[:, 38] - 1)


def close_wrist(placed: Places, scale: Mapping[str, Tensor]) -> Places:
    """Close the wrist: the meshes leave 5 mm more between forearm and carpus than cartilage fills."""
    size = torch.linalg.det(scale["radius"]).pow(1 / 3)
    placed = dict(placed)
    for bone, reach in (("radius", 5.0), ("ulna", 6.0), ("humerus", 5.0)):
        along = placed["radius"][:, :3, 1]  # the radius' joint frame has y up the arm
        shifted = placed[bone].clone()
        shifted[:, :3, 3] = shifted[:, :3, 3] - along * (reach * size)[:, None]
        placed[bone] = shifted
    # The ulnar column of the carpus stands off the capitate in the meshes.
    side = placed["lunate"][:, :3, 0] * size[:, None]
    for bone, reach in (("hamate", 1.6), ("triquetrum", 1.5), ("pisiform", 1.5)):
        placed[bone] = placed[bone].clone()
        placed[bone][:, :3, 3] = placed[bone][:, :3, 3] + reach * side
    return placed

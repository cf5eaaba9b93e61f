"""Joint angles → where each bone lies on the cassette.

Film coordinates, mm: x to the right, y down the film (towards the elbow), z towards the tube. The
meshes are of a right arm; in these left-handed coordinates they show a left arm, seen from the
tube, thumb to the right when the palm lies on the cassette. Right arms are mirrored afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.pose_kinematics import BONES, finger_chain, kinematics

Places = dict[str, Tensor]

_SEAT = (
    1.4  # mm towards the wrist: the meshes leave more between carpus and metacarpals than cartilage
)

# Axis along which each bone is long: towards its far joint, or through its centre of mass.
_FAR = {
    "humerus": "ulna",
    "radius": "lunate",
    **{
        a: b
        for f in range(1, 6)
        for a, b in zip(finger_chain(f), finger_chain(f)[1:], strict=False)
    },
}


def long_axis(bone: str) -> Tensor:
    """Give the unit vector [3] from the near to the far end of a bone, in its own frame."""
    tree = kinematics()
    towards = tree.rest[_FAR[bone]][:3, 3] if bone in _FAR else tree.centre[bone]
    return _unit(torch.from_numpy(towards.copy()))


def rotation(axis: Tensor, angle: Tensor) -> Tensor:
    """Rodrigues: turn by ``angle`` [B] radians about the unit ``axis`` [3] or [B, 3] → [B, 3, 3]."""
    axis = axis.expand(*angle.shape, 3)
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    eye = torch.eye(3, dtype=axis.dtype)
    sin, cos = angle.sin()[..., None, None], angle.cos()[..., None, None]
    return eye + sin * cross + (1 - cos) * (cross @ cross)


def stretch(bone: str, length: Tensor, breadth: Tensor) -> Tensor:
    """Scale a bone by ``length`` [B] along and ``breadth`` [B] across its long axis → [B, 3, 3]."""
    axis = long_axis(bone)
    along = torch.outer(axis, axis)
    across = torch.eye(3, dtype=axis.dtype) - along
    return length[:, None, None] * along + breadth[:, None, None] * across


def articulate(
    angles: Mapping[str, Tensor], *, scale: Mapping[str, Tensor] | None = None, root: str = "lunate"
) -> Places:
    """Place every bone of the arm by its joint angles.

    Parameters
    ----------
    angles
        Joint ('pro_sup', 'elbow_flexion', 'deviation', 'mcp2_flexion' …) → radians [B].
    scale
        Bone → [B, 3, 3] stretch of the bone about its own joint; what hangs on it moves along.
    root
        The bone whose frame becomes the film's.

    Returns
    -------
    Bone → rigid transform [B, 4, 4] from its joint frame to the film, mm, float64. The stretch is
    not part of it.
    """
    tree = kinematics()
    batch = next(iter(angles.values())).shape[0] if angles else 1
    scale = scale or {}
    placed: Places = {}
    for bone in BONES:
        local = torch.from_numpy(tree.rest[bone].copy()).expand(batch, 4, 4).clone()
        parent = tree.parent[bone]
        if parent and parent in scale:
            local[:, :3, 3] = (scale[parent] @ local[:, :3, 3, None]).squeeze(-1)
        for joint, axis in tree.joints[bone].items():
            if joint in angles:
                turn = rotation(torch.from_numpy(axis.copy()), angles[joint].double())
                local[:, :3, :3] = local[:, :3, :3] @ turn
        placed[bone] = placed[parent] @ local if parent else local
    home = torch.linalg.inv(placed[root])
    return {bone: home @ place for bone, place in placed.items()}


@dataclass(frozen=True)
class Ray:
    """How one finger lies on the cassette; degrees, one value per patient [B].

    Attributes
    ----------
    direction
        In the plane of the film from straight up the film, towards the thumb: one per bone of the
        ray, metacarpal first.
    roll
        Turn about the bone's length that shows its thumb side; 0: nail towards the tube.
    lift
        Rise of the bone's far end off the cassette (shortens its image), one per bone.
    """

    direction: tuple[Tensor, ...]
    roll: Tensor
    lift: tuple[Tensor, ...]


def lay(placed: Places, rays: Mapping[int, Ray], *, scale: Mapping[str, Tensor]) -> Places:
    """Lay the fingers on the cassette; the rest of the arm stays where it is."""
    tree = kinematics()
    placed = dict(placed)
    for finger, ray in rays.items():
        chain = finger_chain(finger)
        for bone, direction, lift in zip(chain, ray.direction, ray.lift, strict=True):
            parent = tree.parent[bone]
            turn = _facing(direction, ray.roll, lift) @ _anatomical(finger, bone).T
            place = torch.zeros_like(placed[bone])
            place[:, 3, 3] = 1
            place[:, :3, :3] = turn
            if bone == chain[0]:  # a metacarpal turns about its base, not about its middle
                base = scale[bone] @ _near_end(bone)
                pivot = placed[bone][:, :3, :3] @ base[..., None] + placed[bone][:, :3, 3:]
                pivot = pivot + _SEAT * scale[bone][:, :, 1:2]
                place[:, :3, 3] = (pivot - turn @ base[..., None]).squeeze(-1)
            else:
                assert parent is not None  # noqa: S101 - only the humerus has none
                offset = scale[parent] @ torch.from_numpy(tree.rest[bone][:3, 3].copy())
                place[:, :3, 3] = _apply(placed[parent], offset)
            placed[bone] = place
    return placed


def turn_film(placed: Places, *, about: str, degrees: Tensor) -> Places:
    """Turn the whole arm about the film's axis 'x', 'y' or 'z' by ``degrees`` [B]."""
    axis = torch.eye(3, dtype=torch.float64)["xyz".index(about)]
    turn = torch.eye(4, dtype=torch.float64).repeat(degrees.shape[0], 1, 1)
    turn[:, :3, :3] = rotation(axis, torch.deg2rad(degrees.double()))
    return {bone: turn @ place for bone, place in placed.items()}


def locate(place: Tensor, scale: Tensor, point: Tensor) -> Tensor:
    """Film position [B, 3] of a ``point`` [3] or [B, 3] given in the bone's own frame, mm."""
    return _apply(place, (scale @ point.double()[..., None]).squeeze(-1))


def _apply(place: Tensor, point: Tensor) -> Tensor:
    return (place[:, :3, :3] @ point[..., None]).squeeze(-1) + place[:, :3, 3]


def _near_end(bone: str) -> Tensor:
    """Middle of a bone's near end [3], in its joint frame, mm."""
    source = load_bone(bone)
    return torch.from_numpy(source.to_mesh(np.array(source.landmarks["proximal"])))


def _anatomical(finger: int, bone: str) -> Tensor:
    """Columns: thumb side, far, back of the hand; in the bone's frame."""
    tree = kinematics()
    far = long_axis(bone)
    hinge = tree.joints[bone] or tree.joints[finger_chain(finger)[1]]
    axis = torch.from_numpy(next(iter(hinge.values())).copy())
    if bone == "metacarpal_1":  # its first axis is the saddle's; the next joint's is the hinge
        axis = torch.from_numpy(tree.joints["proximal_phalanx_1"]["mp_flexion"].copy())
    side = _unit(axis - (axis @ far) * far)
    if finger == 1:  # the thumb's hinges open towards its palm side the other way round
        side = -side
    back = torch.linalg.cross(far, side)
    return torch.stack([side, far, back], -1)


def _facing(direction: Tensor, roll: Tensor, lift: Tensor) -> Tensor:
    """Columns [B, 3, 3]: thumb side, far, back of the hand, as they lie on the film."""
    angle, roll, lift = (torch.deg2rad(v.double()) for v in (direction, roll, lift))
    zero = torch.zeros_like(angle)
    flat = torch.stack([angle.sin(), -angle.cos(), zero], -1)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    far = flat * lift.cos()[:, None] + up * lift.sin()[:, None]
    side = torch.stack([angle.cos(), angle.sin(), zero], -1)
    back = torch.linalg.cross(side, far)
    back = back * torch.sign((back * up).sum(-1, keepdim=True))
    side_rolled = side * roll.cos()[:, None] - back * roll.sin()[:, None]
    back_rolled = back * roll.cos()[:, None] + side * roll.sin()[:, None]
    return torch.stack([side_rolled, far, back_rolled], -1)


def _unit(vector: Tensor) -> Tensor:
    unit: Tensor = vector / torch.linalg.norm(vector, dim=-1, keepdim=True)
    return unit

"""Landmarks of the arm on the film, from where its bones lie."""

from collections.abc import Mapping

import torch
from torch import Tensor

from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.pose import Places
from bonestudio.phantoms.pose_kinematics import finger_chain

Marks = dict[str, Tensor]


def joint_marks(whole: Mapping[str, Tensor], placed: Places) -> Marks:
    """Joints and fingertips on the film, name → [B, 3] mm.

    ``whole``: bone → [B, 4, 4] from its volume's frame to the film, stretch included.
    """
    marks: Marks = {}
    for finger in range(1, 6):
        chain = finger_chain(finger)
        joints = ("mcp", "ip") if finger == 1 else ("mcp", "pip", "dip")
        for joint, bone in zip(joints, chain[1:], strict=True):
            marks[f"{joint}_{finger}"] = placed[bone][:, :3, 3]
        marks[f"tip_{finger}"] = on_bone(whole, chain[-1], 1.0)
        marks["cmc_1" if finger == 1 else f"base_{finger}"] = on_bone(whole, chain[0], 0.0)
    marks["wrist"] = (placed["lunate"][:, :3, 3] + placed["scaphoid"][:, :3, 3]) / 2
    return marks


def flesh_marks(whole: Mapping[str, Tensor], marks: Mapping[str, Tensor]) -> Marks:
    """Add the points that carry flesh between the joints: thenar, wrist, forearm."""
    near = {
        "thenar": 0.50 * marks["cmc_1"] + 0.15 * marks["mcp_1"] + 0.35 * marks["base_3"],
        "web_2": 0.55 * marks["mcp_2"] + 0.45 * marks["base_2"],
        "wrist_radial": on_bone(whole, "radius", 0.985),
        "wrist_ulnar": on_bone(whole, "ulna", 0.975),
        "radius_neck": on_bone(whole, "radius", 0.80),
        "ulna_neck": on_bone(whole, "ulna", 0.80),
        "radius_middle": on_bone(whole, "radius", 0.45),
        "ulna_middle": on_bone(whole, "ulna", 0.47),
        "radius_head": on_bone(whole, "radius", 0.08),
        "ulna_elbow": on_bone(whole, "ulna", 0.10),
    }
    for finger in (2, 3, 4, 5):
        near[f"palm_{finger}"] = 0.65 * marks[f"mcp_{finger}"] + 0.35 * marks[f"base_{finger}"]
        near[f"fold_{finger}"] = 0.72 * marks[f"mcp_{finger}"] + 0.28 * marks[f"pip_{finger}"]
    if "humerus" in whole:
        near["humerus_low"] = on_bone(whole, "humerus", 0.95)
        near["humerus_middle"] = on_bone(whole, "humerus", 0.45)
    return {**marks, **near}


def on_bone(whole: Mapping[str, Tensor], bone: str, share: float) -> Tensor:
    """Film point [B, 3] on the middle line of a bone, ``share`` of its length from the near end."""
    ends = load_bone(bone).landmarks
    near, far = (torch.tensor(ends[end], dtype=torch.float64) for end in ("proximal", "distal"))
    return to_film(whole[bone], near + share * (far - near))


def to_film(place: Tensor, point: Tensor) -> Tensor:
    """Film position [B, 3] of a point [3] of the volume's frame under ``place`` [B, 4, 4]."""
    return place[:, :3, :3] @ point.double() + place[:, :3, 3]

"""How a finger lies in the frame of a phalanx film: size, pose, rays, outline, landmarks."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bonestudio.phantoms import chance
from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.bone_matter import per_ray
from bonestudio.phantoms.growth import Stage
from bonestudio.phantoms.patient import Style, VirtualPatient

SIZE = 128
FRAME = 1.35  # side of the frame over the distance from PIP to DIP joint
PLATE = 2.9  # mm of the adult bone from its base to the middle of the growth plate


@dataclass(frozen=True)
class Finger:
    """Geometry of a batch of fingers; tensors [batch], mm and radians."""

    length: Tensor
    joint: Tensor
    width: Tensor
    tilt: Tensor
    shift: Tensor
    roll: Tensor
    lean: Tensor
    neighbour: Tensor

    @property
    def joints_apart(self) -> Tensor:
        """Distance from the PIP to the DIP joint in mm."""
        return self.length + self.joint

    @property
    def pixel(self) -> Tensor:
        """Size of a pixel in mm."""
        return FRAME * self.joints_apart / SIZE


def pose_fingers(
    patients: Sequence[VirtualPatient], grown: Stage, ages: Sequence[float], style: Style
) -> Finger:
    """Size and pose of each finger: pose is drawn anew for each film, within what is left after rotation correction."""
    traits = [p.traits for p in patients]
    size = torch.tensor([1 + 0.05 * t.size for t in traits])
    length = torch.tensor(grown.length, dtype=torch.float32) * size
    grown_up = torch.tensor(grown.maturity, dtype=torch.float32)
    # From end to end of two bones. Cartilage keeps the young joint wide; in the grown one the
    # ridge of the base reaches into the groove of the head.
    joint = 0.3 + 1.1 * (1 - grown_up).clamp(0, 1)
    adult = torch.tensor([15.6 if p.sex == "F" else 17.2 for p in patients])
    soft = torch.tensor([1 + 0.09 * t.soft_tissue + 0.03 * t.breadth for t in traits])
    # Diameters of index fingers from 3 to 10 years grow by 20 % to 15 mm on average.
    width = 1.03 * adult * soft * (0.64 + 0.36 * ((grown_up - 0.35) / 0.65).clamp(0, 1))
    pose = torch.stack(
        [
            chance.normal(p.seed, f"pose/phalange/{a:.4f}", 4)
            for p, a in zip(patients, ages, strict=True)
        ]
    ) * (1.0 if style == "natural" else 0.0)
    pose = pose.clamp(-2.5, 2.5)
    # The middle finger's edge is in one crop of twelve; far away in clean films.
    beside = torch.stack(
        [
            chance.uniform(p.seed, f"neighbour/phalange/{a:.4f}", 1)[0]
            for p, a in zip(patients, ages, strict=True)
        ]
    )
    beside = beside if style == "natural" else torch.full_like(beside, 9.0)
    return Finger(
        length=length,
        joint=joint,
        width=width,
        lean=pose[:, 3] * 0.07 + (0.13 if style == "natural" else 0.0),
        neighbour=width * (1.12 + 3.5 * beside),
        tilt=pose[:, 0] * 0.02,
        shift=pose[:, 1] * 0.012 * length,
        roll=pose[:, 2] * 0.08,
    )


def rays(hand: Finger) -> tuple[Tensor, Tensor]:
    """Position of each ray from the frame's centre: (towards the fingertip, to the thumb) in mm."""
    offset = torch.arange(SIZE) - (SIZE - 1) / 2
    rows, columns = torch.meshgrid(-offset, offset, indexing="ij")
    pixel, tilt = per_ray(hand.pixel), per_ray(hand.tilt)
    up = (rows * tilt.cos() - columns * tilt.sin()) * pixel
    side = (columns * tilt.cos() + rows * tilt.sin()) * pixel - per_ray(hand.shift)
    return up, side


def soft_tissue(
    hand: Finger, up: Tensor, side: Tensor, patients: Sequence[VirtualPatient]
) -> Tensor:
    """Path through the finger in mm: elliptic cross-sections, wider at the joints."""
    reach = up / per_ray(hand.joints_apart)  # -0.5 at the PIP joint, 0.5 at the DIP joint
    wave = torch.stack([chance.normal(p.seed, "finger outline", 5) for p in patients]).clamp(-2, 2)
    a, b, c, lean, asym = (w[:, None, None] for w in wave.T)
    width = 1 - (0.13 + 0.03 * a) * reach
    width = width + (0.05 + 0.015 * b) * torch.exp(-(((reach + 0.5) / 0.22) ** 2))
    width = width + (0.03 + 0.015 * c) * torch.exp(-(((reach - 0.5) / 0.2) ** 2))
    half = per_ray(hand.width) / 2 * width
    x = side - half * (0.05 * lean * reach + 0.04 + 0.04 * asym)
    path: Tensor = 2 * 0.86 * half * (1 - (x / half).square()).clamp(min=0).sqrt()
    return path


def beside_it(hand: Finger, side: Tensor) -> Tensor:
    """Path through the middle finger in mm, where it reaches into the frame."""
    half = per_ray(hand.width) / 2
    across = (side + per_ray(hand.neighbour)) / half
    path: Tensor = 2 * 0.86 * half * (1 - across.square()).clamp(min=0).sqrt()
    return path


def landmarks(hand: Finger, grown: Stage, finger: int) -> dict[str, tuple[float, float]]:
    """Landmarks (row, column) in pixels, from the geometry and not from the picture."""
    half, joint = float(hand.joints_apart[0]) / 2, float(hand.joint[0]) / 2
    stretch = float(hand.length[0]) / load_bone(f"middle_phalanx_{finger}").length
    heights = {"pip": -half, "base": -half + joint, "head": half - joint, "dip": half}
    if grown.fusion[0] < 1:
        heights["physis"] = -half + joint + PLATE * stretch
    return {name: _pixel(hand, up, 0.0) for name, up in heights.items()}


def _pixel(hand: Finger, up: float, side: float) -> tuple[float, float]:
    """Find the pixel of a point of the finger (mm): the inverse of `rays`."""
    cos, sin = float(hand.tilt.cos()[0]), float(hand.tilt.sin()[0])
    side, pixel = side + float(hand.shift[0]), float(hand.pixel[0])
    middle = (SIZE - 1) / 2
    return middle - (up * cos + side * sin) / pixel, middle + (side * cos - up * sin) / pixel

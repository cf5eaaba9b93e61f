"""How a knee lies in the frame of a distal femur film: size, pose, rays, outline of the leg."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from bonestudio.phantoms import chance
from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.bone_matter import per_ray
from bonestudio.phantoms.growth import Stage
from bonestudio.phantoms.patient import Style, VirtualPatient

SIZE = 128
FRAME = 1.55  # side of the frame over the width across the condyles
JOINT_ROW = 0.83  # where the condyles end, share of the frame's height


@dataclass(frozen=True)
class Knee:
    """Geometry of a batch of knees; tensors [batch], mm and radians.

    ``scale`` is the size over the mesh's; ``joint`` how far the tibia's spines lie below the
    condyles' ends: in a grown knee they stand between the condyles, above them.
    """

    scale: Tensor
    joint: Tensor
    leg: Tensor
    tilt: Tensor
    shift: Tensor
    roll: Tensor

    @property
    def pixel(self) -> Tensor:
        """Size of a pixel in mm."""
        return FRAME * condyles()[1] * self.scale / SIZE


def pose_knees(
    patients: Sequence[VirtualPatient], grown: Stage, ages: Sequence[float], style: Style
) -> Knee:
    """Size and pose of each knee; the pose is drawn anew for each film."""
    traits = [p.traits for p in patients]
    maturity = torch.tensor(grown.maturity, dtype=torch.float32)
    # The knee is born wide: its width runs ahead of the bone's length. Adults: 83 and 74 mm.
    adult = torch.tensor([83.0 if p.sex == "M" else 74.0 for p in patients]) / condyles()[1]
    own = torch.tensor([1 + 0.045 * t.size + 0.025 * t.breadth for t in traits])
    scale = adult * own * maturity.pow(0.72)
    pose = torch.stack(
        [
            chance.normal(p.seed, f"pose/femur/{a:.4f}", 4)
            for p, a in zip(patients, ages, strict=True)
        ]
    ) * (1.0 if style == "natural" else 0.0)
    pose = pose.clamp(-2.5, 2.5)
    soft = torch.tensor([1 + 0.08 * t.soft_tissue for t in traits])
    return Knee(
        scale=scale,
        joint=(-4.0 + 8.0 * (1 - maturity)) * scale,
        leg=scale * soft * (1.12 + 0.25 * (1 - maturity)),
        tilt=pose[:, 0] * 0.02,
        shift=pose[:, 1] * 1.5 * scale,
        roll=pose[:, 2] * 0.05,
    )


def rays(knee: Knee) -> tuple[Tensor, Tensor]:
    """Position of each ray in mm: over the ends of the condyles, and to the outer side."""
    offset = torch.arange(SIZE) - (SIZE - 1) / 2
    rows, columns = torch.meshgrid(-offset, offset, indexing="ij")
    pixel, tilt = per_ray(knee.pixel), per_ray(knee.tilt)
    up = (rows * tilt.cos() - columns * tilt.sin() + SIZE * (JOINT_ROW - 0.5)) * pixel
    side = (columns * tilt.cos() + rows * tilt.sin()) * pixel - per_ray(knee.shift)
    return up, side


def pixel_of(knee: Knee, up: float) -> tuple[float, float]:
    """Find the pixel of a point on the knee's midline (mm): the inverse of `rays`."""
    cos, sin = float(knee.tilt.cos()[0]), float(knee.tilt.sin()[0])
    pixel, side = float(knee.pixel[0]), float(knee.shift[0])
    height = up / pixel - SIZE * (JOINT_ROW - 0.5)
    middle = (SIZE - 1) / 2
    return middle - (height * cos + side / pixel * sin), middle + side / pixel * cos - height * sin


def soft_tissue(knee: Knee, up: Tensor, side: Tensor, patients: Sequence[VirtualPatient]) -> Tensor:
    """Path through thigh, knee and calf in mm: rounded cross-sections, narrowest at the joint."""
    wave = torch.stack([chance.normal(p.seed, "leg outline", 3) for p in patients]).clamp(-2, 2)
    a, b, lean = (w[:, None, None] for w in wave.T)
    height = up / per_ray(knee.scale)  # mm of the mesh
    half = (
        56
        + (0.16 + 0.04 * a) * (height - 10).clamp(min=0)
        + (0.1 + 0.03 * b) * (-height).clamp(min=0)
    )
    half = half * per_ray(knee.leg)
    x = side - 0.04 * lean * half
    path: Tensor = 2 * 0.95 * half * (1 - (x / half).abs().pow(2.6)).clamp(min=0).sqrt()
    return path


@lru_cache(maxsize=1)
def condyles() -> tuple[float, float]:
    """Return middle and width of the condyles across the knee, mm of the mesh."""
    mesh = load_bone("femur")
    xs = np.flatnonzero(mesh.inside[-round(45 / mesh.spacing) :].any(axis=(0, 1)))
    left, right = mesh.origin[0] + mesh.spacing * xs[[0, -1]].astype(float)
    return float(left + right) / 2, float(right - left)


@lru_cache(maxsize=1)
def tibia_middle() -> float:
    """Return the middle of the tibial plateau across the knee, mm of the mesh."""
    mesh = load_bone("tibia")
    xs = np.flatnonzero(mesh.inside[: round(20 / mesh.spacing)].any(axis=(0, 1)))
    return float(mesh.origin[0] + mesh.spacing * xs[[0, -1]].mean())

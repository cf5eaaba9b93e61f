"""What a growing bone is made of at a point: its traits and stage, cortex, trabeculae, outline."""

from dataclasses import dataclass

import torch
from torch import Tensor

from bonestudio.phantoms.texture import VOXEL, trabecular_block


@dataclass(frozen=True)
class Growing:
    """A batch of one bone in all ages; tensors [batch], lengths in real mm unless said otherwise.

    Attributes
    ----------
    name
        The bone (see `anatomy.BONES`).
    plate
        Height of the growth plate's middle over the ossified end it lies near, in mm of the adult
        mesh, and which end: 'proximal' or 'distal'.
    stretch, breadth
        Length and width over those of the mesh.
    width_ratio, height_ratio, gap, fusion, scar
        Stage of growth, as in `growth.Stage`.
    cortex
        Thickness of the cortex at mid-shaft, mm.
    trabecular
        BV/TV near the joints.
    contrast
        Contrast of the trabecular pattern.
    mineral
        Mineral of the bone matrix over the normal one.
    roll
        Rotation about the long axis, radians.
    shape
        [batch, 12] coefficients of the outline's warp, standard normal.
    place
        [batch, 3] where in the trabecular block the bone lies, 0 to 1.
    rim
        How far the joint's rim is drawn out at the proximal end, mm of the mesh.
    crown
        How far the shaft's face of the plate stands out in the middle over its rim, mm of the mesh.
    waves
        Depth of the growth plate's waves over the bone's half depth.
    flare
        How much wider the base and narrower the head is than the mesh, as a share of its width,
        [batch]; None: as the mesh.
    hollow
        Trabecular density half-way along the shaft over that near the joints.
    even
        0: the pattern's contrast is the same all along; 1: as deep in the thin spongiosa of the
        shaft, in absolute terms, as near the joints.
    lean
        Tilt of the bone out of the film's plane (a flexed finger), [batch] radians; None: flat.
    visible
        Share of the bone, counted from the plate's end, that the film can show.
    pixel
        Typical size of a pixel in mm: outlines are softened and trabeculae drawn to that scale.
    depth_samples
        Samples along each ray.
    """

    name: str
    plate: float
    end: str
    stretch: Tensor
    breadth: Tensor
    width_ratio: Tensor
    height_ratio: Tensor
    gap: Tensor
    fusion: Tensor
    scar: Tensor
    cortex: Tensor
    trabecular: Tensor
    contrast: Tensor
    mineral: Tensor
    roll: Tensor
    shape: Tensor
    place: Tensor
    rim: float = 0.0
    crown: float = 0.0
    waves: float = 0.09
    flare: Tensor | None = None
    hollow: float = 0.12
    even: float = 0.0
    lean: Tensor | None = None
    visible: float = 1.0
    pixel: float = 0.25
    depth_samples: int = 12


def per_ray(value: Tensor) -> Tensor:
    """[batch] → [batch, 1, 1]."""
    return value[:, None, None]


def cortex_thickness(bone: Growing, share: Tensor) -> Tensor:
    """Thickness of the cortex in mm at each height: a thin plate at the ends, thick mid-shaft."""
    from_end = torch.minimum(share / 0.42, (1 - share) / 0.42).clamp(0, 1)
    rise = from_end * from_end * (3 - 2 * from_end)
    thin = 0.15 + 0.10 * per_ray(bone.cortex)
    return thin + (per_ray(bone.cortex) - thin).clamp(min=0) * rise


def spongiosa(
    bone: Growing, share: Tensor, over_mm: Tensor, x: Tensor, y: Tensor, z: Tensor
) -> Tensor:
    """BV/TV with its pattern at each sample: dense at joints and plate, almost none mid-shaft."""
    block = trabecular_block().to(x.device)
    growth = bone.breadth.sqrt()[:, None, None, None]
    grid = torch.empty(*x.shape, 3, dtype=x.dtype, device=x.device)
    for axis, value in enumerate((x, y, z)):
        n, place = block.shape[2 - axis], bone.place[:, axis, None, None, None]
        torch.mul(value, growth * (0.25 / (bone.pixel * VOXEL * n)), out=grid[..., axis]).add_(
            place
        )
        grid[..., axis].remainder_(1.0).mul_(2.0).sub_(1.0)
    pattern = torch.nn.functional.grid_sample(
        block[None, None],
        grid.reshape(1, -1, *x.shape[2:], 3),
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    ).reshape(x.shape)
    from_middle = ((share - 0.5).abs() * 2).clamp(0, 1)
    level = bone.hollow + (1 - bone.hollow) * from_middle**1.5
    contrast = bone.contrast[:, None, None, None] * level.pow(-bone.even)
    # Young bone under the plate (primary spongiosa) is dense over two millimetres.
    young = (1 - bone.fusion)[:, None, None, None] * torch.exp(-over_mm.abs() / (6 * bone.pixel))
    level = bone.trabecular[:, None, None, None] * (level + 0.5 * young)
    return level * (1 + contrast * pattern).clamp(0.05, 4.0)


def matter(distance: Tensor, cortex: Tensor, spongy: Tensor, pixel: float) -> tuple[Tensor, Tensor]:
    """Return share of compact matrix, and share inside the outline, at each sample.

    The cortex is compact from the surface to its thickness and turns into trabeculae over a third
    of that; the outline is softened over a pixel.
    """
    inside = (distance / pixel + 0.5).clamp(0, 1)
    shell = ((cortex - distance) / (0.33 * cortex + 0.06) + 0.5).clamp(0, 0.96)
    return inside * torch.maximum(shell, spongy), inside


def meet(one: Tensor, other: Tensor, rounding: float) -> Tensor:
    """Smooth intersection of two signed distances: edges are rounded over ``rounding`` mm."""
    blend = (rounding - (one - other).abs()).clamp(min=0)
    return torch.minimum(one, other) - blend * blend / (4 * rounding)


def warp(shape: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return width factor and sideways bend (mm of the mesh) along the bone, [batch, h, w].

    Four waves along the bone change its width by 2.5 % each, two bend it by 0.25 mm each.
    """
    angle = share.clamp(-0.1, 1.1) * torch.pi
    waist = torch.ones_like(share)
    for wave in range(1, 5):
        waist = waist + 0.025 * per_ray(shape[:, wave - 1]) * torch.cos(wave * angle)
    bend = 0.25 * per_ray(shape[:, 4]) * torch.sin(angle)
    return waist, bend + 0.15 * per_ray(shape[:, 5]) * torch.sin(2 * angle)

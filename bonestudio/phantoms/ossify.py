"""A growing long bone along X-ray paths: shaft, growth plate, epiphysis, cortex, trabeculae.

The adult bone's signed distance is read at each sample. The plate cuts it in two: the shaft's side
is the bone on that side of the plate; the epiphysis is the other side, shrunk about its centre and
rounded, as far as it has ossified. What bone has bridged of the plate is added last.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from bonestudio.phantoms.anatomy import Bone, load_bone
from bonestudio.phantoms.texture import VOXEL, trabecular_block

Paths = dict[str, Tensor]


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
    waves
        Depth of the growth plate's waves over the bone's half depth.
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
    waves: float = 0.09
    visible: float = 1.0
    pixel: float = 0.25
    depth_samples: int = 14


@lru_cache(maxsize=8)
def _volume(name: str, device: str) -> tuple[Tensor, float, tuple[float, float, float]]:
    """Return signed distance [1, 1, z, y, x] on a device, its spacing, and its first voxel (x, y, z).

    The grid is halved (to 0.3 mm for a finger bone, a pixel of its film): small enough for the
    processor's cache, and a distance loses nothing by it.
    """
    mesh = load_bone(name)
    volume = torch.from_numpy(mesh.distance)[None, None]
    x, y, z = (float(v) for v in mesh.origin)
    half = mesh.spacing / 2
    pooled = torch.nn.functional.avg_pool3d(volume, 2)
    return pooled.to(device), 2 * mesh.spacing, (x + half, y + half, z + half)


def paths_in_frame(bone: Growing, along: Tensor, across: Tensor) -> Paths:
    """Compute `ossified_paths` where the bone can be, and lay them into the empty frame."""
    mesh = load_bone(bone.name)
    reach = mesh.distance.shape[2] * mesh.spacing / 2 * _per_ray(bone.breadth) * 1.15
    middle = (mesh.origin[0] * _per_ray(bone.breadth)) + reach / 1.15
    inside = (along > -1) & (along < _per_ray(mesh.length * bone.stretch) + 1)
    here = inside & ((across - middle).abs() < reach)
    found = {key: torch.zeros_like(along) for key in ("bone", "volume", "epiphysis")}
    rows = torch.nonzero(here.any(2).any(0)).flatten()
    columns = torch.nonzero(here.any(1).any(0)).flatten()
    if len(rows) and len(columns):
        high, wide = (slice(int(v[0]), int(v[-1]) + 1) for v in (rows, columns))
        box = (slice(None), high, wide)
        for key, path in ossified_paths(bone, along[box], across[box]).items():
            found[key][box] = path
    return found


def ossified_paths(bone: Growing, along: Tensor, across: Tensor) -> Paths:
    """Compact bone, whole bone and epiphysis along rays through the front of a bone, in mm.

    ``along`` and ``across`` [batch, h, w] are the position of each ray in mm: from the proximal end
    towards the distal one, and from the axis to the side. Returns 'bone' (mm of compact matrix),
    'volume' (mm inside the bone's outline, marrow included) and 'epiphysis' (mm of volume in the
    epiphysis while it is separate), all [batch, h, w].
    """
    mesh = load_bone(bone.name)
    length = mesh.length
    height = along / _per_ray(bone.stretch)  # mm of the mesh over the proximal end
    share = height / length
    waist, bend = _warp(bone.shape, share)
    x = across / (_per_ray(bone.breadth) * waist) - bend * _per_ray(1 / bone.breadth)
    back, front = _depth(bone.name, bone.end, bone.visible)
    depth = torch.linspace(back, front, bone.depth_samples, device=along.device)
    cos, sin = bone.roll.cos()[:, None, None, None], bone.roll.sin()[:, None, None, None]
    x, y = x[:, :, None, :], depth[None, None, :, None]
    x, y = x * cos + y * sin, y * cos - x * sin  # [batch, h, depth, w]
    step = (depth[1] - depth[0]) * _per_ray(bone.breadth) * waist  # real mm per sample

    zs = height[:, :, None, :] + mesh.landmarks["proximal"][2] + _rim(bone, x, height)
    real = _per_ray(bone.breadth)[:, None]
    adult = _distance(mesh, x, y, zs) * real
    cortex = _cortex(bone, share)[:, :, None, :]
    # Over the plate: height in real mm, positive on the shaft's side.
    over = height - bone.plate if bone.end == "proximal" else length - bone.plate - height
    over = over[:, :, None, :] + _undulation(bone, x, y)
    over_mm = over * _per_ray(bone.stretch)[:, None]
    spongy = _spongiosa(bone, share[:, :, None, :], over_mm, x, y, zs)

    half_gap = _per_ray(bone.gap)[:, None] / 2
    shaft, shaft_inside = _matter(
        _meet(adult, over_mm - half_gap, 2 * bone.pixel), cortex, spongy, bone.pixel
    )
    near = (
        (over_mm < 14 * bone.pixel).flatten(2).any(2).any(0)
    )  # rows [h] that may hold plate or epiphysis
    epiphysis_inside = torch.zeros_like(shaft_inside)
    if near.any():
        rows = slice(int(near.nonzero()[0]), int(near.nonzero()[-1]) + 1)
        ends = _epiphysis(bone, mesh, x[:, rows], y[:, rows], height[:, rows], over[:, rows])
        centre, inside = _matter(
            ends, cortex[:, rows] * 0.85, 0.14 + 0.6 * spongy[:, rows], bone.pixel
        )
        # Bridges: the adult bone, as far as the plate has closed, and its scar.
        whole, whole_inside = _matter(adult[:, rows], cortex[:, rows], spongy[:, rows], bone.pixel)
        scar = (
            0.45
            * bone.scar[:, None, None, None]
            * torch.exp(-((over_mm[:, rows] / (1.2 * bone.pixel)) ** 2))
        )
        whole = torch.maximum(whole, whole_inside * scar)
        fusion = bone.fusion[:, None, None, None]
        shaft[:, rows] = torch.lerp(torch.maximum(shaft[:, rows], centre), whole, fusion)
        apart = torch.maximum(shaft_inside[:, rows], inside)
        shaft_inside[:, rows] = torch.lerp(apart, whole_inside, fusion)
        epiphysis_inside[:, rows] = inside * (fusion < 1)
    mineral = _per_ray(bone.mineral)
    return {
        "bone": shaft.sum(2) * step * mineral,
        "volume": shaft_inside.sum(2) * step,
        "epiphysis": epiphysis_inside.sum(2) * step,
    }


def _per_ray(value: Tensor) -> Tensor:
    """[batch] → [batch, 1, 1]."""
    return value[:, None, None]


@lru_cache(maxsize=16)
def _depth(name: str, end: str, visible: float) -> tuple[float, float]:
    """Return back and front of the visible share of a bone, mm of the mesh, with room for a roll."""
    mesh = load_bone(name)
    rows = round(mesh.distance.shape[0] * visible)
    part = mesh.inside[-rows:] if end == "distal" else mesh.inside[:rows]
    ys = np.flatnonzero(part.any(axis=(0, 2)))
    back, front = mesh.origin[1] + mesh.spacing * ys[[0, -1]].astype(float)
    room = 0.06 * (front - back)
    return float(back - room), float(front + room)


def _distance(mesh: Bone, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Read the signed distance (mm of the mesh) at points of the bone's frame, any shape."""
    volume, spacing, origin = _volume(mesh.name, str(x.device))
    sizes = volume.shape[:1:-1]
    grid = torch.empty(*x.shape, 3, dtype=x.dtype, device=x.device)
    for axis, (value, start, n) in enumerate(zip((x, y, z), origin, sizes, strict=True)):
        scale = 2 / (spacing * (n - 1))
        torch.mul(value, scale, out=grid[..., axis]).sub_(start * scale + 1)
    flat = grid.reshape(1, x.shape[0] * x.shape[1], *x.shape[2:], 3)
    read = torch.nn.functional.grid_sample(
        volume, flat, mode="bilinear", padding_mode="border", align_corners=True
    )
    # Beyond the volume the border value stands for less than the true distance: still outside.
    return read.reshape(x.shape)


def _meet(one: Tensor, other: Tensor, rounding: float) -> Tensor:
    """Smooth intersection of two signed distances: edges are rounded over ``rounding`` mm."""
    blend = (rounding - (one - other).abs()).clamp(min=0)
    return torch.minimum(one, other) - blend * blend / (4 * rounding)


def _matter(
    distance: Tensor, cortex: Tensor, spongy: Tensor, pixel: float
) -> tuple[Tensor, Tensor]:
    """Return share of compact matrix, and share inside the outline, at each sample.

    The cortex is compact from the surface to its thickness and turns into trabeculae over a third
    of that; the outline is softened over a pixel.
    """
    inside = (distance / pixel + 0.5).clamp(0, 1)
    shell = ((cortex - distance) / (0.33 * cortex + 0.06) + 0.5).clamp(0, 0.96)
    return inside * torch.maximum(shell, spongy), inside


def _cortex(bone: Growing, share: Tensor) -> Tensor:
    """Thickness of the cortex in mm at each height: a thin plate at the ends, thick mid-shaft."""
    from_end = torch.minimum(share / 0.42, (1 - share) / 0.42).clamp(0, 1)
    rise = from_end * from_end * (3 - 2 * from_end)
    thin = 0.15 + 0.10 * _per_ray(bone.cortex)
    return thin + (_per_ray(bone.cortex) - thin).clamp(min=0) * rise


def _spongiosa(
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
    level = 0.12 + 0.88 * from_middle**1.5
    # Young bone under the plate (primary spongiosa) is dense over two millimetres.
    young = (1 - bone.fusion)[:, None, None, None] * torch.exp(-over_mm.abs() / (6 * bone.pixel))
    level = bone.trabecular[:, None, None, None] * (level + 0.5 * young)
    return level * (1 + bone.contrast[:, None, None, None] * pattern).clamp(0.05, 4.0)


def _warp(shape: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return width factor and sideways bend (mm of the mesh) along the bone, [batch, h, w].

    Four waves along the bone change its width by 2.5 % each, two bend it by 0.25 mm each.
    """
    angle = share.clamp(-0.1, 1.1) * torch.pi
    waist = torch.ones_like(share)
    for wave in range(1, 5):
        waist = waist + 0.025 * _per_ray(shape[:, wave - 1]) * torch.cos(wave * angle)
    bend = 0.25 * _per_ray(shape[:, 4]) * torch.sin(angle)
    return waist, bend + 0.15 * _per_ray(shape[:, 5]) * torch.sin(2 * angle)


def _rim(bone: Growing, x: Tensor, height: Tensor) -> Tensor:
    """Shift of height that draws a growing joint's rim out to the sides, in mm of the mesh.

    The meshes are of worn adult joints; a child's base embraces the head it rests on.
    """
    if bone.rim == 0:
        return torch.zeros_like(x)
    wide, _ = _end_size(bone.name, bone.plate, bone.end)
    fade = torch.exp(-((height / (1.6 * bone.plate)).clamp(min=0) ** 2))[:, :, None, :]
    return bone.rim * (x / wide).square().clamp(max=1.2) * fade


def _undulation(bone: Growing, x: Tensor, y: Tensor) -> Tensor:
    """Waves of the growth plate in mm of the mesh: each patient's own, deeper with age."""
    first, second, third = bone.shape[:, 6:9].T[:, :, None, None, None]
    _, deep = _end_size(bone.name, bone.plate, bone.end)
    pace = 2.2 / deep
    wave = (0.5 + 0.5 * first) * torch.cos(pace * x) + 0.35 * second * torch.sin(pace * x)
    waves: Tensor = bone.waves * deep * (wave + 0.3 * third * torch.cos(pace * y))
    return waves


def _epiphysis(
    bone: Growing, mesh: Bone, x: Tensor, y: Tensor, height: Tensor, over: Tensor
) -> Tensor:
    """Signed distance in real mm of the ossified epiphysis.

    It begins as an ellipsoid in the middle of its cartilage and takes on the adult end's shape,
    shrunk in width and height, while its width grows from 0.4 to 0.9.
    """
    ratio = bone.width_ratio.clamp(min=1e-3)[:, None, None, None]
    tall = bone.height_ratio.clamp(min=1e-3)[:, None, None, None]
    half_gap = (bone.gap / bone.stretch / 2)[:, None, None, None]
    centre = (bone.plate - half_gap) / 2  # mm of the mesh over the joint's end
    from_end = height if bone.end == "proximal" else mesh.length - height
    from_end = from_end[:, :, None, :]
    up = centre + (from_end - centre) / tall
    along = up if bone.end == "proximal" else mesh.length - up
    z = along + mesh.landmarks["proximal"][2] + _rim(bone, x / ratio, height)
    # The epiphysis' face of the plate runs with the plate, a little more waved.
    waves = 1.3 * (over - (from_end - bone.plate))
    limit = (bone.plate - half_gap) - up - waves
    real = _per_ray(bone.breadth)[:, None]
    adult = _distance(mesh, x / ratio, y / ratio, z)
    shape = _meet(adult, limit, 2 * bone.pixel) * real * torch.minimum(ratio, tall)
    wide, deep = _end_size(bone.name, bone.plate, bone.end)
    high = centre * tall
    egg: Tensor = (
        (x / (wide * ratio)) ** 2 + (y / (deep * ratio)) ** 2 + ((from_end - centre) / high) ** 2
    )
    egg = (1 - egg.clamp(min=1e-6).sqrt()) * real * torch.minimum(high, deep * ratio)
    grown = ((ratio - 0.4) / 0.5).clamp(0, 1)
    shape = egg + (shape - egg) * grown
    # Before the centre appears there is nothing.
    return torch.where(bone.width_ratio[:, None, None, None] > 0.02, shape, -torch.ones_like(shape))


@lru_cache(maxsize=16)
def _end_size(name: str, plate: float, end: str) -> tuple[float, float]:
    """Half the width and half the depth of a bone at its plate, mm of the mesh."""
    mesh = load_bone(name)
    plate = max(plate, 0.05 * mesh.length)  # a bone without a plate has its plate beyond its end
    at = mesh.landmarks["proximal"][2] + (plate if end == "proximal" else mesh.length - plate)
    cut = mesh.inside[round((at - mesh.origin[2]) / mesh.spacing)]
    ys, xs = cut.nonzero()
    return float(np.ptp(xs)) * mesh.spacing / 2, float(np.ptp(ys)) * mesh.spacing / 2

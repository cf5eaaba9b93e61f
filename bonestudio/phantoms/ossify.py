"""A growing long bone along X-ray paths: shaft, growth plate, epiphysis, cortex, trabeculae.

The adult bone's signed distance is read at each sample. The plate cuts it in two: the shaft's side
is the bone on that side of the plate; the epiphysis is the other side, shrunk about its centre and
rounded, as far as it has ossified. What bone has bridged of the plate is added last.
"""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from bonestudio.phantoms.anatomy import Bone, load_bone
from bonestudio.phantoms.bone_matter import (
    Growing,
    cortex_thickness,
    matter,
    meet,
    per_ray,
    spongiosa,
    warp,
)

Paths = dict[str, Tensor]


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
    width = mesh.distance.shape[2] * mesh.spacing
    middle = (float(mesh.origin[0]) + width / 2) * per_ray(bone.breadth)
    # The volume has an empty rim; warps and rolls take up to 15 % more than the bone.
    reach = ((width / 2 - mesh.rim) * 1.15 + 0.5) * per_ray(bone.breadth)
    inside = (along > -1) & (along < per_ray(mesh.length * bone.stretch) + 1)
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
    height = along / per_ray(bone.stretch)  # mm of the mesh over the proximal end
    share = height / length
    waist, bend = warp(bone.shape, share)
    if bone.flare is not None:
        waist = waist + per_ray(bone.flare) * (1 - 2 * share.clamp(0, 1))
    x = across / (per_ray(bone.breadth) * waist) - bend * per_ray(1 / bone.breadth)
    back, front = _depth(bone.name, bone.end, bone.visible)
    depth = torch.linspace(back, front, bone.depth_samples, device=along.device)
    cos, sin = bone.roll.cos()[:, None, None, None], bone.roll.sin()[:, None, None, None]
    x, y = x[:, :, None, :], depth[None, None, :, None]
    x, y = x * cos + y * sin, y * cos - x * sin  # [batch, h, depth, w]
    step = (depth[1] - depth[0]) * per_ray(bone.breadth) * waist  # real mm per sample

    rise = torch.zeros_like(y[:, :1, :, :1])  # of a leaning bone: mm of height per sample
    if bone.lean is not None:
        rise = bone.lean.tan()[:, None, None, None] * y
    zs = height[:, :, None, :] + rise + mesh.landmarks["proximal"][2] + _rim(bone, x, height)
    real = per_ray(bone.breadth)[:, None]
    adult = _distance(mesh, x, y, zs) * real
    cortex = cortex_thickness(bone, share)[:, :, None, :]
    # Over the plate: height in real mm, positive on the shaft's side.
    over = height - bone.plate if bone.end == "proximal" else length - bone.plate - height
    turned = rise if bone.end == "proximal" else -rise
    over = over[:, :, None, :] + turned + _undulation(bone, x, y)
    over_mm = over * per_ray(bone.stretch)[:, None]
    spongy = spongiosa(bone, share[:, :, None, :], over_mm, x, y, zs)

    half_gap = per_ray(bone.gap)[:, None] / 2
    shaft, shaft_inside = matter(
        meet(adult, over_mm - half_gap, 2 * bone.pixel), cortex, spongy, bone.pixel
    )
    near = (
        (over_mm < 14 * bone.pixel).flatten(2).any(2).any(0)
    )  # rows [h] that may hold plate or epiphysis
    epiphysis_inside = torch.zeros_like(shaft_inside)
    if near.any():
        rows = slice(int(near.nonzero()[0]), int(near.nonzero()[-1]) + 1)
        ends = _epiphysis(
            bone,
            mesh,
            x[:, rows],
            y[:, rows],
            height[:, rows],
            over[:, rows],
            turned.expand_as(x)[:, rows],
        )
        centre, inside = matter(
            ends, cortex[:, rows] * 0.85, 0.14 + 0.6 * spongy[:, rows], bone.pixel
        )
        # Bridges: the adult bone, as far as the plate has closed, and its scar.
        whole, whole_inside = matter(adult[:, rows], cortex[:, rows], spongy[:, rows], bone.pixel)
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
    mineral = per_ray(bone.mineral)
    return {
        "bone": shaft.sum(2) * step * mineral,
        "volume": shaft_inside.sum(2) * step,
        "epiphysis": epiphysis_inside.sum(2) * step,
    }


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
    wide, deep = _end_size(bone.name, bone.plate, bone.end)
    pace = 2.2 / deep
    wave = (0.5 + 0.5 * first) * torch.cos(pace * x) + 0.35 * second * torch.sin(pace * x)
    waves: Tensor = bone.waves * deep * (wave + 0.3 * third * torch.cos(pace * y))
    return waves - bone.crown * (x / wide).square().clamp(max=1.5)


def _epiphysis(
    bone: Growing,
    mesh: Bone,
    x: Tensor,
    y: Tensor,
    height: Tensor,
    over: Tensor,
    turned: Tensor,
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
    from_end = from_end[:, :, None, :] + turned
    up = centre + (from_end - centre) / tall
    along = up if bone.end == "proximal" else mesh.length - up
    z = along + mesh.landmarks["proximal"][2] + _rim(bone, x / ratio, height)
    # The epiphysis' face of the plate runs with the plate, a little more waved.
    waves = 1.3 * (over - (from_end - bone.plate))
    limit = (bone.plate - half_gap) - up - waves
    real = per_ray(bone.breadth)[:, None]
    adult = _distance(mesh, x / ratio, y / ratio, z)
    shape = meet(adult, limit, 2 * bone.pixel) * real * torch.minimum(ratio, tall)
    wide, deep = _end_size(bone.name, bone.plate, bone.end)
    high = 1.15 * centre * tall
    egg: Tensor = (
        (x / (1.08 * wide * ratio)) ** 2
        + (y / (deep * ratio)) ** 2
        + ((from_end - centre) / high) ** 2
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

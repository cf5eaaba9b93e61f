"""Plates, screws and wires: millimetres of metal along each ray, exactly, from cylinders and boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bonestudio.errors import RequestError
from bonestudio.phantoms.pose_pieces import Canvas

Kind = Literal["plate", "wires"]


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What holds a bone together.

    Attributes
    ----------
    kind
        'plate' (with screws) or 'wires' (Kirschner wires).
    bone
        'radius' or 'ulna'.
    level
        Middle of the plate, or where the wires cross, as a share of the bone's length from the
        elbow.
    count
        Screws of the plate (4 to 10), or wires (1 to 4).
    metal
        'titanium' or 'steel'.
    """

    kind: Kind = "plate"
    bone: Literal["radius", "ulna"] = "radius"
    level: float = 0.5
    count: int = 6
    metal: Literal["titanium", "steel"] = "titanium"

    def __post_init__(self) -> None:
        if self.kind not in {"plate", "wires"}:
            raise RequestError(f"Hardware is a 'plate' or 'wires', not {self.kind!r}.")
        if self.bone not in {"radius", "ulna"}:
            raise RequestError(f"Hardware goes on the 'radius' or the 'ulna', not {self.bone!r}.")
        if self.metal not in {"titanium", "steel"}:
            raise RequestError(f"Hardware is of 'titanium' or 'steel', not {self.metal!r}.")
        if not isinstance(self.level, int | float) or not 0.1 <= self.level <= 0.98:
            raise RequestError(f"Hardware's level is from 0.1 to 0.98, not {self.level!r}.")
        low, high = (4, 10) if self.kind == "plate" else (1, 4)
        if not isinstance(self.count, int) or not low <= self.count <= high:
            what = "A plate has" if self.kind == "plate" else "Wires come as"
            raise RequestError(f"{what} {low} to {high}, not {self.count!r}.")


@dataclass(frozen=True)
class Cylinder:
    """A round bar [B, 3] mm from ``start`` to ``end`` on the film, ``radius`` mm."""

    start: Tensor
    end: Tensor
    radius: float


@dataclass(frozen=True)
class Bar:
    """A flat bar: middle [B, 3], three unit axes [B, 3, 3] as rows, half-sizes in mm."""

    middle: Tensor
    axes: Tensor
    half: tuple[float, float, float]


def metal_path(
    solids: Sequence[Cylinder | Bar], canvas: Canvas, *, holes: Sequence[Cylinder] = ()
) -> Tensor:
    """Millimetres of metal along each ray, [B, H, W]; ``holes`` are taken out (of a plate)."""
    x = canvas.origin[:, :1] + torch.arange(canvas.width) * canvas.pixel[:, None]
    y = canvas.origin[:, 1:] + torch.arange(canvas.height) * canvas.pixel[:, None]
    shape = (len(x), canvas.height, canvas.width)
    rays = torch.stack(
        [x[:, None, :].expand(shape), y[:, :, None].expand(shape), torch.zeros(shape)], -1
    ).float()
    path = torch.zeros(shape)
    for solid in solids:
        path += _bar(solid, rays) if isinstance(solid, Bar) else _round(solid, rays)
    for hole in holes:
        path -= _round(hole, rays)
    return path.clamp(min=0)


def plate_with_screws(
    middle: Tensor,
    along: Tensor,
    out: Tensor,
    *,
    screws: int,
    size: Tensor,
    bone_radius: float,
    far_fan: bool = False,
) -> tuple[list[Cylinder | Bar], list[Cylinder]]:
    """Lay a plate on a bone's surface: its solids and its empty holes, film mm.

    ``middle`` [B, 3] on the bone's axis, ``along`` the bone, ``out`` towards the plate; the two
    middle holes stay empty over the break when there are more than four. 3.5 mm system: plates
    11 mm wide and 3.3 mm thick, holes 12 mm apart. ``far_fan``: the last screws stand side by side
    in a wide head (volar plate of the distal radius).
    """
    side = torch.linalg.cross(along, out)
    pitch, width = (9.0, 3.8) if far_fan else (12.0, 5.2)
    centre = middle + out * (bone_radius * size + 1.7)[:, None]
    axes = torch.stack([along, side, out], 1)
    solids: list[Cylinder | Bar] = [Bar(centre, axes, (pitch * screws / 2 + 2.0, width, 1.6))]
    holes = []
    for index in range(screws):
        at = centre + along * (index - (screws - 1) / 2) * pitch
        if screws > 4 and not far_fan and index in {screws // 2 - 1, screws // 2}:
            holes.append(Cylinder(at - out * 1.6, at + out * 1.6, 2.2))
        else:
            reach = (2 * bone_radius * size + 4.0)[:, None]
            solids.append(Cylinder(at - out * reach, at + out * 2.2, 1.5))
            solids.append(Cylinder(at - out * 0.5, at + out * 2.4, 2.9))
    if far_fan:
        head = centre + along * (pitch * screws / 2 + 3.0)
        solids.append(Bar(head, axes, (3.8, 8.8, 1.2)))
        for shift in (-7.0, -2.4, 2.4, 7.0):
            at = head + side * shift
            tip = at - out * (15.0 * size)[:, None] + along * 2.0
            solids.append(Cylinder(tip, at + out * 1.6, 1.15))
    return solids, holes


def crossed_wires(
    site: Tensor, along: Tensor, side: Tensor, back: Tensor, *, wires: int, size: Tensor
) -> list[Cylinder | Bar]:
    """Kirschner wires of 1.6 mm that enter at the hand's end and cross the break, film mm."""
    solids: list[Cylinder | Bar] = []
    for index in range(wires):
        lean = (0.38, -0.42, 0.12, -0.1)[index] * side + (0.1, 0.05, -0.25, 0.2)[index] * back
        way = along + lean
        way = way / way.norm(dim=-1, keepdim=True)
        solids.append(
            Cylinder(site - way * (32 * size)[:, None], site + way * (38 * size)[:, None], 0.8)
        )
    return solids


def _round(bar: Cylinder, rays: Tensor) -> Tensor:
    """Chord [B, H, W] of rays along z with a finite cylinder."""
    way = bar.end - bar.start
    length = way.norm(dim=-1)
    axis = _safe((way / length[:, None]).float())
    from_start = rays - bar.start.float()[:, None, None]
    shape = (-1, 1, 1)
    # Parts across the axis of the ray's direction (0, 0, 1) and of its start.
    flat = torch.tensor([0.0, 0.0, 1.0]) - axis[:, 2:] * axis
    rise = (from_start * axis[:, None, None]).sum(-1)
    offset = from_start - rise[..., None] * axis[:, None, None]
    a = (flat * flat).sum(-1).view(shape)
    b = (offset * flat[:, None, None]).sum(-1)
    c = (offset * offset).sum(-1) - bar.radius**2
    root = (b * b - a * c).clamp(min=0).sqrt()
    low, high = (-b - root) / a, (-b + root) / a
    cap_one = -rise / axis[:, 2].view(shape)
    cap_two = (length.float().view(shape) - rise) / axis[:, 2].view(shape)
    low = torch.maximum(low, torch.minimum(cap_one, cap_two))
    high = torch.minimum(high, torch.maximum(cap_one, cap_two))
    return torch.where(b * b > a * c, (high - low).clamp(min=0), torch.zeros_like(low))


def _bar(bar: Bar, rays: Tensor) -> Tensor:
    """Chord [B, H, W] of rays along z with a box."""
    low = torch.full(rays.shape[:3], -1e6)
    high = -low
    start = rays - bar.middle.float()[:, None, None]
    for row, half in enumerate(bar.half):
        axis = _safe(bar.axes[:, row].float())
        rise = (start * axis[:, None, None]).sum(-1)
        slope = axis[:, 2].view(-1, 1, 1)
        one, two = (-half - rise) / slope, (half - rise) / slope
        low = torch.maximum(low, torch.minimum(one, two))
        high = torch.minimum(high, torch.maximum(one, two))
    return (high - low).clamp(min=0)


def _safe(axis: Tensor) -> Tensor:
    """Keep an axis from lying exactly in the film, or along the ray, where a chord divides by 0."""
    z = axis[:, 2]
    z = torch.where(z.abs() < 1e-3, torch.full_like(z, 1e-3), z).clamp(-0.9999, 0.9999)
    xy = axis[:, :2] + 1e-3 * (axis[:, :2].norm(dim=1, keepdim=True) < 1e-3)
    turned = torch.cat([xy, z[:, None]], 1)
    unit: Tensor = turned / turned.norm(dim=1, keepdim=True)
    return unit

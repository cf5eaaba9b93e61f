"""Pieces of bone in space → path lengths on the film, by marching parallel rays.

A piece is a part of one bone: the shaft of a child's phalanx, its epiphysis, a fragment of a
fractured radius. It is the bone's signed distance volume, moved and stretched, and cut by surfaces.
All rays of a bone's box are sampled at once, for every patient of the batch.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.chance import generator

# g HA / cm³: dense cortical bone (von Scheven et al. 2009; HR-pQCT mean of radius and tibia cortex).
CORTICAL = 1.10


@dataclass(frozen=True)
class Cut:
    """A rough surface that bounds a piece, in the bone's frame.

    Attributes
    ----------
    normal
        [B, 3] unit vectors; the piece lies where normal · point < offset.
    offset
        [B] mm; 1e3 cuts nothing off.
    bend
        [B] mm by which the surface is domed towards the normal at the bone's rim (a physis).
    roughness
        [B] mm of the teeth of a broken surface.
    coat
        mm of dense bone on the cut surface (the plate beside a physis); 0 for a broken one.
    """

    normal: Tensor
    offset: Tensor
    bend: Tensor | None = None
    roughness: Tensor | None = None
    coat: float = 0.0


@dataclass(frozen=True)
class Piece:
    """One part of one bone, for a batch of patients.

    Attributes
    ----------
    bone
        Which volume (see ``anatomy.BONES``).
    label
        What it is called in the truth; pieces of one label share a mask.
    place
        [B, 4, 4] from the bone's frame (mm) to the film: turn, shift and stretch.
    present
        [B] 1, or 0 where a patient has no such piece.
    inflate
        [B] mm by which the surface is moved outwards (rounds a small nucleus).
    cortex
        [B] mm of cortex at mid-shaft; the ends have a quarter of it.
    mineral
        [B] factor on density.
    lattice
        [B] contrast of the trabecular pattern.
    cuts
        What bounds the piece besides the bone's surface.
    """

    bone: str
    label: str
    place: Tensor
    present: Tensor
    inflate: Tensor
    cortex: Tensor
    mineral: Tensor
    lattice: Tensor
    cuts: tuple[Cut, ...] = ()
    shear: "Shear | None" = None
    round_bone: bool = False
    seeds: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.long))


@dataclass(frozen=True)
class Shear:
    """Tilt of an articular end: z moves by x·slope_x + y·slope_y + shift beyond ``start`` mm.

    ``pivot`` [2] is the (x, y) that the slopes leave where it is; the tilt grows over ``span`` mm.
    """

    slope_x: Tensor
    slope_y: Tensor
    shift: Tensor
    pivot: Tensor
    start: float
    span: float

    def lift(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """Distance along z by which the points (broadcast over [B, ...]) move."""
        ramp = ((z - self.start) / self.span).clamp(0, 1)
        ramp = ramp * ramp * (3 - 2 * ramp)
        shape = (-1,) + (1,) * (x.dim() - 1)
        tilt = self.slope_x.view(shape) * (x - self.pivot[0]) + self.slope_y.view(shape) * (
            y - self.pivot[1]
        )
        return ramp * (tilt + self.shift.view(shape))


@dataclass(frozen=True)
class Canvas:
    """The film's lattice: [height, width] pixels of ``pixel`` mm; the film's zero is at ``origin``.

    ``origin`` is [B, 2], the (x, y) in film mm of the centre of pixel (0, 0).
    """

    height: int
    width: int
    pixel: float
    origin: Tensor

    def pixels(self, points: Tensor) -> Tensor:
        """Film points [B, ..., 3] mm → (row, column) [B, ..., 2]."""
        origin = self.origin.view(-1, *(1,) * (points.dim() - 2), 2)
        return ((points[..., :2] - origin) / self.pixel).flip(-1)


@dataclass(frozen=True)
class Grid:
    """A bone's volume as the sampler wants it."""

    distance: Tensor  # [1, 1, z, y, x], positive inside, mm
    low: Tensor  # [3] x, y, z of the first voxel's centre
    high: Tensor
    near: float  # z of the bone's proximal end
    far: float


@lru_cache(maxsize=64)
def grid(bone: str, spacing: float) -> Grid:
    """Return a bone's signed distance at about ``spacing`` mm."""
    source = load_bone(bone)
    factor = max(1, round(spacing / source.spacing))
    distance = torch.from_numpy(source.distance)[None, None]
    size = [n - n % factor for n in distance.shape[2:]]
    distance = distance[:, :, : size[0], : size[1], : size[2]]
    if factor > 1:
        distance = F.avg_pool3d(distance, factor)
    step = source.spacing * factor
    low = torch.from_numpy(source.origin).float() + (factor - 1) / 2 * source.spacing
    counts = torch.tensor(distance.shape[:1:-1], dtype=torch.float32)
    return Grid(
        distance=distance.contiguous(),
        low=low,
        high=low + (counts - 1) * step,
        near=source.landmarks["proximal"][2],
        far=source.landmarks["distal"][2],
    )


@lru_cache(maxsize=2)
def lattice_noise(size: int = 64) -> Tensor:
    """Periodic noise [size³], zero mean, unit deviation, long along axis 0: struts of 1 to 3 voxels."""
    white = generator(7, "lattice").standard_normal((size, size, size)).astype(np.float32)
    f = np.fft.fftfreq(size)
    along, across = np.abs(f) * 3.2, np.abs(f)
    r = np.sqrt(along[:, None, None] ** 2 + across[None, :, None] ** 2 + across[None, None] ** 2)
    band = np.exp(-(((r - 0.17) / 0.09) ** 2))
    noise = np.fft.ifftn(np.fft.fftn(white) * band).real
    return torch.from_numpy((noise / noise.std()).astype(np.float32))


@dataclass(frozen=True)
class Paths:
    """What the rays met: g/cm² of mineral and mm of bone, [B, H, W] each, and masks by label.

    ``thickness`` has mm of bone by label.
    """

    mineral: Tensor
    bone: Tensor
    thickness: dict[str, Tensor]


def project(
    pieces: list[Piece], canvas: Canvas, *, depth_step: float | None = None, device: str = "cpu"
) -> Paths:
    """March parallel rays (along the film's z) through every piece."""
    batch = canvas.origin.shape[0]
    step = depth_step or max(0.4, 0.75 * canvas.pixel)
    shape = (batch, canvas.height, canvas.width)
    mineral = torch.zeros(shape, device=device)
    bone = torch.zeros(shape, device=device)
    thickness: dict[str, Tensor] = {}
    for piece in pieces:
        label = thickness.setdefault(piece.label, torch.zeros(shape, device=device))
        _march(piece, canvas, step, mineral, label)
    for label in thickness.values():
        bone += label
    return Paths(mineral=mineral, bone=bone, thickness=thickness)


def _march(piece: Piece, canvas: Canvas, step: float, mineral: Tensor, thickness: Tensor) -> None:
    device = mineral.device
    volume = grid(piece.bone, 0.45 if canvas.pixel < 1.2 else 0.8)
    place = piece.place.float()
    corners = _box(piece, volume) @ place[:, :3, :3].mT + place[:, None, :3, 3]  # [B, 8, 3]
    low, high = corners.amin(1), corners.amax(1)
    first = torch.floor((low[:, :2] - canvas.origin) / canvas.pixel).long()
    last = torch.ceil((high[:, :2] - canvas.origin) / canvas.pixel).long()
    columns, rows = (last - first).amax(0).add(1).tolist()
    layers = int(torch.ceil((high[:, 2] - low[:, 2]).amax() / step).item()) + 1
    # Keep the box inside the canvas where that is possible.
    limit = torch.tensor([canvas.width, canvas.height])
    columns, rows = min(columns, canvas.width), min(rows, canvas.height)
    first = torch.minimum(first, limit - torch.tensor([columns, rows])).clamp(min=0)

    # Film positions of the samples [B, layers, rows, columns].
    x = (first[:, :1] + torch.arange(columns)) * canvas.pixel + canvas.origin[:, :1]
    y = (first[:, 1:] + torch.arange(rows)) * canvas.pixel + canvas.origin[:, 1:]
    z = low[:, 2:] + (torch.arange(layers) + 0.5) * step
    inverse = torch.linalg.inv(piece.place.double()).float().to(device)
    x, y, z = x.float().to(device), y.float().to(device), z.float().to(device)

    def coordinate(i: int) -> Tensor:
        m = inverse[:, i]
        return (
            (m[:, 0, None] * x)[:, None, None, :]
            + (m[:, 1, None] * y)[:, None, :, None]
            + (m[:, 2, None] * z + m[:, 3, None])[:, :, None, None]
        )

    q = [coordinate(0), coordinate(1), coordinate(2)]
    density, inside = _density(piece, volume, q, canvas.pixel)
    density = density.sum(1) * (step / 10)  # g/cm³ · cm
    inside = inside.sum(1) * step
    for b in range(density.shape[0]):
        c, r = first[b].tolist()
        mineral[b, r : r + rows, c : c + columns] += density[b]
        thickness[b, r : r + rows, c : c + columns] += inside[b]


def _box(piece: Piece, volume: Grid) -> Tensor:
    """Corners [B, 8, 3] of the part of the bone's box that the piece's cuts leave."""
    batch = piece.place.shape[0]
    low = volume.low.expand(batch, 3).clone()
    high = volume.high.expand(batch, 3).clone()
    for cut in piece.cuts:  # only cuts across the long axis shrink the box, with room for teeth
        room = 3.0 + (cut.normal[:, :2].norm(dim=1) / cut.normal[:, 2].abs().clamp(min=0.2)) * 20
        above = cut.normal[:, 2] > 0.7
        below = cut.normal[:, 2] < -0.7
        level = cut.offset / cut.normal[:, 2]
        high[:, 2] = torch.where(above, torch.minimum(high[:, 2], level + room), high[:, 2])
        low[:, 2] = torch.where(below, torch.maximum(low[:, 2], level - room), low[:, 2])
    high = torch.maximum(high, low + 0.1)
    if piece.shear is not None:  # the sheared end may leave the volume's box
        high[:, 2] += 8.0
    pick = torch.tensor([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], dtype=torch.bool)
    return torch.where(pick, high[:, None], low[:, None])


def _density(
    piece: Piece, volume: Grid, q: list[Tensor], pixel: float
) -> tuple[Tensor, Tensor]:
    """Mineral (g/cm³) and occupancy (0 to 1) at samples q = x, y, z, each [B, layers, rows, cols]."""
    device = q[0].device

    def wide(v: Tensor) -> Tensor:
        return v.float().to(device).view(-1, 1, 1, 1)

    x, y, z = q
    if piece.shear is not None:
        z = z - piece.shear.lift(x, y, z)
    low, high = volume.low.to(device), volume.high.to(device)
    span = 2 / (high - low)
    at = torch.stack([(v - low[i]) * span[i] - 1 for i, v in enumerate((x, y, z))], -1)
    distance = volume.distance.to(device).expand(at.shape[0], *volume.distance.shape[1:])
    d = F.grid_sample(distance, at, padding_mode="border", align_corners=True)[:, 0]
    outside = (at.abs() - 1).amax(-1)
    d = torch.where(outside > 0, -outside / span.min() - 1.5, d) + wide(piece.inflate)

    # Cortex: thick at mid-shaft, a shell at the ends; carpals and small nuclei are shells all over.
    along = ((z - volume.near) / (volume.far - volume.near)).clamp(0, 1)
    shaft = torch.zeros_like(d) if piece.round_bone else (4 * along * (1 - along)).clamp(0, 1) ** 2
    cortex = wide(piece.cortex) * (0.22 + 0.78 * shaft)
    soft = 0.5 * max(0.35, 0.5 * pixel)
    inner = d - cortex
    coat = torch.zeros_like(d)
    for cut in piece.cuts:
        n = cut.normal.to(device).float()
        level = wide(n[:, 0]) * q[0] + wide(n[:, 1]) * q[1] + wide(n[:, 2]) * q[2]
        below = wide(cut.offset) - level
        if cut.bend is not None:
            below = below - wide(cut.bend) * (1 - (d / 3.0).clamp(0, 1)) ** 2
        if cut.roughness is not None:
            below = below + wide(cut.roughness) * _teeth(q, piece.seeds)
        if cut.coat:
            coat = torch.maximum(coat, ((cut.coat - below.abs()) / 0.4).clamp(0, 1))
        d = torch.minimum(d, below)
    inside = (0.5 + d / (2 * soft)).clamp(0, 1) * wide(piece.present)
    dense = 1 - (0.5 + inner / (2 * soft)).clamp(0, 1)
    dense = torch.maximum(dense, coat)

    # Spongy bone fills the ends, fat the middle of the shaft (Gray's Anatomy, 41st ed., ch. 5).
    spongy = 0.34 if piece.round_bone else 0.30 * (1 - shaft) ** 1.0 + 0.05
    pattern = 1 + wide(piece.lattice) * _struts(q, piece.seeds, shaft)
    density = CORTICAL * (dense + (1 - dense) * spongy * pattern.clamp(min=0.1))
    return density * inside * wide(piece.mineral), inside


def _struts(q: list[Tensor], seeds: Tensor, shaft: Tensor) -> Tensor:
    """Trabecular pattern at the samples: noise with 0.35 mm voxels, another place for each seed."""
    noise = lattice_noise().to(q[0].device)
    size = noise.shape[0]
    indices = []
    for i, v in enumerate(q):
        offset = ((seeds >> (6 * i)) & 63).view(-1, 1, 1, 1).to(v.device)
        indices.append(torch.remainder((v * (1 / 0.35)).long() + offset, size))
    return noise[indices[2], indices[1], indices[0]]


def _teeth(q: list[Tensor], seeds: Tensor) -> Tensor:
    """Teeth of a broken surface, about -1 to 1, from a few waves across the bone."""
    phase = (seeds.float() * 0.7548776662).remainder(1).view(-1, 1, 1, 1).to(q[0].device) * 6.2832
    x, y = q[0], q[1]
    return (
        0.5 * torch.sin(0.9 * x + 0.5 * y + phase)
        + 0.3 * torch.sin(1.9 * x - 1.3 * y + 2 * phase)
        + 0.2 * torch.sin(-1.1 * x + 3.1 * y + 3 * phase)
    )

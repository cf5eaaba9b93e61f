"""Pieces of bone in space → path lengths on the film, by marching parallel rays.

A piece is a part of one bone: the shaft of a child's phalanx, its epiphysis, a fragment of a
fractured radius. It is the bone's signed distance volume, moved and stretched, and cut by surfaces.
All rays of a bone's box are sampled at once, for every patient of the batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from bonestudio.phantoms.pose_pieces import Canvas, Cut, Grid, Piece, grid, lattice_noise

# Share of compact bone in the spongy bone of an end (BV/TV; distal radius in HR-pQCT: 0.12 to 0.2,
# heads of metacarpals and carpals more).
SPONGY = 0.27
# Length of the flaring end (metaphysis and epiphysis) as a share of a bone's length, by kind.
METAPHYSIS = {
    "radius": 0.17, "ulna": 0.14, "humerus": 0.14, "metacarpal": 0.30, "proximal": 0.34,
    "middle": 0.38, "distal": 0.42,
}  # fmt: skip


@dataclass(frozen=True)
class Paths:
    """What the rays met, mm along each ray.

    Attributes
    ----------
    compact
        [B, H, W] compact bone (spongy bone counted by its share of it).
    whole
        Label → [B, H, W] bone with its marrow.
    """

    compact: Tensor
    whole: dict[str, Tensor]

    @property
    def marrow(self) -> Tensor:
        """Millimetres of marrow [B, H, W]."""
        return (sum_of(self.whole) - self.compact).clamp(min=0)


def sum_of(parts: dict[str, Tensor]) -> Tensor:
    """Sum of the maps of all labels."""
    return torch.stack(list(parts.values())).sum(0)


def project(pieces: list[Piece], canvas: Canvas, *, device: str = "cpu") -> Paths:
    """March parallel rays (along the film's z) through every piece."""
    shape = (len(canvas.pixel), canvas.height, canvas.width)
    compact = torch.zeros(shape, device=device)
    whole: dict[str, Tensor] = {}
    for piece in pieces:
        if piece.label not in whole:
            whole[piece.label] = torch.zeros(shape, device=device)
        _march(piece, canvas, compact, whole[piece.label])
    return Paths(compact=compact, whole=whole)


def _march(piece: Piece, canvas: Canvas, compact: Tensor, whole: Tensor) -> None:
    """Add one piece to the film, in place."""
    volume = grid(piece.bone, 0.45)
    pixel = canvas.pixel.float().to(compact.device)
    step = pixel.clamp(min=0.5)
    for number in range(len(volume.boxes)):
        low, high = _box(piece, volume, number)
        samples = _samples(piece.place, low, high, canvas, step, piece.present)
        if not len(samples.ray):
            continue
        samples, near = _near_bone(piece, volume, samples)
        density, inside = _density(piece, volume, samples.owner, samples.point, near, pixel)
        compact.view(-1).index_add_(0, samples.ray, density * samples.length)
        whole.view(-1).index_add_(0, samples.ray, inside * samples.length)


@dataclass(frozen=True)
class Samples:
    """Points on rays: patient [n], pixel (flat, over the batch) [n], point [n, 3], mm of ray [n]."""

    owner: Tensor
    ray: Tensor
    point: Tensor
    length: Tensor


def _samples(
    place: Tensor, low: Tensor, high: Tensor, canvas: Canvas, step: Tensor, present: Tensor
) -> Samples:
    """Sample every ray where it is inside a box [B, 3] of the bone's frame, ``step`` [B] mm or less apart."""
    device = step.device
    pick = torch.tensor([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], dtype=torch.bool)
    corners = torch.where(pick, high[:, None], low[:, None]) @ place[:, :3, :3].mT
    corners = ((corners + place[:, None, :3, 3])[..., :2] - canvas.origin[:, None]) / canvas.pixel[
        :, None, None
    ]
    size = torch.tensor([canvas.width, canvas.height])
    first = torch.minimum(corners.amin(1).floor().clamp(min=0).long(), size)
    last = torch.minimum(corners.amax(1).ceil().long() + 1, size).clamp(min=0)
    columns, rows = (last - first).amax(0).clamp(min=0).tolist()

    column = first[:, :1] + torch.arange(columns)  # [B, columns]
    row = first[:, 1:] + torch.arange(rows)
    x = (column * canvas.pixel[:, None] + canvas.origin[:, :1]).float().to(device)[:, None, :, None]
    y = (row * canvas.pixel[:, None] + canvas.origin[:, 1:]).float().to(device)[:, :, None, None]
    inverse = torch.linalg.inv(place).float().to(device)[:, None, None]
    start = inverse[..., 0] * x + inverse[..., 1] * y + inverse[..., 3]  # [B, rows, columns, 4]
    way = inverse[..., :3, 2]
    way = torch.where(way.abs() < 1e-4, torch.full_like(way, 1e-4), way)
    start = start[..., :3]
    one = (low.float().to(device)[:, None, None] - start) / way
    two = (high.float().to(device)[:, None, None] - start) / way
    enter, leave = torch.minimum(one, two).amax(-1), torch.maximum(one, two).amin(-1)
    on_film = (column < canvas.width)[:, None, :] & (row < canvas.height)[:, :, None]
    on_film &= (present > 0)[:, None, None]
    counts = ((leave - enter) / step[:, None, None]).ceil().clamp(min=0) * on_film.to(device)

    counts = counts.long().flatten()
    hit = counts.nonzero().squeeze(1)
    repeat = counts[hit]
    within = torch.arange(int(repeat.sum()), device=device)
    within = within - (repeat.cumsum(0) - repeat).repeat_interleave(repeat)
    box = hit.repeat_interleave(repeat)
    batch = torch.arange(len(first), device=device)[:, None, None]
    pixel = (batch * canvas.height + row.to(device)[:, :, None]) * canvas.width
    pixel = (pixel + column.to(device)[:, None, :]).flatten()[box]
    owner = box // max(1, rows * columns)
    # Each ray's samples share its way through the box evenly, so that boxes add up.
    enter, leave = enter.flatten(), leave.flatten()
    length = ((leave - enter) / counts.clamp(min=1))[box]
    depth = enter[box] + (within + 0.5) * length
    points = start.reshape(-1, 3)[box] + way.reshape(-1, 3)[owner] * depth[:, None]
    return Samples(owner=owner, ray=pixel, point=points, length=length)


def _box(piece: Piece, volume: Grid, number: int) -> tuple[Tensor, Tensor]:
    """Corners [B, 3] low and high of the part of one of the bone's boxes that the cuts leave."""
    batch = piece.place.shape[0]
    low, high = (v.double().expand(batch, 3).clone() for v in volume.boxes[number])
    for cut in piece.cuts:  # a cut across the bone shortens the box; a slope and teeth need room
        room = 3.0 + 20 * cut.normal[:, :2].norm(dim=1)
        level = cut.offset / cut.normal[:, 2]
        upper = torch.minimum(high[:, 2], level + room)
        lower = torch.maximum(low[:, 2], level - room)
        high[:, 2] = torch.where(cut.normal[:, 2] > 0.7, upper, high[:, 2])
        low[:, 2] = torch.where(cut.normal[:, 2] < -0.7, lower, low[:, 2])
    if piece.knobs and number == len(volume.boxes) - 1:  # pegs stand at the far end
        low[:, :2] -= 4.0
        high += 8.0
    return low, torch.maximum(high, low)


def _near_bone(piece: Piece, volume: Grid, samples: Samples) -> tuple[Samples, Tensor]:
    """Look up the distance to the surface, mm (positive inside), and drop samples in the air."""
    points, owner = samples.point, samples.owner
    device = points.device
    low, high = volume.low.to(device), volume.high.to(device)
    at = (points - low) * (2 / (high - low)) - 1
    looked_up = F.grid_sample(
        volume.distance.to(device),
        at[None, :, None, None],
        padding_mode="border",
        align_corners=True,
    ).view(-1)
    distance = looked_up + piece.inflate.float().to(device)[owner]
    beyond = (at.abs().amax(-1) > 1.02) & (looked_up < 0)
    distance = torch.where(beyond, torch.full_like(distance, -9.0), distance)
    for knob in piece.knobs if points[:, 2].max() > volume.far - 25 else ():
        distance = _soft_max(distance, knob.depth(points), 1.2)
    keep = (distance > -0.6).nonzero().squeeze(1)
    kept = Samples(owner[keep], samples.ray[keep], points[keep], samples.length[keep])
    return kept, distance[keep]


def _density(
    piece: Piece, volume: Grid, owner: Tensor, points: Tensor, distance: Tensor, pixel: Tensor
) -> tuple[Tensor, Tensor]:
    """Share of compact bone and occupancy (0 to 1) of samples [n] at ``points`` [n, 3]."""
    device = points.device

    def own(value: Tensor) -> Tensor:
        return value.float().to(device)[owner]

    z = points[:, 2]
    soft = (0.5 * pixel).clamp(min=0.35)[owner]  # an edge is as soft as a pixel is large

    # Cortex: thick along the shaft, a shell at the ends; carpals and nuclei are shells all over.
    end = torch.minimum(z - volume.near, volume.far - z) / (volume.far - volume.near)
    shaft = (end / METAPHYSIS.get(piece.bone.partition("_")[0], 1e3)).clamp(0, 1)
    shaft = shaft * shaft * (3 - 2 * shaft)
    cortex = own(piece.cortex) * (0.25 + 0.75 * shaft)
    dense = (0.5 - (distance - cortex) / soft).clamp(0, 1)
    surface = distance
    for cut in piece.cuts:
        below = _below(cut, piece, owner, points, surface)
        if cut.coat:
            dense = torch.maximum(dense, ((cut.coat - below.abs()) / 0.4).clamp(0, 1))
        distance = torch.minimum(distance, below)
    for knob in piece.knobs:
        distance = _soft_max(distance, knob.depth(points), 1.2)
    inside = (0.5 + distance / soft).clamp(0, 1)

    # Spongy bone fills the ends, fat the middle of the shaft (Gray's Anatomy, 41st ed., ch. 5).
    spongy = SPONGY * (1 - 0.85 * shaft)
    pattern = (1 + own(piece.lattice) * _struts(owner, points, piece.seeds)).clamp(min=0.1)
    density = dense + (1 - dense) * spongy * pattern
    return density * inside * own(piece.mineral), inside


def _below(cut: Cut, piece: Piece, owner: Tensor, points: Tensor, surface: Tensor) -> Tensor:
    """Distance [n] on the kept side of a cut, mm; ``surface`` is the depth inside the whole bone."""

    def own(value: Tensor) -> Tensor:
        return value.float().to(points.device)[owner]

    below = own(cut.offset) - (own(cut.normal) * points).sum(-1)
    if cut.bend is not None:
        below = below - own(cut.bend) * (1 - (surface / 3.0).clamp(0, 1)) ** 2
    if cut.hollow is not None:
        below = below - own(cut.hollow) * (1 - (1 - (surface / 5.0).clamp(0, 1)) ** 2)
    if cut.roughness is not None:
        below = below + own(cut.roughness) * _teeth(owner, points, piece.seeds)
    return below


def _soft_max(one: Tensor, two: Tensor, width: float) -> Tensor:
    """Larger of two depths, rounded over ``width`` mm where they are equal."""
    blend = ((width - (one - two).abs()).clamp(min=0) / width) ** 2
    return torch.maximum(one, two) + blend * width / 4


def _struts(owner: Tensor, points: Tensor, seeds: Tensor) -> Tensor:
    """Trabecular pattern at the samples: noise with 0.22 mm voxels, another place for each seed."""
    noise = lattice_noise().to(points.device)
    size = noise.shape[0]
    shift = torch.stack([(seeds >> 6 * i) & 63 for i in range(3)], -1).to(points.device)
    x, y, z = ((points / 0.22).long() + shift[owner]).remainder(size).unbind(-1)
    return noise.view(-1)[(z * size + y) * size + x]


def _teeth(owner: Tensor, points: Tensor, seeds: Tensor) -> Tensor:
    """Teeth of a broken surface, about -1 to 1, from a few waves across the bone."""
    phase = (seeds.float() * 0.7548776662).remainder(1).to(points.device)[owner] * 6.2832
    x, y, _ = points.unbind(-1)
    return (
        0.5 * torch.sin(0.9 * x + 0.5 * y + phase)
        + 0.3 * torch.sin(1.9 * x - 1.3 * y + 2 * phase)
        + 0.2 * torch.sin(-1.1 * x + 3.1 * y + 3 * phase)
    )

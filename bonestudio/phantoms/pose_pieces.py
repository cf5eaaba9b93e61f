"""Pieces of bone: parts of a voxelised bone, moved, stretched and cut, for a batch of patients."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.chance import generator

LONG = ("radius", "ulna", "humerus")


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
    hollow
        [B] mm by which the surface is hollowed out inside its rim (an articular surface).
    coat
        mm of dense bone on the cut surface (the plate beside a physis); 0 for a broken one.
    """

    normal: Tensor
    offset: Tensor
    bend: Tensor | None = None
    roughness: Tensor | None = None
    hollow: Tensor | None = None
    coat: float = 0.0


@dataclass(frozen=True)
class Knob:
    """A tapered peg added to a bone: from ``start`` [3] to ``end`` [3] in its frame, two radii, mm."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radii: tuple[float, float]

    def depth(self, points: Tensor) -> Tensor:
        """Distance inside the peg [n] of ``points`` [n, 3], mm."""
        start = torch.tensor(self.start, device=points.device)
        way = torch.tensor(self.end, device=points.device) - start
        share = (((points - start) @ way) / (way @ way)).clamp(0, 1)
        away = (points - start - share[:, None] * way).norm(dim=1)
        depth: Tensor = self.radii[0] + share * (self.radii[1] - self.radii[0]) - away
        return depth


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
    seeds
        [B] whole numbers: where the pattern and the teeth of broken surfaces start.
    cuts
        What bounds the piece besides the bone's surface, in the bone's frame.
    knobs
        Pegs that the mesh lacks.
    """

    bone: str
    label: str
    place: Tensor
    present: Tensor
    inflate: Tensor
    cortex: Tensor
    mineral: Tensor
    lattice: Tensor
    seeds: Tensor
    cuts: tuple[Cut, ...] = ()
    knobs: tuple[Knob, ...] = ()


@dataclass(frozen=True)
class Canvas:
    """The film's lattice of [height, width] pixels.

    Attributes
    ----------
    pixel
        [B] edge of a pixel in mm.
    origin
        [B, 2] the film's (x, y) in mm at the centre of pixel (0, 0).
    """

    height: int
    width: int
    pixel: Tensor
    origin: Tensor

    def pixels(self, points: Tensor) -> Tensor:
        """Film points [B, ..., 3] mm → (row, column) [B, ..., 2]."""
        between = (1,) * (points.dim() - 2)
        away = points[..., :2] - self.origin.view(-1, *between, 2)
        return (away / self.pixel.view(-1, *between, 1)).flip(-1)


@dataclass(frozen=True)
class Grid:
    """A bone's volume as the sampler wants it."""

    distance: Tensor  # [1, 1, z, y, x], positive inside, mm
    low: Tensor  # [3] x, y, z of the first voxel's centre
    high: Tensor
    near: float  # z of the bone's proximal end
    far: float
    boxes: tuple[tuple[Tensor, Tensor], ...]  # (low, high) [3] each: slices along z, drawn tight


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
    high = low + (counts - 1) * step
    return Grid(
        distance=distance.contiguous(),
        low=low,
        high=high,
        boxes=_boxes(distance[0, 0], low, high, step, 8 if bone in LONG else 1),
        near=source.landmarks["proximal"][2],
        far=source.landmarks["distal"][2],
    )


def _boxes(
    distance: Tensor, low: Tensor, high: Tensor, step: float, count: int
) -> tuple[tuple[Tensor, Tensor], ...]:
    """Slice a volume along z into boxes that hold all but air: bowed bones waste less."""
    edges = torch.linspace(low[2].item(), high[2].item(), count + 1)
    near = distance > -1.5  # mm: as far out as anything is ever inflated
    boxes = []
    for bottom, top in pairwise(edges.tolist()):
        rows = [int((z - low[2].item()) / step) for z in (bottom, top)]
        inside = near[rows[0] : rows[1] + 2].any(0)
        x, y = inside.any(0).nonzero().flatten(), inside.any(1).nonzero().flatten()
        least = torch.stack(
            [low[0] + x.min() * step, low[1] + y.min() * step, torch.tensor(bottom)]
        )
        most = torch.stack([low[0] + x.max() * step, low[1] + y.max() * step, torch.tensor(top)])
        boxes.append((least, most))
    return tuple(boxes)


@lru_cache(maxsize=2)
def lattice_noise(size: int = 64) -> Tensor:
    """Periodic noise [size³], zero mean, unit deviation, long along axis 0: struts of 1 to 3 voxels."""
    white = generator(7, "lattice").standard_normal((size, size, size)).astype(np.float32)
    f = np.fft.fftfreq(size)
    along, across = np.abs(f) * 2.0, np.abs(f)
    r = np.sqrt(along[:, None, None] ** 2 + across[None, :, None] ** 2 + across[None, None] ** 2)
    band = np.exp(-(((r - 0.19) / 0.10) ** 2))
    noise = np.fft.ifftn(np.fft.fftn(white) * band).real
    return torch.from_numpy((noise / noise.std()).astype(np.float32))


def plane_cut(
    place: Tensor,
    normal: Tensor,
    through: Tensor,
    *,
    roughness: Tensor | None = None,
    hollow: Tensor | None = None,
    coat: float = 0.0,
) -> Cut:
    """Bound a piece under ``place`` by a plane given on the film: ``normal`` and a point, [B, 3] mm."""
    own = (place[:, :3, :3].mT @ normal[..., None]).squeeze(-1)
    offset = (normal * (through - place[:, :3, 3])).sum(-1)
    size = own.norm(dim=1)
    return Cut(
        normal=own / size[:, None],
        offset=offset / size,
        roughness=roughness,
        hollow=hollow,
        coat=coat,
    )

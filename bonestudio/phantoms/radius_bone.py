"""Mineral of the distal radius: porous cortex around a trabecular core, in mg HA/cm³."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bonestudio.phantoms.radius_outline import Shell, refined
from bonestudio.phantoms.scanner import NATIVE_MM
from bonestudio.phantoms.trabeculae import (
    Sheets,
    band_limited,
    occupancy,
    recipe,
    sheets,
    width_for,
)

SOFT_TISSUE, MARROW = 45.0, -15.0  # mg HA/cm³; muscle is a little denser than water, fat less
_SLAB = 16  # slices built at a time, so that a full scan fits in memory


@dataclass(frozen=True, kw_only=True)
class RadiusDesign:
    """What the bone in a scan is made of; any value can be asked for.

    Attributes
    ----------
    bv_tv
        Share of the trabecular compartment that is bone.
    tb_th, tb_sp, ct_th
        Trabecular thickness and separation and cortical thickness, mm.
    ct_po
        Share of the cortex that is pores.
    tissue, cortical_tissue
        Mineral of trabecular and of pore-free cortical bone, mg HA/cm³.
    """

    bv_tv: float
    tb_th: float
    tb_sp: float
    ct_th: float
    ct_po: float
    tissue: float
    cortical_tissue: float


def mineralise(
    place: Shell, bone: RadiusDesign, spacing: float, random: np.random.Generator
) -> Tensor:
    """Fill the outline with bone: density [z, y, x] in mg HA/cm³, before any scanner."""
    shape = place.depth.shape
    # The network's waves are ten voxels of 121.4 µm long; a finer scan interpolates them.
    coarse = max(1, round(2 * NATIVE_MM / spacing))
    counts = (-(-shape[0] // coarse) + 1, -(-shape[1] // coarse) + 1, -(-shape[2] // coarse) + 1)
    wavelength, cut = recipe(bone.bv_tv, bone.tb_th, bone.tb_sp)
    network = sheets(counts, spacing * coarse, wavelength, random)
    under = _thinned(place.depth - place.cortex, coarse, counts)
    # Near the cortex trabeculae are broader; elsewhere they wax and wane over half a centimetre.
    relief = _relief(counts, random) * (1 + 0.4 * torch.exp(-under.clamp(min=0) / 1.5))
    width = width_for(
        network, under > 0, bv_tv=bone.bv_tv, thickness=cut, relief=relief, spacing=spacing
    )
    if coarse > 1:
        # Interpolating distances rounds thin struts off: the middle slab keeps its bone by wider ones.
        middle = slice(shape[0] // 2, min(shape[0] // 2 + _SLAB, shape[0]))
        parts = [
            _slab_of(f, middle, shape, coarse) for f in (network.nearest, network.second, relief)
        ]
        inside = (place.depth - place.cortex)[middle] > 0
        rows = slice(middle.start // coarse, -(-middle.stop // coarse))
        wanted = occupancy(
            Sheets(network.nearest[rows], network.second[rows]),
            thickness=cut, width=width * relief[rows], spacing=spacing,
        )[under[rows] > 0]  # fmt: skip
        if inside.any() and len(wanted):
            width = width_for(
                Sheets(*parts[:2]), inside, bv_tv=float(wanted.mean()), thickness=cut,
                relief=parts[2], spacing=spacing,
            )  # fmt: skip
    pores = _pores(spacing, bone.ct_po, random)
    density = torch.empty(tuple(shape))
    for first in range(0, shape[0], _SLAB):
        slab = slice(first, min(first + _SLAB, shape[0]))
        near, second, local = (
            _slab_of(field, slab, shape, coarse)
            for field in (network.nearest, network.second, relief)
        )
        filled = occupancy(
            Sheets(near, second), thickness=cut, width=width * local, spacing=spacing
        )
        core = MARROW + (bone.tissue - MARROW) * filled
        full = bone.cortical_tissue * (0.94 + 0.06 * local.clamp(max=2))
        wall = full + (MARROW - full) * _tiled(pores, slab, shape)
        depth, cortex = place.depth[slab], place.cortex[slab]
        # The endosteal surface is no plane: it rises where trabeculae leave it and sinks between.
        rough = 0.28 * (0.22 - second.clamp(max=0.5)) * (cortex / bone.ct_th).clamp(max=1)
        inner = torch.lerp(core, wall, (0.5 + (cortex + rough - depth) / spacing).clamp(0, 1))
        density[slab] = SOFT_TISSUE + (inner - SOFT_TISSUE) * (0.5 + depth / spacing).clamp(0, 1)
    return density


def _thinned(values: Tensor, coarse: int, counts: tuple[int, int, int]) -> Tensor:
    """Take every ``coarse``-th value; beyond the grid lies nothing (−1)."""
    some = values[::coarse, ::coarse, ::coarse]
    result = torch.full(counts, -1.0)
    result[: some.shape[0], : some.shape[1], : some.shape[2]] = some
    return result


def _slab_of(field: Tensor, slab: slice, shape: torch.Size, coarse: int) -> Tensor:
    """Interpolate a coarse field to the slices ``slab`` of the scan."""
    if coarse == 1:
        return field[slab, : shape[1], : shape[2]]
    low = slab.start // coarse
    part = field[low : -(-slab.stop // coarse) + 1]
    length = slab.stop - low * coarse
    return refined(part, (length, shape[1], shape[2]), coarse)[slab.start - low * coarse :]


def _relief(counts: tuple[int, int, int], random: np.random.Generator) -> Tensor:
    """Draw slow changes around 1, [z, y, x]: neighbouring regions differ, as the marrow space does."""
    drawn = torch.from_numpy(random.standard_normal((1, 1, 4, 9, 7), dtype=np.float32))
    smooth = torch.nn.functional.interpolate(
        drawn, size=counts, mode="trilinear", align_corners=True
    )
    return (1 + 0.22 * smooth[0, 0]).clamp(min=0.5)


def _pores(spacing: float, share: float, random: np.random.Generator) -> Tensor:
    """Draw a periodic block of canals along the bone, 0 (bone) to 1 (pore); their mean is ``share``."""
    field = band_limited((48, 96, 96), spacing, max(0.5, 4 * spacing), random, stretch=5.0).real
    level = torch.quantile(field[::2, ::2, ::2].flatten(), 1 - share)
    soft = torch.sigmoid((field - level) * 8)
    return soft * (share / soft.mean()).clamp(max=1.0)


def _tiled(block: Tensor, slab: slice, shape: torch.Size) -> Tensor:
    """Repeat a periodic block over the slices ``slab`` of the scan."""
    rows = torch.arange(slab.start, slab.stop) % block.shape[0]
    part = block[rows]
    times = (1, -(-shape[1] // block.shape[1]), -(-shape[2] // block.shape[2]))
    return part.repeat(times)[:, : shape[1], : shape[2]]

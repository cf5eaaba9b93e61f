"""A trabecular network with known thickness, separation and bone fraction.

Trabeculae are ribbons on the zero surfaces of smooth random fields. A band-limited Gaussian field f
with wavelength λ has zero surfaces about λ/2 apart, and |f| / |∇f| is the distance to the nearest one,
so cutting that distance at Tb.Th/2 gives plates of one thickness. Three independent fields give
three families of plates that cross; keeping only what lies near a crossing leaves rods (narrow) or
perforated plates (wide) that meet in nodes, as trabeculae do. Thickness, spacing and bone fraction are
then three separate handles: the cut, the wavelength and the width of the ribbons.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bonestudio.errors import RequestError

# Struts stay straight along the bone: wavelengths along the axis are longer by this factor.
STRETCH = 1.5
# Fitted on 58 networks at 60.7 µm whose ribbons vary in width as those in a bone do (BV/TV 0.10 to 0.36,
# ribbons 1 to 3.9 times as wide as thick), measured by fitted balls on a grid twice as fine: coefficients of 1,
# ln(BV/TV / 0.23), ln(Tb.Th / 0.23 mm), p and p², with p = ln(width / thickness). The
# cut's constant is 0.23 lower, by what eight patients' networks measured: distances interpolated from a coarser grid give thicker ribbons.
_CUT = (-0.25, -0.1262, 0.3432, -0.9214, 0.3704)  # ln(cut / Tb.Th)
_WAVELENGTH = (0.2813, -0.8091, 1.3493, -0.0967, 0.2645)  # ln(wavelength / mm)
_SEPARATION = (-0.3936, -0.9302, 1.0981, 0.0431, 0.0638)  # ln(Tb.Sp / mm)
PLATES = (0.09, 1.3)  # p from rods to plates


@dataclass(frozen=True)
class Sheets:
    """Distances to the nearest and second nearest of three families of sheets, mm, [z, y, x]."""

    nearest: Tensor
    second: Tensor


def separation(bv_tv: float, tb_th: float, plates: float) -> float:
    """Tb.Sp in mm that goes with a bone fraction, a Tb.Th (mm) and ribbons of p = ``plates``."""
    return _fitted(_SEPARATION, bv_tv, tb_th, plates)


def recipe(bv_tv: float, tb_th: float, tb_sp: float) -> tuple[float, float]:
    """Give the fields' wavelength and the cut, both in mm, for a wanted network (lengths in mm).

    Bone fraction and thickness nearly fix the separation; plates lie further apart than rods.
    """
    from scipy.optimize import brentq

    low, high = (separation(bv_tv, tb_th, p) for p in PLATES)
    if not 0.995 * low <= tb_sp <= 1.005 * high:
        raise RequestError(
            f"With a bone fraction of {bv_tv:.2f} and trabeculae {tb_th:.3f} mm thick, separations of "
            f"{low:.2f} to {high:.2f} mm can be had, not {tb_sp:.2f} mm."
        )
    wanted = min(max(tb_sp, low * 1.0001), high * 0.9999)
    plates = float(brentq(lambda p: separation(bv_tv, tb_th, p) - wanted, *PLATES))
    return _fitted(_WAVELENGTH, bv_tv, tb_th, plates), tb_th * _fitted(_CUT, bv_tv, tb_th, plates)


def _fitted(coefficients: tuple[float, ...], bv_tv: float, tb_th: float, plates: float) -> float:
    terms = np.array([1.0, np.log(bv_tv / 0.23), np.log(tb_th / 0.23), plates, plates**2])
    return float(np.exp(terms @ np.array(coefficients)))


def sheets(
    shape: tuple[int, int, int], spacing: float, wavelength: float, random: np.random.Generator
) -> Sheets:
    """Draw three families of sheets on a grid of ``spacing`` mm."""
    pairs = [band_limited(shape, spacing, wavelength, random) for _ in range(2)]
    a, b, c = (_distance(field, spacing) for field in (pairs[0].real, pairs[0].imag, pairs[1].real))
    low, high = torch.minimum(a, b), torch.maximum(a, b)
    return Sheets(nearest=torch.minimum(low, c), second=torch.maximum(low, torch.minimum(high, c)))


def band_limited(
    shape: tuple[int, int, int],
    spacing: float,
    wavelength: float,
    random: np.random.Generator,
    *,
    stretch: float = STRETCH,
) -> Tensor:
    """Draw two independent band-limited Gaussian fields as one complex field [z, y, x]."""
    along, rows, columns = (torch.fft.fftfreq(n, spacing, dtype=torch.float32) for n in shape)
    square = (along * stretch).square()[:, None, None] + rows.square()[:, None] + columns.square()
    centre = 1.0 / wavelength
    band = torch.exp(-0.5 * ((square.sqrt() - centre) / (0.22 * centre)) ** 2)
    kept = band > 1e-3  # a small shell of the spectrum: nothing is drawn for the rest
    drawn = random.standard_normal((int(kept.sum()), 2), dtype=np.float32)
    spectrum = torch.zeros(shape, dtype=torch.complex64)
    spectrum[kept] = torch.view_as_complex(torch.from_numpy(drawn)) * band[kept]
    power = float(band.square().sum().sqrt())
    field: Tensor = torch.fft.ifftn(spectrum) * (float(np.prod(shape)) / power)
    return field


def _distance(field: Tensor, spacing: float) -> Tensor:
    """Estimate the distance in mm to the zero surface of a smooth field."""
    slope = torch.full_like(field, 1e-6)
    for dim in range(3):
        inner = torch.zeros_like(field)
        n = field.shape[dim]
        inner.narrow(dim, 1, n - 2).copy_(field.narrow(dim, 2, n - 2) - field.narrow(dim, 0, n - 2))
        inner.narrow(dim, 0, 1).copy_(2 * (field.narrow(dim, 1, 1) - field.narrow(dim, 0, 1)))
        inner.narrow(dim, n - 1, 1).copy_(
            2 * (field.narrow(dim, n - 1, 1) - field.narrow(dim, n - 2, 1))
        )
        slope.addcmul_(inner, inner)
    return field.abs() * (2 * spacing) / slope.sqrt_()


def occupancy(network: Sheets, *, thickness: float, width: Tensor, spacing: float) -> Tensor:
    """Share of each voxel that is bone, 0 to 1, for ribbons of ``thickness`` and ``width`` mm.

    A ribbon's section is an ellipse around the crossing of two sheets; with equal axes it is a rod.
    """
    radius = (
        (network.nearest * (2 / thickness)) ** 2 + (network.second * (2 / width)) ** 2
    ).sqrt_()
    # (1 − radius) · thickness / 2 is the distance to the surface at the ribbon's flat side.
    return ((1 - radius) * (thickness / (2 * spacing)) + 0.5).clamp_(0, 1)


def width_for(
    network: Sheets,
    where: Tensor,
    *,
    bv_tv: float,
    thickness: float,
    relief: Tensor,
    spacing: float,
) -> float:
    """Find the ribbons' width in mm at which bone fills ``bv_tv`` of the voxels ``where``.

    ``relief`` [z, y, x] multiplies the width: more bone here, less there.
    """
    index = where.flatten().nonzero()[:, 0]
    index = index[:: max(1, len(index) // 200_000)]
    part = Sheets(network.nearest.flatten()[index], network.second.flatten()[index])
    local = relief.flatten()[index]
    low, high = 0.7 * thickness, 8.0
    fewest, most = (
        float(occupancy(part, thickness=thickness, width=w * local, spacing=spacing).mean())
        for w in (low, high)
    )
    if not fewest <= bv_tv <= most:
        raise RequestError(
            f"Trabeculae of this thickness and separation fill {fewest:.2f} to {most:.2f} of the "
            f"space, not {bv_tv:.2f}; ask for a larger separation or thinner trabeculae to have less bone."
        )
    for _ in range(24):
        middle = (low + high) / 2
        filled = occupancy(part, thickness=thickness, width=middle * local, spacing=spacing).mean()
        low, high = (middle, high) if float(filled) < bv_tv else (low, middle)
    return (low + high) / 2

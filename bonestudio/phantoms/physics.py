"""From path lengths to what the detector counts: Beer-Lambert, blur, scatter, quanta.

Everything is batched torch, on any device, and differentiable but for the counting of quanta.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from bonestudio.phantoms.materials import MATERIALS, Beam


def transmission(paths: Mapping[str, Tensor], beam: Beam) -> Tensor:
    """Compute the detected share of the beam's energy behind materials, [batch, h, w] between 0 and 1.

    ``paths``: name of a material → millimetres of it along each ray, [batch, h, w]. Several
    energies make the beam harden: the second millimetre of bone takes away less than the first.
    """
    energies = np.array(beam.energies)
    coefficients = {name: MATERIALS[name].attenuation(energies) for name in paths}
    passed = torch.zeros(())
    for line, weight in enumerate(beam.weights):
        exponent = sum(path * -float(coefficients[name][line]) for name, path in paths.items())
        passed = passed + torch.as_tensor(exponent).exp() * weight
    return passed


def areal_bmd(bone_mm: Tensor) -> Tensor:
    """Projected mineral in g/cm² behind ``bone_mm`` millimetres of compact bone."""
    return bone_mm * (MATERIALS["bone"].mineral / 10.0)


def blur(images: Tensor, sigma: Tensor | float) -> Tensor:
    """Gaussian blur of [batch, h, w]; ``sigma`` in pixels, one or [batch]; borders repeat."""
    batch = images.shape[0]
    widths = torch.as_tensor(sigma, dtype=images.dtype, device=images.device).expand(batch)
    radius = max(1, int(torch.ceil(3 * widths.max())))
    reach = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (reach / widths.clamp(min=1e-3)[:, None]) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    stacked = images[None]  # the batch becomes channels, each with its own kernel
    for dim, shape in ((0, (batch, 1, -1, 1)), (1, (batch, 1, 1, -1))):
        pad = (0, 0, radius, radius) if dim == 0 else (radius, radius, 0, 0)
        stacked = torch.nn.functional.pad(stacked, pad, mode="replicate")
        stacked = torch.nn.functional.conv2d(stacked, kernel.view(shape), groups=batch)
    return stacked[0]


def veil(primary: Tensor, *, share: Tensor | float, reach_px: float) -> Tensor:
    """Add scatter: a share of the light, spread over ``reach_px`` pixels, [batch, h, w].

    ``share`` is the scatter-to-primary ratio behind the part, one or [batch]: about 0.1 for a
    finger, 0.5 for a knee (Boone and Seibert 1988, Med Phys 15:713).
    """
    step = max(1, int(reach_px // 3))
    small = torch.nn.functional.avg_pool2d(primary[:, None], step, ceil_mode=True)[:, 0]
    wide = blur(small, reach_px / step)
    wide = torch.nn.functional.interpolate(
        wide[:, None], primary.shape[-2:], mode="bilinear", align_corners=False
    )[:, 0]
    ratio = torch.as_tensor(share, dtype=primary.dtype, device=primary.device)
    return (primary + _per_image(ratio) * wide) / (1 + _per_image(ratio))


def count_quanta(signal: Tensor, noise: Tensor, *, quanta: Tensor | float) -> Tensor:
    """Add quantum noise: ``quanta`` per pixel in the open beam; ``noise`` standard normal.

    The normal law stands for Poisson's: hundreds of quanta reach each pixel even behind bone.
    """
    dose = _per_image(torch.as_tensor(quanta, dtype=signal.dtype, device=signal.device))
    return (signal + noise * (signal.clamp(min=1e-4) / dose).sqrt()).clamp(min=1e-4)


def _per_image(value: Tensor) -> Tensor:
    """[batch] → [batch, 1, 1]; one number stays one."""
    return value[:, None, None] if value.ndim == 1 else value

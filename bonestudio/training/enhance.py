"""The augmentation of paper 000: a small rotation, then colour operations drawn at random.

A limited RandAugment (Cubuk et al. 2020): each image gets its own rotation and its own operations,
one after the other, from auto-contrast, contrast, brightness, sharpness and posterize.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from bonestudio.training.moment import Moment

OPERATIONS = 5


def turned(
    images: Float[Tensor, "n 1 h w"], now: Moment, *, degrees: float, wobble: float = 0.0
) -> Float[Tensor, "n 1 h w"]:
    """Turn each image by up to ``degrees`` either way; the border goes on outside.

    ``wobble`` also shifts by up to that share of half the side and zooms by up to twice as much:
    what a crop found automatically is off by.
    """
    if not degrees and not wobble:
        return images
    draws = 2.0 * now.rand(len(images), 4) - 1.0
    angle = draws[:, 0] * (degrees * torch.pi / 180.0)
    zoom = 1.0 + 2.0 * wobble * draws[:, 1]
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    across, down = wobble * draws[:, 2], wobble * draws[:, 3]
    rows = torch.stack([cos, -sin, across, sin, cos, down], 1).view(-1, 2, 3)
    grid = F.affine_grid(rows, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def enhanced(
    images: Float[Tensor, "n 1 h w"], now: Moment, *, operations: int, strength: float
) -> Float[Tensor, "n 1 h w"]:
    """Apply ``operations`` colour operations to images in [-1, 1], each image its own.

    ``strength`` s, 0 to 1: contrast, brightness and sharpness are multiplied by 1 − s to 1 + s,
    and posterize leaves 8 to 8 − 4 s bits.
    """
    for _ in range(operations):
        draws = now.rand(len(images), 2)
        which = (draws[:, 0] * OPERATIONS).long()
        images = _one(images, which, 2.0 * draws[:, 1] - 1.0, strength)
    return images


def _one(images: Tensor, which: Tensor, how: Tensor, strength: float) -> Tensor:
    """Apply operation ``which`` [n] to each image; ``how`` [n] in [-1, 1] is its magnitude."""
    gray = (images + 1.0) / 2.0
    factor = (1.0 + strength * how).view(-1, 1, 1, 1)
    low, high = gray.amin((1, 2, 3), keepdim=True), gray.amax((1, 2, 3), keepdim=True)
    mean = gray.mean((1, 2, 3), keepdim=True)
    levels = torch.exp2(torch.round(8.0 - 2.0 * strength * (how + 1.0))).view(-1, 1, 1, 1)
    results = (
        (gray - low) / (high - low).clamp(min=1.0 / 255.0),
        mean + factor * (gray - mean),
        factor * gray,
        _smooth(gray) + factor * (gray - _smooth(gray)),
        # Whole steps of the coarser scale, as PIL's bit mask leaves them.
        torch.floor(gray * 255.0 / 256.0 * levels + 1e-3) / levels * (256.0 / 255.0),
    )
    for number, result in enumerate(results):
        gray = torch.where((which == number).view(-1, 1, 1, 1), result, gray)
    return gray.clamp(0.0, 1.0) * 2.0 - 1.0


def _smooth(gray: Tensor) -> Tensor:
    """Blur as PIL's sharpness does: a 3 × 3 kernel with a heavier middle; the border stays."""
    kernel = gray.new_tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13.0
    return F.conv2d(F.pad(gray, [1] * 4, mode="replicate"), kernel[None, None])

"""Differentiable augmentation (Zhao et al. 2020): the same change of real and drawn images.

Applied to all that the discriminator sees, so that few images do not teach it by heart and the
generator does not learn the changes. Three policies of the paper: colour (brightness and
contrast; these images have no hue), translation by up to 1/8, cutout of half the side.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from bonestudio.training.moment import Moment


def augmented(images: Tensor, now: Moment) -> Tensor:
    """Change images [n, channels, height, width] in [-1, 1], each in its own way."""
    images = images.float()  # in bf16 a draw of 0.999 is 1, and grey levels are coarse
    draws = now.rand(len(images), 6)
    brightness, contrast, down, right, top, left = (d.view(-1, 1, 1, 1) for d in draws.unbind(1))
    images = images + (brightness - 0.5)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = (images - mean) * (contrast + 0.5) + mean
    return _cut(_shift(images, down, right), top, left)


def _shift(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Move by whole pixels, up to 1/8 of the side; black (−1) comes in from outside."""
    n, channels, height, width = images.shape
    reach = height // 8
    padded = F.pad(images, [reach] * 4, value=-1.0)
    device = images.device
    places = 2 * reach + 1
    rows = torch.arange(height, device=device) + (down.view(-1, 1) * places).long()
    columns = torch.arange(width, device=device) + (right.view(-1, 1) * places).long()
    rows = rows.view(n, 1, height, 1).expand(-1, channels, -1, padded.shape[-1])
    columns = columns.view(n, 1, 1, width).expand(-1, channels, height, -1)
    return padded.gather(2, rows).gather(3, columns)


def _cut(images: Tensor, top: Tensor, left: Tensor) -> Tensor:
    """Grey out a square of half the side, centred anywhere."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device).view(1, 1, -1, 1)
    columns = torch.arange(width, device=images.device).view(1, 1, 1, -1)
    centre_row, centre_column = (top * height).long(), (left * width).long()
    inside = ((rows - centre_row).abs() < height // 4) & (
        (columns - centre_column).abs() < width // 4
    )
    return images.masked_fill(inside, 0.0)

"""Stacks turned about the bone's axis and enlarged at random (paper 003, section 3.1)."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from bonestudio.training.moment import Moment


class Draws:
    """Random numbers of a seed, where no moment of a run is there to give them."""

    def __init__(self, seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed)

    def rand(self, count: int, *shape: int) -> Tensor:
        """Draw numbers [count, *shape] between 0 and 1."""
        return torch.rand(count, *shape, generator=self._random)


def turned(stacks: Tensor, now: Moment | Draws, *, degrees: float, zoom: float) -> Tensor:
    """Turn stacks [n, 1, slices, rows, columns] by up to ± ``degrees`` and enlarge up to ``zoom``.

    What comes in from outside is the stack mirrored at its edge.
    """
    if degrees == 0 and zoom == 1:
        return stacks
    draws = now.rand(len(stacks), 2)
    angle = (2.0 * draws[:, 0] - 1.0) * math.radians(degrees)
    smaller = 1.0 / (1.0 + (zoom - 1.0) * draws[:, 1])
    height, width = stacks.shape[-2:]
    cos, sin, zero = smaller * angle.cos(), smaller * angle.sin(), torch.zeros_like(angle)
    # Columns, rows and slices go from -1 to 1 each, whatever their number.
    grid = torch.stack(
        [
            torch.stack([cos, -sin * height / width, zero, zero], 1),
            torch.stack([sin * width / height, cos, zero, zero], 1),
            torch.stack([zero, zero, smaller, zero], 1),
        ],
        1,
    )
    places = F.affine_grid(grid, list(stacks.shape), align_corners=False)
    return F.grid_sample(stacks, places, padding_mode="reflection", align_corners=False)

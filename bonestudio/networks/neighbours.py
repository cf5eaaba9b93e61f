"""What a generator has learned from, as features: how near a new image comes to any of it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Neighbours(nn.Module):
    """Whitened features of known images, and the distances that are usual between different people.

    Nothing here is learned: the numbers are written by ``bonestudio synthesise remember``.

    Parameters
    ----------
    width
        Features per image before whitening, d.
    axes
        Principal axes kept, k.
    known
        Images remembered, n.
    usual
        Images of other people whose distances to the known ones serve as a ruler, m.
    """

    mean: Float[Tensor, " d"]
    axes: Float[Tensor, "d k"]
    known: Float[Tensor, "n k"]
    usual: Float[Tensor, " m"]

    def __init__(self, *, width: int, axes: int, known: int, usual: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("axes", torch.zeros(width, axes))
        self.register_buffer("known", torch.zeros(known, axes))
        self.register_buffer("usual", torch.zeros(usual))

    def whitened(self, features: Float[Tensor, "v d"]) -> Float[Tensor, "v k"]:
        """Turn and scale features so that each axis spreads alike over the known images."""
        return (features - self.mean) @ self.axes

    def forward(
        self, features: Float[Tensor, "v d"]
    ) -> tuple[Float[Tensor, " v"], Int[Tensor, " v"]]:
        """Distance to the nearest known image, and its number."""
        near = torch.cdist(self.whitened(features), self.known).min(1)
        return near.values, near.indices

"""What is known of a generator's latent space beside its weights: measured bone, and real scans.

It is no network to train: its numbers are fitted once (``bonestudio volume learn``) and travel like
weights, so that they are checked against their card and nothing waits for them.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class VolumeAtlas(nn.Module):
    """Ridge regression of measured attributes on codes, and features of real stacks.

    Attributes
    ----------
    slopes, middle, level
        Attributes [n] ≈ ``level`` + ``slopes`` (code − ``middle``), each in its own unit.
    scales
        Standard deviation of each attribute over random codes, in its unit.
    references
        Features [m, d] of real stacks, for the realism score of a drawn one.
    """

    def __init__(self, *, attributes: int, codes: int, references: int, features: int) -> None:
        super().__init__()
        self.slopes: Tensor
        self.middle: Tensor
        self.level: Tensor
        self.scales: Tensor
        self.references: Tensor
        self.register_buffer("slopes", torch.zeros(attributes, codes))
        self.register_buffer("middle", torch.zeros(codes))
        self.register_buffer("level", torch.zeros(attributes))
        self.register_buffer("scales", torch.ones(attributes))
        self.register_buffer("references", torch.zeros(references, features))

    def forward(self, codes: Float[Tensor, "n codes"]) -> Float[Tensor, "n attributes"]:
        """Predict attributes."""
        return self.level + (codes - self.middle) @ self.slopes.T

"""What paper 004 puts on the encoder to pretrain it; thrown away afterwards, the encoder stays.

Each head takes the encoder's pyramid of features (:class:`bonestudio.networks.bmdgan.Encoder`).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

PATCHES = (8, 4)
"""Rows and columns of the shuffled patches ('4 × 8 patches', width × height)."""
MASKED = (16, 8)
"""Rows and columns of the masked patches."""


class Redrawing(nn.Module):
    """A light decoder: the coarsest features alone → the film [n, 1, h, w]."""

    def __init__(self, inputs: tuple[int, ...], *, reduction: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GELU(), nn.Conv2d(inputs[-1], reduction**2, 1), nn.PixelShuffle(reduction)
        )

    def forward(self, features: list[Tensor]) -> Float[Tensor, "n 1 h w"]:
        """Redraw the film."""
        film: Tensor = self.layers(features[-1])
        return film


class Placing(nn.Module):
    """Of each of 8 × 4 patches, logits of its own place: [n, 32 places, 32 patches]."""

    def __init__(self, inputs: tuple[int, ...]) -> None:
        super().__init__()
        rows, columns = PATCHES
        self.layer = nn.Conv2d(inputs[-1], rows * columns, 1)

    def forward(self, features: list[Tensor]) -> Float[Tensor, "n places patches"]:
        """Tell where each patch belongs."""
        pooled = F.adaptive_avg_pool2d(F.gelu(features[-1]), PATCHES)
        places: Tensor = self.layer(pooled)
        return places.flatten(2)


class Answering(nn.Module):
    """A linear layer on the mean of the coarsest features: ``answers`` numbers a film."""

    def __init__(self, inputs: tuple[int, ...], *, answers: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs[-1], answers)

    def forward(self, features: list[Tensor]) -> Float[Tensor, "n answers"]:
        """Answer."""
        numbers: Tensor = self.layer(F.gelu(features[-1]).mean((2, 3)))
        return numbers


class Projecting(nn.Module):
    """Features of unit length that contrastive learning compares, [n, length] (MoCo v2's head)."""

    def __init__(self, inputs: tuple[int, ...], *, length: int = 2048) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs[-1], inputs[-1]), nn.GELU(), nn.Linear(inputs[-1], length)
        )

    def forward(self, features: list[Tensor]) -> Float[Tensor, "n length"]:
        """Project."""
        projected: Tensor = self.layers(F.gelu(features[-1]).mean((2, 3)))
        return F.normalize(projected, dim=1)


class Queue(nn.Module):
    """The latest keys and whose they are, oldest overwritten first (MoCo, He et al. 2020).

    It begins full of random keys, which are nobody's (label −1).
    """

    keys: Tensor
    labels: Tensor
    place: Tensor

    def __init__(self, *, length: int = 4096, features: int = 2048) -> None:
        super().__init__()
        self.register_buffer("keys", F.normalize(torch.randn(length, features), dim=1))
        self.register_buffer("labels", torch.full((length,), -1.0))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def add(self, keys: Float[Tensor, "n length"], labels: Float[Tensor, " n"]) -> None:
        """Put in keys with their labels (0 or more)."""
        at = (self.place + torch.arange(len(keys), device=keys.device)) % len(self.keys)
        self.keys[at] = keys.to(self.keys.dtype)
        self.labels[at] = labels.to(self.labels.dtype)
        self.place = (self.place + len(keys)) % len(self.keys)


def contrast(
    queries: Float[Tensor, "n d"],
    keys: Float[Tensor, "m d"],
    positive: Int[Tensor, "n m"] | Tensor,
    *,
    known: Tensor,
    temperature: float,
) -> Float[Tensor, " n"]:
    """−1/N Σ over a query's N positives of log softmax(q·k / τ); with one positive it is InfoNCE.

    ``known`` [m] says which keys there are; a query without a positive counts 0.
    """
    logits = (queries @ keys.T / temperature).masked_fill(~known, float("-inf"))
    surprise = -F.log_softmax(logits, 1)
    chosen = (positive.bool() & known).to(logits.dtype)
    total = torch.where(chosen.bool(), surprise, torch.zeros_like(surprise)).sum(1)
    return total / chosen.sum(1).clamp(min=1)

"""Self-attention for convolutional networks (SAGAN, Zhang et al. 2019, section 3)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Every place looks at every other: y = γ · attention(x) + x, with γ = 0 at the start.

    Keys and values are pooled to half the side, as the authors' code does; queries and keys have an
    eighth of the channels, values half of them.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.query = nn.Conv2d(channels, few, 1, bias=False)
        self.key = nn.Conv2d(channels, few, 1, bias=False)
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.back = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Add what the other places say."""
        query = self.query(x).flatten(2).mT  # [n, places, few]
        key = F.max_pool2d(self.key(x), 2).flatten(2).mT
        value = F.max_pool2d(self.value(x), 2).flatten(2).mT
        # SAGAN's attention is not divided by √few.
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        wide = seen.mT.unflatten(2, x.shape[2:])
        result: Tensor = x + self.gamma * self.back(wide)
        return result

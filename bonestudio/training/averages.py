"""Running averages (EMA) of networks: weights and buffers."""

import copy

import torch
from torch import nn


class Average:
    """The exponential moving average of a network.

    The decay warms up as (1 + n) / (10 + n), so that a short run does not hand on its first
    random weights. Counters are copied, everything else is averaged: batch-norm statistics too,
    for they belong to the averaged weights.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.network = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move a little towards ``network``."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        ours, theirs = self.network.state_dict(), network.state_dict()
        floating = [key for key, value in ours.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [ours[key] for key in floating], [theirs[key] for key in floating], 1.0 - decay
        )
        for key in ours.keys() - set(floating):
            ours[key].copy_(theirs[key])

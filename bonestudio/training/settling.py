"""Batch norm's statistics taken anew before a network is used (Wu and Johnson 2021, 'precise BN').

In training they come from films that are changed at random; films as they are have others, and a
network that is fed these with those names bones wrongly, first of all on real films.
"""

import copy
from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


def settled(network: N, batches: Iterable[Tensor]) -> N:
    """Copy a network, in evaluation mode, its batch norms' statistics the mean over ``batches``."""
    calm = copy.deepcopy(network).train()
    norms = [layer for layer in calm.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]  # fmt: skip # noqa: SLF001 – torch has no public name for all of them
    kept = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # torch's way to say: the plain mean of all batches
    with torch.no_grad():
        for batch in batches:
            calm(batch)
    for layer, momentum in zip(norms, kept, strict=True):
        layer.momentum = momentum
    return calm.eval()

"""What a classifier says of many films, and how wrong it is."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bonestudio.training.studies import StudyFilms


def seen_maps(network: nn.Module, films: Tensor) -> tuple[Tensor, Tensor]:
    """Return a network's answers, and the maps of the layer that shows where it looks."""
    kept: list[Tensor] = []
    layer: Any = network.seen
    hook = layer.register_forward_hook(lambda _layer, _given, maps: kept.append(maps))
    try:
        answers: Tensor = network(films)
    finally:
        hook.remove()
    return answers, kept[0]


@torch.no_grad()
def judged(network: nn.Module, films: StudyFilms) -> NDArray[np.float64]:
    """Log-odds of 'abnormal' of all films [n]."""
    weight = next(network.parameters())
    told = [network(batch.to(weight)).double().cpu() for batch in films.batches()]
    return torch.cat(told).numpy() if told else np.empty(0)


def surprise(logits: NDArray[np.float64], abnormal: NDArray[np.float32]) -> float:
    """Mean binary cross-entropy."""
    return float(np.mean(np.logaddexp(0.0, logits) - abnormal * logits)) if len(logits) else 0.0

"""Weights and the cards that say what they are.

A checkpoint is ``<system>/<name>.json`` (its card) beside ``<system>/<name>.safetensors``. Nothing
is ever unpickled, and a checkpoint describes itself: the card also travels inside the weights.
"""

from bonestudio.checkpoints.card import Card, Metric, Part
from bonestudio.checkpoints.registry import available, cards, find_card

__all__ = [
    "Card",
    "Checkpoint",
    "Metric",
    "Part",
    "available",
    "cards",
    "find_card",
    "load",
    "loaded",
    "save",
]


def __getattr__(name: str) -> object:
    """Load torch only when weights are read or written."""
    if name in {"Checkpoint", "load", "loaded", "save"}:
        from bonestudio.checkpoints import store

        return getattr(store, name)
    raise AttributeError(name)

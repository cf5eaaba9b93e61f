"""What several tabs say in the same words."""

import time

from bonestudio.checkpoints import Card

_LEARNED_FROM = {"rsna": "real hands", "phantom": "virtual patients", "own": "your own films"}


def learned_from(card: Card) -> str:
    """Say in a few words what weights were trained on."""
    return _LEARNED_FROM[card.family]


def took(started: float) -> str:
    """Seconds since ``started`` (perf_counter)."""
    return f"{time.perf_counter() - started:.2f} s"

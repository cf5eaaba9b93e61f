"""What the four pages of the Fracture tab share: the studio, how events are sent, a few words."""

import time
from typing import Any, Final

from bonestudio.checkpoints import Card
from bonestudio.instruments.fracture.studio import FractureStudio

STUDIO: Final = FractureStudio()
HOUR: Final = 3600  # seconds that a visitor's state is kept
SIMULATED: Final = "SIMULATED"

# One network at a time, whoever asks: two cores draw one image fastest.
IN_TURN: Final[dict[str, Any]] = {"concurrency_id": "networks", "concurrency_limit": 1}
# A set takes minutes: it has a queue of its own, so that nobody's film waits for it.
SETS_IN_TURN: Final[dict[str, Any]] = {"concurrency_id": "sets", "concurrency_limit": 1}
PRIVATE: Final[dict[str, Any]] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    **IN_TURN,
}

_LEARNED_FROM = {"rsna": "real hands", "phantom": "virtual patients", "own": "your own films"}


def learned_from(card: Card) -> str:
    """Say in a few words what weights were trained on."""
    return _LEARNED_FROM[card.family]


def took(started: float) -> str:
    """Seconds since ``started`` (perf_counter)."""
    return f"{time.perf_counter() - started:.2f} s"

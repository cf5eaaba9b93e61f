"""The words of the Age tab: bones, sexes, weights, and what is told about a film."""

from typing import Any, Final

from bonestudio.checkpoints import Card
from bonestudio.imaging.types import Sex
from bonestudio.instruments.age.film import Anatomy
from bonestudio.instruments.age.progression import Progression
from bonestudio.instruments.lightbox.films import Opened

BONES: Final[dict[Anatomy, str]] = {"phalange": "Finger (phalanx)", "femur": "Knee (femur)"}
SEXES: Final[dict[str, Sex | None]] = {"Girl": "F", "Boy": "M", "Unknown": None}
# Two cores render one bone at a time fastest; others wait in the queue.
ONE_AT_A_TIME: Final[dict[str, Any]] = {"concurrency_id": "networks", "concurrency_limit": 1}

_LEARNED_FROM = {"rsna": "real hands", "phantom": "virtual patients", "own": "your own films"}


def weights_of(card: Card) -> str:
    """Say in two words what weights were trained on."""
    return _LEARNED_FROM[card.family]


def facts(film: Opened, made: Progression) -> dict[str, str]:
    """List what was read and what became of it."""
    height, width = film.film.shape
    side = {"L": "left", "R": "right", None: None}[film.film.laterality]
    known = {
        "Film": f"{height} × {width} px, {film.detail}",
        "Bone": made.prepared.how,
        "Side": side,
        "Given to model": f"{made.prepared.film.shape[0]} × {made.prepared.film.shape[1]} px",
        "Left out": None if film.simulated else ", ".join(film.dropped) or "nothing",
    }
    return {name: value for name, value in known.items() if value}

"""The words of the Age tab: bones, sexes, weights, and what is told about a film."""

from typing import Final

from bonestudio.imaging.types import Sex
from bonestudio.instruments.age.film import Anatomy
from bonestudio.instruments.age.progression import Progression
from bonestudio.instruments.lightbox.films import Opened

BONES: Final[dict[Anatomy, str]] = {"phalange": "Finger (phalanx)", "femur": "Knee (femur)"}
SEXES: Final[dict[str, Sex | None]] = {"Girl": "F", "Boy": "M", "Unknown": None}


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

"""Whether a film is one that an age model can be asked about.

Two things are looked at: how well the model redraws the film, and how far the film lies from those
that an independent reader of bone age has seen. The first alone is weak: a smooth picture of
anything is easily redrawn, and a fine film of an old scanner is not.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.instruments.domain import FAR, Domain, distance_from

if TYPE_CHECKING:
    from bonestudio.checkpoints import Card

REDRAWN: Final = "0.99"  # share of held-out films that lie within the limit of the error
READERS: Final = {"rsna": "phalange-rsna", "phantom": "growing-phantom"}
FLAT: Final = 0.05  # spread of grey levels, of 2, below which there is no picture


def judge(
    film: NDArray[np.float32], reconstruction: NDArray[np.float32], *, card: "Card"
) -> Domain:
    """Judge a prepared film [size, size] in [-1, 1] and what the model of ``card`` makes of it."""
    if film.shape != reconstruction.shape:
        raise ImageError(
            f"Film and reconstruction must have one shape, not {film.shape} and "
            f"{reconstruction.shape}."
        )
    bone = anatomy(card)
    low, high = np.percentile(film, [1, 99])
    if high - low < FLAT:
        return Domain(verdict="out", reason="There is nothing but one grey level on this image.")
    error = _error(film, reconstruction, card.settings)
    reader = READERS.get(card.family)
    distance = distance_from(reader, bone, (film + 1) / 2) if reader else None
    return Domain(**_verdict(bone, error, distance), error=error, distance=distance)


def _verdict(bone: str, error: float | None, distance: float | None) -> dict[str, Any]:
    """Verdict and reason: the worse of the two measures tells."""
    if error is None and distance is None:
        return {
            "verdict": "doubtful",
            "reason": "Nothing is known of the films that this model was tried on.",
        }
    worst = max(error or 0.0, distance or 0.0)
    if worst <= 1:
        reason = f"This film lies among those of {bone}s that the model knows."
        return {"verdict": "in-domain", "reason": reason}
    if worst > FAR:
        reason = f"This does not look like a film of a {bone}; its ages would mean nothing."
        return {"verdict": "out", "reason": reason}
    if worst == error:
        reason = "The model redraws this film worse than 99 of 100; take its ages with care."
    else:
        reason = f"This film is unlike 98 of 100 of {bone}s; take its ages with care."
    return {"verdict": "doubtful", "reason": reason}


def anatomy(card: "Card") -> str:
    """Return the bone that a model of ages knows: 'phalange' or 'femur'."""
    told = card.settings.get("bone")
    return str(told) if told else ("femur" if "femur" in card.name else "phalange")


def _error(
    film: NDArray[np.float32], reconstruction: NDArray[np.float32], settings: Mapping[str, Any]
) -> float | None:
    limit = settings.get("error_quantiles", {}).get(REDRAWN)  # in grey levels from 0 to 1
    apart = float(np.sqrt(np.square(film - reconstruction).mean())) / 2
    return apart / limit if limit else None

"""Whether a film is one that a model can be asked about: the verdict, and the distance that it stands on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bonestudio.checkpoints import Card

Verdict = Literal["in-domain", "doubtful", "out"]
USUAL: Final = "0.98"  # share of held-out films that lie within the limit of the distance
KIND_READER: Final = "extractors/bone2d-phantom"
FAR: Final = 1.7  # times that limit: photographs, noise and other bones begin here


@dataclass(frozen=True, kw_only=True)
class Domain:
    """What is to be thought of a film before anything is told of it.

    Attributes
    ----------
    reason
        One sentence for the person who gave the film.
    error
        Root mean square difference of film and reconstruction over the limit that 99 % of held-out
        films keep; None where the model's card does not tell it.
    distance
        Distance from the films that the model knows, over the limit that 98 % of held-out films
        keep; None where nothing tells it.
    """

    verdict: Verdict
    reason: str
    error: float | None = None
    distance: float | None = None


def distance_from(reader: str, kind: str, film: NDArray[np.floating[Any]]) -> float | None:
    """Distance of a film [height, width] in [0, 1] from those of a kind that a reader has seen.

    Over the limit that 98 % of held-out films keep; None where no such reader is here.
    """
    from bonestudio.checkpoints import available
    from bonestudio.checkpoints.store import loaded

    if not available(f"extractors/{reader}"):
        return None
    weights = loaded(f"extractors/{reader}")
    if kind not in weights.card.settings.get("distances", {}):
        return None
    number = weights.card.parts["extractor"].config["kinds"].index(kind)
    network: Any = weights["extractor"]
    far = float(weights["familiar"](network.depths(_seen(film, weights.card)), number))
    return far / float(weights.card.settings["distances"][kind][USUAL])


def kind_of(film: NDArray[np.floating[Any]]) -> str | None:
    """Tell which bones a film [height, width] in [0, 1] shows, of those that virtual patients have.

    It always names one, whatever the film shows: only together with a distance does it tell what a film is.
    """
    from bonestudio.checkpoints import available
    from bonestudio.checkpoints.store import loaded

    if not available(KIND_READER):
        return None
    weights = loaded(KIND_READER)
    kinds: list[str] = weights.card.parts["extractor"].config["kinds"]
    network: Any = weights["extractor"]
    return kinds[int(network(_seen(film, weights.card))["kind"].argmax())]


def _seen(film: NDArray[np.floating[Any]], card: "Card") -> Any:
    """Make a film what an extractor looks at: [1, 1, size, size] in [-1, 1]."""
    import torch

    from bonestudio.metrics.extractors import film_levels

    levels = film_levels(film, int(card.settings["size"]))
    return torch.from_numpy(levels).float()[None, None] / 127.5 - 1

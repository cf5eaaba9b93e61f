"""Whether a film is one that a model can be asked about: the verdict, which age and density share."""

from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["in-domain", "doubtful", "out"]
USUAL: Final = "0.98"  # share of held-out films that lie within the limit of the distance
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

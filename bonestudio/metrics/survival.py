"""Whether a break is still there after a film was redrawn in another style.

A virtual patient can be imaged with the break and without it. The difference of the two films is
the break's imprint; redrawing both films and taking the difference again shows what became of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError

REACH = 6  # pixels around the mask that still belong to the break: edges, steps, cortices
KEPT = 0.5


@dataclass(frozen=True, kw_only=True)
class Imprint:
    """What became of a break's imprint near the break.

    Attributes
    ----------
    likeness
        Cosine of the angle between the imprints before and after, -1 to 1.
    strength
        How much of the imprint is left: 1 as before, 0 nothing, above 1 more contrast.
    """

    likeness: float
    strength: float

    @property
    def kept(self) -> bool:
        """Whether it still looks like itself and has at least half of its strength."""
        return self.likeness >= KEPT and self.strength >= KEPT


def imprint(
    before: tuple[NDArray[np.float32], NDArray[np.float32]],
    after: tuple[NDArray[np.float32], NDArray[np.float32]],
    mask: NDArray[np.bool_],
    *,
    reach: int = REACH,
) -> Imprint:
    """Compare a break's imprint before and after redrawing.

    Parameters
    ----------
    before, after
        (broken, healthy) films of the same patient and view, [height, width].
    mask
        Where the bone is broken, [height, width].
    reach
        Pixels around the mask that are looked at.
    """
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        raise RequestError("The film shows no break: its mask is empty.")
    near = distance_transform_edt(~mask) <= reach
    first, second = (
        (broken[near].astype(np.float64) - healthy[near]) for broken, healthy in (before, after)
    )
    shared, own = float(first @ second), float(first @ first)
    if own == 0:
        raise RequestError("The break leaves no imprint on the film before it is redrawn.")
    other = float(second @ second)
    return Imprint(
        likeness=shared / (own * other) ** 0.5 if other > 0 else 0.0, strength=shared / own
    )

"""The joints of a hand: what is found on a film, by whom, and how sure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError

Phalanx = Literal["proximal", "middle", "distal"]

# Order of the heat maps: fingers from index to little, then thumb, carpus and forearm.
JOINTS = (
    *(f"{joint}{finger}" for finger in (2, 3, 4, 5) for joint in ("DIP", "PIP", "MCP")),
    *("IP1", "MCP1", "wrist", "radius", "ulna"),
)

# Length of the distal phalanx over that of the middle one, by finger: means of 66 adult hands,
# Buryanov & Kotiuk, Proc. Hum. Factors Ergon. Soc. 54 (2010) 1578, table 1.
_DISTAL_TO_MIDDLE = {2: 15.8 / 22.4, 3: 17.4 / 26.3, 4: 17.3 / 25.7, 5: 16.0 / 18.1}
_ENDS: dict[Phalanx, tuple[str, str]] = {"proximal": ("MCP", "PIP"), "middle": ("PIP", "DIP")}


@dataclass(frozen=True, kw_only=True)
class HandJoints:
    """Where the joints of a hand lie on its film.

    Attributes
    ----------
    points
        Name ('PIP2', 'MCP5', 'wrist') → (row, column) in pixels; pixel centres are whole numbers.
    scores
        Name → probability (0-1) that the joint lies within about a tenth of a phalanx of its point.
    mirrored
        The film shows the thumb on the viewer's left when the fingers point up: a right hand, or a
        left one that was turned over.
    """

    points: Mapping[str, tuple[float, float]]
    scores: Mapping[str, float]
    mirrored: bool = False

    @property
    def score(self) -> float:
        """Score of the least certain finger joint."""
        return min(self.finger_score(finger) for finger in (2, 3, 4, 5))

    def finger_score(self, finger: int) -> float:
        """Return the least certain joint of a finger (2: index … 5: little)."""
        _check_finger(finger)
        return min(self.scores[f"{joint}{finger}"] for joint in ("DIP", "PIP", "MCP"))

    def ends(
        self, finger: int, phalanx: Phalanx
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (row, column) of the proximal and of the distal end of a phalanx.

        A joint space ends a phalanx on either side; the tip of a finger is extrapolated from its
        middle phalanx.
        """
        _check_finger(finger)
        if phalanx == "distal":
            pip, dip = (np.array(self.points[f"{joint}{finger}"]) for joint in ("PIP", "DIP"))
            return dip, dip + (dip - pip) * _DISTAL_TO_MIDDLE[finger]
        if phalanx not in _ENDS:
            raise RequestError(f"A phalanx is 'proximal', 'middle' or 'distal', not {phalanx!r}.")
        near, far = _ENDS[phalanx]
        return np.array(self.points[f"{near}{finger}"]), np.array(self.points[f"{far}{finger}"])


def plausible(points: NDArray[np.floating]) -> bool:
    """Whether [17, 2] joints in the order of :data:`JOINTS` can be a hand seen from the back.

    Fingers are alike in length (the little one's phalanges are two thirds of the others'), middle phalanges are 0.4 to 0.85 of their proximal ones at every age, fingers bend by less
    than 60° on a film, and the four fingers follow each other from thumb to ulna.
    """
    fingers = points[:12].reshape(4, 3, 2)
    middle, proximal = fingers[:, 0] - fingers[:, 1], fingers[:, 1] - fingers[:, 2]
    lengths = np.hypot(*middle.T), np.hypot(*proximal.T)
    if min(lengths[0].min(), lengths[1].min()) < 1e-6:
        return False
    alike = [length / np.median(length) for length in lengths]
    ratio = lengths[0] / lengths[1]
    bend = (middle * proximal).sum(1) / (lengths[0] * lengths[1])
    across = np.diff(fingers[:, 2], axis=0)  # from knuckle to knuckle, index to little
    onward = (across[:-1] * across[1:]).sum(1)
    return bool(
        all(((share > 0.4) & (share < 1.8)).all() for share in alike)
        and ((ratio > 0.33) & (ratio < 0.95)).all()
        and (bend > 0.5).all()
        and (onward > 0).all()
    )


def _check_finger(finger: int) -> None:
    if finger not in {2, 3, 4, 5}:
        raise RequestError(f"Fingers are 2 (index) to 5 (little) here, not {finger!r}.")

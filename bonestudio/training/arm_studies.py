"""Virtual patients whose arms are seen twice, whole and broken: studies that classifiers learn from."""

from collections.abc import Sequence
from typing import Any

from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.imaging.prepared import prepared
from bonestudio.imaging.types import Sex
from bonestudio.phantoms.chance import generator
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.training.arms import SIDE, Arm, break_of
from bonestudio.training.virtual import OrderedPhantoms

EVENED = 256  # pixels: films are evened out at this size (paper 002), then made as small as asked
VIEWS = ("PA", "LL")
SEEDS = 4_000_000  # patients of studies count from here: no other training sees them


class ArmStudies(OrderedPhantoms):
    """``count`` virtual patients of each kind, each with a whole arm and with a broken one.

    Both are studies of two views and differ in the break alone: nothing else about a patient tells
    the classes apart, so a network that learns patients by heart learns nothing. Half of the breaks
    are fractures, half bone removed (paper 002). Ages are from 18 to 90 years, since old bone is
    thin. Three patients in four look like an archive's, one is a clean rendering.
    ``masks['fracture']`` tells where the break is.
    """

    source = "studies"

    def __init__(
        self, kinds: Sequence[Arm], count: int, *, seed: int = SEEDS, evened: bool = True
    ) -> None:
        self.kind, self.kinds, self.evened = "+".join(kinds), tuple(kinds), evened
        self.options: dict[str, Any] = {"evened": evened, "version": 2}
        self.asked = [
            (kind, number, broken, view)
            for kind in kinds
            for number in range(seed, seed + count)
            for broken in (False, True)
            for view in VIEWS
        ]
        self.entries = tuple(
            Entry(
                name=f"{kind}-{number}-{'broken' if broken else 'whole'}/{view}",
                patient=f"{kind}-{number}",
                age=float(generator(number, "studies/age").integers(18, 91)),
                sex=_sex(number),
                labels={"abnormal": float(broken)},
            )
            for kind, number, broken, view in self.asked
        )

    def load(self, i: int) -> Sample:
        """Render view ``i``."""
        (kind, number, broken, view), entry = self.asked[i], self.entries[i]
        style: Style = "synthetic" if number // 4 % 4 == 0 else "natural"
        patient = VirtualPatient(number, _sex(number))
        fracture = break_of(kind, number) if broken else None
        arm = patient.wrist if kind == "wrist" else patient.forearm
        phantom = arm(view, fracture=fracture, style=style, side=SIDE, age=entry.age)
        film = prepared(phantom.image, size=EVENED) if self.evened else phantom.image
        return self.sample(i, film, masks=phantom.truth.masks)


def _sex(number: int) -> Sex:
    """Sexes take turns among fractures, and among bones removed."""
    return "M" if number // 2 % 2 else "F"

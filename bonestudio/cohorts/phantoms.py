"""Virtual patients as a cohort, rendered when they are asked for."""

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from bonestudio.cohorts.cohort import Cohort
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import RequestError
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.truth import Phantom

if TYPE_CHECKING:
    from collections.abc import Callable

    from bonestudio.imaging.types import Sex

Kind = Literal["phalange", "femur", "hand", "wrist", "forearm", "radius_scan", "hip"]
GROWING = ("phalange", "femur", "hand")


class Phantoms(Cohort):
    """``count`` virtual patients of a kind, each imaged once; nothing is stored.

    Patient ``i`` has the seed ``seed + i``; boys and girls alternate. Growing bones are spread
    evenly over ``ages`` (years) by a golden-ratio sequence, which is even for every count.

    Parameters
    ----------
    options
        Passed on to the patient's view (``style='synthetic'``, ``view='LL'``, ``pose='supine'``).
    """

    source = "phantoms"

    def __init__(
        self,
        kind: Kind,
        count: int,
        *,
        seed: int = 0,
        ages: tuple[float, float] = (0.0, 19.0),
        **options: Any,
    ) -> None:
        if kind not in get_args(Kind):
            raise RequestError(f"A phantom is one of {', '.join(get_args(Kind))}, not '{kind}'.")
        if count < 1:
            raise RequestError(f"At least one phantom must be asked for, not {count}.")
        if not 0 <= ages[0] <= ages[1] <= 19:
            raise RequestError(
                f"Bones grow from 0 to 19 years here, not from {ages[0]} to {ages[1]}."
            )
        self.kind, self.options = kind, options
        golden = (np.sqrt(5) - 1) / 2
        entries = []
        for i in range(count):
            number = seed + i
            sex: Sex = "M" if number % 2 else "F"
            age = (
                float(ages[0] + (ages[1] - ages[0]) * ((number * golden) % 1))
                if self._grows
                else None
            )
            entries.append(Entry(name=f"{kind}-{number}", patient=f"{number}", age=age, sex=sex))
        self.entries = tuple(entries)

    @property
    def _grows(self) -> bool:
        return self.kind in GROWING

    def phantom(self, i: int) -> Phantom[Any]:
        """Render patient ``i`` with all that is true about the image."""
        entry = self.entries[i]
        patient = VirtualPatient(int(entry.patient), entry.sex or "F")
        view: Callable[..., Phantom[Any]] = getattr(patient, self.kind)
        return view(entry.age, **self.options) if self._grows else view(**self.options)

    def load(self, i: int) -> Sample:
        """Render patient ``i``: measures and angles become labels."""
        phantom = self.phantom(i)
        truth = phantom.truth
        return self.sample(
            i,
            phantom.image,
            age=truth.age,
            sex=truth.sex,
            labels={**truth.measures, **{f"{k}_deg": v for k, v in truth.angles.items()}},
            masks=truth.masks,
            maps=truth.maps,
        )

"""Age progression (paper 000): the same bone at every age from 0 to 19 years, rendered at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from bonestudio.checkpoints import Card, available, cards, find_card
from bonestudio.errors import CheckpointError, RequestError
from bonestudio.imaging.types import Radiograph, Sex
from bonestudio.instruments.age.domain import anatomy, judge
from bonestudio.instruments.age.film import ANATOMIES, Anatomy, Prepared, prepare
from bonestudio.instruments.domain import Domain
from bonestudio.instruments.lightbox.films import LightBox, Opened
from bonestudio.places import shipped

if TYPE_CHECKING:
    from bonestudio.checkpoints.store import Checkpoint

SYSTEM: Final = "age"
SIMULATED: Final = "SIMULATED, not a forecast"
OLDEST: Final = 19.0  # years
CLASSES: Final = ((0, 3), (4, 7), (8, 11), (12, 15), (16, 19))
"""First and last year of the five classes of paper 000."""
CLASS_MIDDLES: Final = (2.0, 6.0, 10.0, 14.0, 18.0)
AGES: Final = tuple(half / 2 for half in range(39))
"""Years that are rendered unless others are asked for; a screen blends neighbours."""
_PARTS = {"encoder", "generator"}
_FAMILIES = ("own", "rsna", "phantom")

Frames = Float[NDArray[np.float32], "n height width"]


@dataclass(frozen=True, kw_only=True)
class Progression:
    """One bone at all ages. Every image is [size, size] in [0, 1]; those in ``frames`` are simulated.

    Attributes
    ----------
    ages
        Years of each frame, rising.
    reconstruction
        What the model draws for the age that the bone has now.
    age, age_known
        That age in years; when nobody said it, the one at which the model redraws the film best.
    identity
        For each frame, how much the encoder takes it for the same bone: the correlation of its
        50 numbers with those of the film. 1 is the same, two different bones are near 0.
    seconds
        Time from the prepared film to all frames.
    detail
        Whether the frames keep the film's own detail where age changes nothing.
    """

    prepared: Prepared
    ages: NDArray[np.float64]
    frames: Frames
    reconstruction: NDArray[np.float32]
    age: float
    age_known: bool
    sex: Sex | None
    identity: NDArray[np.float64]
    domain: Domain
    model: Card
    seconds: float
    detail: bool = True

    @property
    def now(self) -> NDArray[np.float32]:
        """The bone at the age that it has: the film, or its reconstruction where detail is not kept."""
        return self.prepared.film.pixels if self.detail else self.reconstruction

    def at(self, age: float) -> Radiograph:
        """Return the bone at an age, blended from the two frames around it."""
        check_age(age)
        above = int(np.searchsorted(self.ages, age).clip(1, len(self.ages) - 1))
        step = self.ages[above] - self.ages[above - 1]
        share = np.float32(np.clip((age - self.ages[above - 1]) / step, 0, 1))
        pixels = (1 - share) * self.frames[above - 1] + share * self.frames[above]
        film = self.prepared.film
        return Radiograph(
            pixels=pixels, spacing=None, view=film.view, laterality=film.laterality, sex=self.sex
        )

    def change(self, age: float) -> NDArray[np.float32]:
        """Return what age alone changes, -1 … 1: the bone at ``age`` less the bone now."""
        return self.at(age).pixels - self.now

    def same_bone(self, age: float) -> float:
        """Return the identity at an age."""
        return float(np.interp(age, self.ages, self.identity))


class AgeProgression:
    """Make a bone younger or older. Weights are loaded when they are first needed."""

    def __init__(self) -> None:
        self._folder = shipped("assets") / SYSTEM
        self.samples = LightBox(samples=self._folder)
        """Films of virtual patients that ship."""

    def models(self, bone: Anatomy | None = None) -> tuple[Card, ...]:
        """Cards of the weights that are there: the user's own, those of real films, of phantoms.

        Among weights of one family BAPGAN comes first, its ablations after it.
        """
        found = [
            card
            for card in cards(SYSTEM)
            if set(card.parts) >= _PARTS and bone in {None, anatomy(card)} and available(card.id)
        ]

        def rank(card: Card) -> tuple[int, bool, str]:
            return _FAMILIES.index(card.family), not card.name.startswith("bapgan"), card.name

        return tuple(sorted(found, key=rank))

    def bones(self) -> tuple[Anatomy, ...]:
        """Which bones can be aged here."""
        return tuple(bone for bone in ("phalange", "femur") if self.models(bone))

    def open_sample(self, name: str) -> tuple[Opened, Anatomy]:
        """Open a film that ships, with the bone that it shows."""
        return self.samples.open_sample(name), self.sample_bone(name)

    def sample_bone(self, name: str) -> Anatomy:
        """Say which bone a film that ships shows."""
        card = json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
        bone: Anatomy = card.get("bone", "phalange")
        return bone

    def progress(
        self,
        film: Radiograph,
        bone: Anatomy = "phalange",
        *,
        sex: Sex | None = None,
        age: float | None = None,
        ages: Sequence[float] = AGES,
        model: str | None = None,
        detail: bool = True,
    ) -> Progression:
        """Show a bone at every age.

        Parameters
        ----------
        film
            A whole hand, or a picture of the phalanx or of the femur's lower end alone.
        sex, age
            What is known of the patient now; by default what the film says.
        ages
            Years to render, rising, 0 to 19.
        model
            A checkpoint such as 'age/bapgan-phalange-rsna'; by default the first of ``models``.
        detail
            Keep the film's own detail where age changes nothing
            (:func:`bonestudio.instruments.age.frames.with_detail`); False shows what the networks
            of the paper draw.
        """
        from bonestudio.instruments.age.frames import draw

        if bone not in ANATOMIES:
            raise RequestError(f"The bone is one of {', '.join(ANATOMIES)}, not {bone!r}.")
        card = self._card(bone, model)
        sex = sex or film.sex
        age = film.age if age is None and film.age is not None and film.age <= OLDEST else age
        if sex not in {"F", "M", None}:
            raise RequestError(f"Sex is 'F', 'M' or unknown, not {sex!r}.")
        if age is not None:
            check_age(age)
        years = _years(ages)
        prepared = prepare(film, bone, settings=card.settings | {"contrast": _contrast(card)})
        drawn = draw(_weights(card), prepared.film.pixels, years, sex=sex, age=age, detail=detail)
        return Progression(
            prepared=prepared,
            ages=years,
            frames=drawn.frames,
            reconstruction=drawn.reconstruction,
            age=drawn.age,
            age_known=age is not None,
            sex=sex,
            identity=drawn.identity,
            domain=judge(2 * prepared.film.pixels - 1, 2 * drawn.reconstruction - 1, card=card),
            model=card,
            seconds=drawn.seconds,
            detail=detail,
        )

    def _card(self, bone: Anatomy, model: str | None) -> Card:
        if model is None:
            known = self.models(bone)
            if not known:
                raise CheckpointError(
                    f"There are no weights that age a {bone}; 'bonestudio train' makes them, and "
                    "'bonestudio models' lists those that are there."
                )
            return known[0]
        card, _ = find_card(model if "/" in model else f"{SYSTEM}/{model}")
        if not set(card.parts) >= _PARTS:
            raise CheckpointError(
                f"{card.id} does not age bones; it lacks an encoder or generator."
            )
        if anatomy(card) != bone:
            raise RequestError(f"{card.id} ages a {anatomy(card)}; choose weights for a {bone}.")
        return card


def check_age(age: Any) -> None:
    """Refuse an age that growing bones do not have."""
    if isinstance(age, bool) or not isinstance(age, int | float | np.number):
        raise RequestError(f"An age is a number of years from 0 to {OLDEST:g}, not {age!r}.")
    if not 0 <= age <= OLDEST:
        raise RequestError(f"Bones grow from 0 to {OLDEST:g} years here; {age:g} is outside.")


def _years(ages: Sequence[float]) -> NDArray[np.float64]:
    years = np.asarray(ages, np.float64)
    if not 2 <= len(years) <= 400 or not (np.diff(years) > 0).all():
        raise RequestError("Give 2 to 400 ages to render, each above the one before.")
    check_age(float(years[0]))
    check_age(float(years[-1]))
    return years


def _contrast(card: Card) -> str:
    """How films were made ready in training: crops of real hands are stretched, phantoms are not."""
    told: Any = card.settings.get("contrast")
    return str(told or ("film" if card.family == "phantom" else "stretch"))


def _weights(card: Card) -> "Checkpoint":
    import torch

    from bonestudio.checkpoints.store import loaded

    weights = loaded(card.id)
    for network in weights.networks.values():
        # Halves the time that a CPU takes for transposed convolutions; the numbers stay.
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return weights

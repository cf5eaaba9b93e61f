"""Bone mineral density of the proximal femur from a radiograph (paper 004), with its uncertainty."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bonestudio.checkpoints import Card, available, cards, find_card
from bonestudio.errors import CheckpointError, RequestError
from bonestudio.imaging.types import Laterality, Radiograph, Sex
from bonestudio.instruments.density.domain import distance_of, judge
from bonestudio.instruments.density.film import PreparedHip, is_whole, prepare
from bonestudio.instruments.domain import Domain
from bonestudio.instruments.lightbox.films import LightBox
from bonestudio.measures.density import SITES, Score, Site, check_person, compare, find_reference
from bonestudio.measures.density_regions import (
    THRESHOLD,
    Region,
    corrected,
    equation_2,
    neck_profile,
)
from bonestudio.places import shipped

if TYPE_CHECKING:
    from bonestudio.checkpoints.store import Checkpoint

SYSTEM: Final = "density"
NOTICE: Final = "Radiograph-estimated BMD, research use. Confirm by DXA. Not for diagnosis."
_FAMILIES = ("own", "rsna", "phantom")


@dataclass(frozen=True, kw_only=True)
class Value:
    """A density in g/cm² and the interval that holds the truth of nine in ten such patients."""

    density: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What is told of one hip.

    Attributes
    ----------
    density
        [height, width] of the given film, g/cm²; 0 outside the proximal femur.
    bmd
        Mean over the proximal femur (equation 2); None where the film is out of the domain.
    sites
        Areal density of 'total_hip' and 'neck'.
    scores
        For each site how it compares with the reference population, by the rules of who is compared.
    masks
        Regions on the given film, [height, width].
    profile
        Places along the neck, in radii of the head from its centre, and the density there, g/cm².
    seconds
        From the film to all of this, weights loaded.
    """

    prepared: PreparedHip
    density: NDArray[np.float32]
    bmd: Value | None
    sites: Mapping[Site, Value]
    scores: Mapping[Site, Score]
    masks: Mapping[Region, NDArray[np.bool_]]
    profile: tuple[NDArray[np.float64], NDArray[np.float32]] | None
    domain: Domain
    age: float | None
    sex: Sex | None
    model: Card
    seconds: float

    @property
    def told(self) -> bool:
        """Whether a density is told, or the film was refused with a reason."""
        return self.bmd is not None

    def error(self, truth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Estimated less true map [height, width], g/cm²."""
        if truth.shape != self.density.shape:
            raise RequestError(
                f"The true map must be of the film's size, {self.density.shape}, not {truth.shape}."
            )
        return self.density - truth


class DensityEstimator:
    """Estimate density. Weights are loaded when they are first needed."""

    def __init__(self) -> None:
        self.samples = LightBox(samples=shipped("assets") / SYSTEM)
        """Films of virtual patients that ship."""

    def models(self) -> tuple[Card, ...]:
        """Cards of the weights that are there, the user's own first."""
        found = [c for c in cards(SYSTEM) if "generator" in c.parts and available(c.id)]
        return tuple(sorted(found, key=lambda card: (_FAMILIES.index(card.family), card.name)))

    def sample_truth(self, name: str) -> NDArray[np.float32] | None:
        """Return the true map of a shipped film, g/cm², [height, width]; None where there is none."""
        from bonestudio.instruments.density.truth import read_truth

        path = shipped("assets") / SYSTEM / f"{name}-truth.png"
        return read_truth(path) if path.is_file() else None

    def estimate(
        self,
        film: Radiograph,
        *,
        side: Laterality | None = None,
        age: float | None = None,
        sex: Sex | None = None,
        postmenopausal: bool | None = None,
        model: str | None = None,
    ) -> Estimate:
        """Estimate the density of one hip.

        Parameters
        ----------
        film
            A pelvis film from the front, or half of one; bone bright.
        side
            Whose hip: 'L' or 'R' of the patient; by default what the film says, else the half that
            looks more like a hip.
        age, sex, postmenopausal
            Of the patient; by default what the film says. They decide what may be compared.
        model
            A checkpoint such as 'density/map-bd-phantom'; by default the first of ``models``.
        """
        if side not in {"L", "R", None}:
            raise RequestError(f"A side is 'L', 'R' or unknown, not {side!r}.")
        age = film.age if age is None else age
        sex = film.sex if sex is None else sex
        check_person(age, sex)
        weights = _weights(self.card(model))
        side = side or (None if is_whole(film) else film.laterality)
        person = {"age": age, "sex": sex, "postmenopausal": postmenopausal}
        sides: tuple[Laterality, ...] = (side,) if side else ("L", "R")
        began = time.perf_counter()
        looked = [_look(weights, film, each) for each in sides]
        # The nearer to what the model knows, the likelier it is the side.
        prepared, map_, distance = min(looked, key=lambda one: one[2] or 0.0)
        domain, regions = judge(prepared.pixels, map_, distance)
        card = weights.card
        told = domain.verdict != "out" and regions is not None
        bmd: Value | None = None
        sites: dict[Site, Value] = {}
        scores: dict[Site, Score] = {}
        if told and regions is not None:
            bmd = _value(equation_2(map_, threshold=_threshold(card)), card, "bmd")
            for site in SITES:
                sites[site] = _value(float(map_[regions.masks[site]].mean()), card, site)
                scores[site] = _compared(sites[site], site, card, person)
        whole = np.where(map_ > _threshold(card), map_, np.float32(0))
        masks = {} if regions is None else regions.masks
        return Estimate(
            prepared=prepared,
            density=prepared.restored(whole, film.shape),
            bmd=bmd,
            sites=sites,
            scores=scores,
            masks={
                name: prepared.restored(mask.astype(np.float32), film.shape) > 0.5
                for name, mask in masks.items()
            },
            profile=neck_profile(map_, regions) if told and regions is not None else None,
            domain=domain,
            age=age,
            sex=sex,
            model=card,
            seconds=time.perf_counter() - began,
        )

    def card(self, model: str | None = None) -> Card:
        """Find the card of a checkpoint by id or name; without one, the first of :attr:`models`."""
        if model is None:
            known = self.models()
            if not known:
                raise CheckpointError(
                    "There are no weights that estimate density; 'bonestudio train' makes them, and "
                    "'bonestudio models' lists those that are there."
                )
            return known[0]
        card, _ = find_card(model if "/" in model else f"{SYSTEM}/{model}")
        if "generator" not in card.parts or card.system != SYSTEM:
            raise CheckpointError(f"{card.id} does not estimate density.")
        return card


def _look(
    weights: "Checkpoint", film: Radiograph, side: Laterality
) -> tuple[PreparedHip, NDArray[np.float32], float | None]:
    """Prepare one side and estimate its map."""
    import torch

    prepared = prepare(film, side, size=int(weights.card.settings["size"]))
    with torch.inference_mode():
        seen = torch.from_numpy(2 * prepared.pixels - 1)[None, None]
        map_ = weights["generator"](seen)[0, 0].numpy().clip(0)
        line = weights.card.settings.get("correction", (0.0, 1.0))
        return prepared, corrected(map_, line), distance_of(weights, seen)


def _threshold(card: Card) -> float:
    return float(card.settings.get("threshold", THRESHOLD))


def _value(density: float, card: Card, name: str) -> Value:
    half: Any = card.settings.get("interval", {}).get(name)
    interval = None if half is None else (max(0.0, density - half), density + half)
    return Value(density=density, interval=interval)


def _compared(
    value: Value,
    site: Site,
    card: Card,
    person: dict[str, Any],
) -> Score:
    return compare(
        value.density,
        site=site,
        interval=value.interval or (value.density, value.density),
        errors=card.settings.get("errors", {}).get(site, ()),
        reference=find_reference(),
        **person,
    )


def _weights(card: Card) -> "Checkpoint":
    from bonestudio.checkpoints.store import loaded

    return loaded(card.id)

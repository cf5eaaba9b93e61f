"""Has a generator copied a film that it learned from? Its nearest training film, by features.

Training films are other people's and are not shipped. What ships is a table of features of each of
them (numbers of a network that reads age and sex; no film can be drawn from them), and a ruler: how
near hands of *other real people*, which the generator has not seen, come to the training films. A
sample nearer than nearly all of these is suspicious. Whoever has the films names their folder with
``BONESTUDIO_FILMS`` and sees the nearest one itself.

A copy may be mirrored or moved by a few pixels, so every film is searched for in both mirror images
and at 25 places, those of the ruler too.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio.checkpoints import Card, Metric, Part, cards
from bonestudio.errors import BoneStudioError, CheckpointError, RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.metrics.extractors import Extractor, film_levels, find_extractor
from bonestudio.networks.neighbours import Neighbours

if TYPE_CHECKING:
    from bonestudio.cohorts import Cohort

PART: Final = "neighbours"
SIZE: Final = 128  # pixels, as the generators draw
_STEPS: Final = (-4, -2, 0, 2, 4)  # pixels of 128
# Axes that spread less than this share of the widest hold noise.
_SPREAD: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The training film nearest to a sample.

    Attributes
    ----------
    name
        Of the film, in its data set.
    distance
        In whitened features.
    nearer
        Share of real hands of other people that come nearer to a training film than this sample:
        0 is suspicious, 0.5 usual.
    films, ruler
        How many training films and how many other people's hands were compared.
    film
        The film itself, where its folder is named.
    """

    name: str
    distance: float
    nearer: float
    films: int
    ruler: int
    film: Radiograph | None = None


class SeenHands:
    """The table of one family of weights."""

    def __init__(self, card: Card) -> None:
        self.card = card

    @torch.no_grad()
    def nearest(self, film: NDArray[np.float32]) -> Nearest:
        """Search the training films for one like ``film`` [height, width] in [0, 1]."""
        from bonestudio.checkpoints.store import loaded

        table: Any = loaded(self.card.id)[PART]
        distance, number = search(table, self._extractor(), film)
        usual = table.usual
        name = str(self.card.settings["names"][number])
        return Nearest(
            name=name,
            distance=distance,
            nearer=float((usual < distance).float().mean()),
            films=len(table.known),
            ruler=len(usual),
            film=training_film(name),
        )

    def _extractor(self) -> Extractor:
        """Return the network whose features the table holds; with other weights they mean nothing."""
        name = self.card.settings["extractor"]
        here = [card for card in cards("extractors") if card.name == name]
        found = _opened(name, here[0].model_dump_json() if here else "")
        if found.hash != self.card.settings["hash"]:
            raise CheckpointError(
                f"{self.card.id} holds features of other weights of {name} than those here; "
                "'bonestudio synthesise remember' makes it anew."
            )
        return found


def seen_hands(family: str) -> SeenHands | None:
    """Return the table that belongs to weights of a family, where there is one."""
    tables = [card for card in cards("fracture") if PART in card.parts and card.family == family]
    return SeenHands(tables[0]) if tables else None


def search(table: Any, extractor: Extractor, film: NDArray[Any]) -> tuple[float, int]:
    """Distance and number of the nearest known film, over mirror images and shifts."""
    distances, numbers = table(extractor.features(list(variants(film))))
    best = int(distances.argmin())
    return float(distances[best]), int(numbers[best])


def variants(film: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    """Show a film [height, width] in [0, 1] in both mirror images at 25 places, 128 pixels wide."""
    small = film_levels(film, SIZE).astype(np.float32) / 255
    for picture, down, right in itertools.product((small, small[:, ::-1]), _STEPS, _STEPS):
        yield np.roll(picture, (down, right), (0, 1))


def remember(
    known: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]], extractor: Extractor
) -> tuple[Neighbours, NDArray[np.float32]]:
    """Make a table of the films ``known`` [height, width] in [0, 1], with a ruler from ``others``.

    Returns the table and the ruler's distances in the order of ``others``.
    """
    if len(known) < 8 or len(others) < 8:
        raise RequestError(
            f"A memory needs 8 films to remember and 8 of other people, not {len(known)} and {len(others)}."
        )
    features = extractor.features([film_levels(film, SIZE) / np.float32(255) for film in known])
    mean = features.mean(0)
    _, spread, turned = torch.linalg.svd(features - mean, full_matrices=False)
    kept = int((spread > _SPREAD * spread[0]).sum())
    axes: Tensor = turned[:kept].T / spread[:kept] * len(features) ** 0.5
    table = Neighbours(width=len(mean), axes=kept, known=len(known), usual=len(others))
    table.mean, table.axes, table.known = mean, axes, (features - mean) @ axes
    distances = np.array([search(table, extractor, film)[0] for film in others], np.float32)
    table.usual = torch.from_numpy(np.sort(distances))
    return table, distances


def memory_card(
    table: Neighbours,
    extractor: Extractor,
    names: Sequence[str],
    *,
    name: str,
    family: Any,
    trained_on: str,
    licence: str,
    citation: str | None,
    metrics: Sequence[Metric],
) -> Card:
    """Describe a table for whoever finds it beside the weights whose training films it names."""
    config = {"width": len(table.mean), "axes": table.axes.shape[1]}
    config |= {"known": len(table.known), "usual": len(table.usual)}
    return Card(
        system="fracture",
        name=name,
        summary="Features of the hands that the generators learned from, to look for copies",
        parts={PART: Part(architecture="neighbours:Neighbours", config=config)},
        settings={"extractor": extractor.name, "hash": extractor.hash, "names": list(names)},
        trained_on=trained_on,
        family=family,
        recipe="bonestudio synthesise remember",
        recipe_hash=extractor.hash,
        steps=0,
        seed=0,
        hardware="any",
        date=datetime.now(UTC).date().isoformat(),
        metrics=tuple(metrics),
        licence=licence,
        citation=citation,
        intended_use="Says how near a synthetic hand comes to a film that its generator has seen.",
        limits=(
            "Holds no film. Copies that are turned, or moved by more than 3 % of the film's width, "
            "may go unnoticed; a small distance is a reason to look, not a proof."
        ),
    )


def check_copies(
    table: Any,
    extractor: Extractor,
    known: Sequence[NDArray[Any]],
    *,
    count: int = 100,
    seed: int = 0,
) -> tuple[float, float]:
    """Disturb known films as a copying generator would, and look for them.

    Copies are moved by up to 4 of 128 pixels, half of them mirrored, softened, lighter or darker,
    and noisy. Returns the share whose original is found, and the share that comes nearer than all
    but 5 % of other people's hands do.
    """
    from scipy.ndimage import gaussian_filter, shift

    draw = np.random.default_rng(seed)
    picked = draw.choice(len(known), min(count, len(known)), replace=False)
    suspicious = float(table.usual.quantile(0.05))
    found = near = 0
    for number in picked:
        film = film_levels(known[number], SIZE).astype(np.float32) / 255
        film = gaussian_filter(
            shift(film, draw.uniform(-4, 4, 2), order=1), float(draw.uniform(0, 0.8))
        )
        film = film.clip(0, 1) ** draw.uniform(0.9, 1.1) + draw.normal(0, 0.012, film.shape)
        copy = film[:, ::-1] if draw.random() < 0.5 else film
        distance, where = search(table, extractor, copy.clip(0, 1))
        found += where == number
        near += distance < suspicious
    return found / len(picked), near / len(picked)


def training_film(name: str) -> Radiograph | None:
    """Return the film of that name from the folder that BONESTUDIO_FILMS names, if it can be had."""
    folder = os.environ.get("BONESTUDIO_FILMS")
    if not folder:
        return None
    try:
        cohort = _films(folder)
        found = [i for i, entry in enumerate(cohort.entries) if entry.name == name]
        return Radiograph(pixels=cohort.load(found[0]).image) if found else None
    except BoneStudioError:
        return None  # the check itself does not need the film


@lru_cache(maxsize=2)
def _opened(extractor: str, _card: str) -> Extractor:
    return find_extractor(extractor)


@lru_cache(maxsize=1)
def _films(folder: str) -> "Cohort":
    from bonestudio.cohorts import ImageFolder, RsnaBoneAge
    from bonestudio.errors import ImageError

    try:
        return RsnaBoneAge(Path(folder))
    except ImageError:
        return ImageFolder(Path(folder))

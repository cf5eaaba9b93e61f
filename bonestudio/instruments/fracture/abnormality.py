"""Normal or abnormal? The classifiers of papers 001 and 002 on a study of one or more views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bonestudio.checkpoints import Card, available, cards, find_card
from bonestudio.errors import CheckpointError, RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.domain import Domain, distance_from, kind_of

SYSTEM, PART = "fracture", "classifier"
READERS: Final = {"phantom": "arms-phantom"}
"""Family of a classifier → the reader that knows the films it learned from."""
KINDS: Final = ("wrist", "forearm")
FAR: Final = 1.3
"""Times the usual distance: of 200 held-out virtual arms none lies beyond 1.1, and noise, photographs
and a hip from 1.5 on."""
THRESHOLD = 0.5
_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a classifier says about a study.

    Attributes
    ----------
    views
        Calibrated P(abnormal) of each image.
    study
        Their mean, which decides (Rajpurkar et al. 2018).
    heat
        For each image a map [height, width] of 0 to 1 of what spoke for 'abnormal' (Grad-CAM);
        empty where it was not asked for.
    calibration
        One or two sentences: how far the probability can be trusted, and on which images.
    domain
        Whether these weights can be asked about these films at all; None where nothing tells it.
    card
        Of the weights.
    """

    views: tuple[float, ...]
    study: float
    heat: tuple[NDArray[np.float32], ...]
    calibration: str
    domain: Domain | None
    card: Card

    @property
    def out(self) -> bool:
        """Whether the films are none that the weights know, so that their answer means nothing."""
        return self.domain is not None and self.domain.verdict == "out"

    @property
    def abnormal(self) -> bool:
        """Whether the study is called abnormal."""
        return self.study > THRESHOLD


class AbnormalityClassifier:
    """A classifier; its weights are read once, on the first judgement.

    Parameters
    ----------
    checkpoint
        One of :func:`classifiers`; the first of them when none is named.
    """

    def __init__(self, checkpoint: str | None = None) -> None:
        self._chosen = checkpoint

    @cached_property
    def card(self) -> Card:
        """The card of the weights."""
        known = [card.id for card in classifiers()]
        if self._chosen is None and not known:
            raise CheckpointError(
                "There is no classifier of fractures; "
                "'bonestudio train fracture/densenet169-forearm-phantom' makes one."
            )
        card, _ = find_card(self._chosen or known[0])
        if PART not in card.parts:
            raise CheckpointError(f"The checkpoint {card.id} is not a classifier.")
        return card

    @cached_property
    def _network(self) -> Any:
        from bonestudio.checkpoints.store import loaded

        return loaded(self.card.id)[PART]

    def judge(
        self,
        images: Sequence[Radiograph | NDArray[Any]],
        *,
        heat: bool = True,
        are_prepared: bool = False,
    ) -> Judgement:
        """Judge a study by its views.

        Parameters
        ----------
        images
            Films, or pixels [height, width] in [0, 1], bone bright.
        heat
            Whether maps of what spoke for 'abnormal' are wanted.
        are_prepared
            Whether the films went through :func:`bonestudio.imaging.prepared.prepared` already, as
            those that a refiner draws: they are not evened out again.
        """
        if not len(images):
            raise RequestError("A study has at least one image; none was given.")
        films = [_pixels(image) for image in images]
        logits, maps = self._look(films, heat=heat, even=not are_prepared)
        views = _sigmoid(logits / float(self.card.settings.get("temperature", 1.0)))
        return Judgement(
            views=tuple(views.tolist()),
            study=float(views.mean()),
            heat=tuple(_framed(m, film.shape) for m, film in zip(maps, films, strict=False)),
            calibration=calibration_note(self.card),
            domain=None if are_prepared else domain_of(films, self.card),
            card=self.card,
        )

    def probabilities(
        self, images: Sequence[Radiograph | NDArray[Any]], *, are_prepared: bool = False
    ) -> NDArray[np.float64]:
        """Calibrated P(abnormal) of many images, each by itself: [n]."""
        films = [_pixels(image) for image in images]
        logits, _ = self._look(films, heat=False, even=not are_prepared)
        return _sigmoid(logits / float(self.card.settings.get("temperature", 1.0)))

    def _look(
        self, films: list[NDArray[np.float32]], *, heat: bool, even: bool
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """Log-odds [n] and, if asked for, square heat maps [size, size]."""
        import torch

        from bonestudio.instruments.fracture.heat import grad_cam

        settings = self.card.settings if even else {**self.card.settings, "evened": 0}
        logits: list[float] = []
        maps: list[NDArray[np.float32]] = []
        for first in range(0, len(films), _BATCH):
            seen = [seen_as(film, settings) for film in films[first : first + _BATCH]]
            batch = torch.from_numpy(np.stack(seen))[:, None]
            if heat:
                answer, hot = grad_cam(self._network, self._network.seen, batch, lambda told: told)
                maps += list(hot.numpy())
            else:
                with torch.no_grad():
                    answer = self._network(batch)
            logits += answer.double().tolist()
        return np.array(logits), maps


def classifiers() -> tuple[Card, ...]:
    """Cards of the classifiers that are here: one's own, then DenseNets, then others."""
    found = [card for card in cards(SYSTEM) if PART in card.parts and available(card.id)]

    def order(card: Card) -> tuple[bool, bool, str]:
        return card.family != "own", not card.name.startswith("densenet"), card.id

    return tuple(sorted(found, key=order))


def calibration_note(card: Card) -> str:
    """Say how far the probabilities of these weights can be trusted."""
    told = {metric.name: metric for metric in card.metrics}
    error = told.get("calibration_error")
    where = "virtual patients" if card.family == "phantom" else "images like those it learned from"
    if error is None:
        return f"These weights were never calibrated: read the probability as a rank, on {where}."
    note = (
        f"On {error.n} images it had not seen the probability was off by {error.value:.2f} on "
        f"average ({error.data})."
    )
    return note + f" Elsewhere than on {where} it may be wrong and sure of it."


def domain_of(films: Sequence[NDArray[np.float32]], card: Card) -> Domain | None:
    """Judge a study by the view that lies furthest from the arms that the weights know."""
    reader = READERS.get(card.family)
    if reader is None:
        return None
    views = [[distance_from(reader, kind, film) for kind in KINDS] for film in films]
    nearest = [min((far for far in view if far is not None), default=None) for view in views]
    worst = max((far for far in nearest if far is not None), default=None)
    if worst is None:
        return None
    known = "the virtual wrists and forearms that these weights know"
    for number, film in enumerate(films, start=1):
        kind = kind_of(film)
        if kind is not None and kind not in KINDS:
            view = f"View {number}" if len(films) > 1 else "This film"
            told = (
                f"{view} looks like a {kind}, and unlike {known}: their answer would mean nothing."
            )
            return Domain(verdict="out", reason=told, distance=worst)
    where = f"View {nearest.index(worst) + 1}" if len(films) > 1 else "This film"
    if worst > FAR:
        told = f"{where} does not look like {known}: their answer would mean nothing."
        return Domain(verdict="out", reason=told, distance=worst)
    if worst > 1:
        told = f"{where} is unlike 98 of 100 of {known}; take the answer with care."
        return Domain(verdict="doubtful", reason=told, distance=worst)
    told = f"{'These films lie' if len(films) > 1 else 'This film lies'} among {known}."
    return Domain(verdict="in-domain", reason=told, distance=worst)


def seen_as(film: NDArray[Any], settings: Mapping[str, Any]) -> NDArray[np.float32]:
    """Make [height, width] in [0, 1] what a network was trained on: [size, size] in [-1, 1]."""
    from bonestudio.imaging.prepared import prepared
    from bonestudio.metrics.extractors import film_levels

    if settings.get("evened"):  # as in training: at that size, kept in 8 bits, then made smaller
        side = int(settings["evened"])
        even = prepared(Radiograph(pixels=film), size=side)
        film = film_levels(even.pixels, side).astype(np.float32) / np.float32(255)
    levels = film_levels(film, int(settings["size"]))
    return levels.astype(np.float32) / np.float32(127.5) - np.float32(1.0)


def _pixels(image: Radiograph | NDArray[Any]) -> NDArray[np.float32]:
    pixels = np.asarray(image.pixels if isinstance(image, Radiograph) else image, np.float32)
    if pixels.ndim != 2 or not pixels.size:
        raise RequestError(f"A film has two axes, not {pixels.ndim}.")
    if not np.isfinite(pixels).all():
        raise RequestError("A film holds values that are not numbers.")
    return pixels


def _framed(square: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Undo the padding to a square: [size, size] → [height, width]."""
    from PIL import Image

    height, width = shape
    side = max(height, width)
    whole = np.asarray(Image.fromarray(square).resize((side, side), Image.Resampling.BILINEAR))
    top, left = (side - height) // 2, (side - width) // 2
    return np.ascontiguousarray(whole[top : top + height, left : left + width])


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import expit

    odds: NDArray[np.float64] = expit(logits)
    return odds

"""Renderings of virtual patients' arms given the look of archived films (CycleGAN, paper 002)."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bonestudio.checkpoints import Card, available, cards, find_card
from bonestudio.errors import CheckpointError
from bonestudio.imaging.types import Radiograph

if TYPE_CHECKING:
    from numpy.typing import NDArray

SYSTEM: Final = "fracture"
PART: Final = "refiner"
_FAMILIES: Final = ("own", "rsna", "phantom")
_BATCH: Final = 8


def refiners(*, abnormal: bool | None = None) -> list[Card]:
    """Cards of the refiners that are here, one's own first; those of one class, or all."""
    wanted = None if abnormal is None else ("abnormal" if abnormal else "normal")
    found = [
        card
        for card in cards(SYSTEM)
        if PART in card.parts
        and wanted in {None, card.settings.get("class")}
        and available(card.id)
    ]
    return sorted(found, key=lambda card: (_FAMILIES.index(card.family), card.name))


class Refiner:
    """Gives films of one class a natural look, with the weights that are there when it is first used.

    Parameters
    ----------
    checkpoint
        Id or name of a card; without one, the first refiner of the class.
    abnormal
        The class: arms with a fracture or with bone removed, or normal ones.
    """

    def __init__(self, checkpoint: str | None = None, *, abnormal: bool = True) -> None:
        self._chosen, self.abnormal = checkpoint, abnormal

    @cached_property
    def card(self) -> Card:
        """The card of the weights."""
        if self._chosen is None:
            known = refiners(abnormal=self.abnormal)
            if not known:
                word = "abnormal" if self.abnormal else "normal"
                raise CheckpointError(
                    f"There are no weights that refine {word} arms here; train some with "
                    f"'bonestudio train fracture/cyclegan-forearm-{word}-quick'."
                )
            return known[0]
        named = self._chosen if "/" in self._chosen else f"{SYSTEM}/{self._chosen}"
        card, _ = find_card(named)
        if PART not in card.parts:
            raise CheckpointError(f"The checkpoint {card.id} does not refine films.")
        return card

    @property
    def size(self) -> int:
        """Side of the films that come out, pixels."""
        return int(self.card.settings.get("size", 256))

    @cached_property
    def _network(self) -> Any:
        from bonestudio.checkpoints.store import loaded

        return loaded(self.card.id)[PART]

    def prepare(self, film: Radiograph) -> Radiograph:
        """Return what the network is shown: the film as a square of :attr:`size`, evened out."""
        from bonestudio.imaging.prepared import prepared

        told = self.card.settings
        return prepared(
            film, size=self.size, clip=float(told.get("clip", 3)), tiles=int(told.get("tiles", 8))
        )

    def prepare_mask(self, mask: "NDArray[np.bool_]") -> "NDArray[np.bool_]":
        """Move a mask [height, width] to where its film's pixels are after preparation."""
        from bonestudio.imaging.prepared import prepared_mask

        return prepared_mask(mask, size=self.size)

    def refine(
        self, films: Sequence[Radiograph], *, are_prepared: bool = False
    ) -> list[Radiograph]:
        """Redraw films; masks and landmarks of the prepared film stay true.

        Parameters
        ----------
        films
            Clean renderings of arms, of any size.
        are_prepared
            Whether they went through :meth:`prepare` already.

        Returns
        -------
        list of Radiograph
            [size, size] pixels, spacing, view, side, age and sex as of the prepared films.
        """
        import torch

        shown = list(films) if are_prepared else [self.prepare(film) for film in films]
        made: list[Radiograph] = []
        for first in range(0, len(shown), _BATCH):
            some = shown[first : first + _BATCH]
            pixels = torch.from_numpy(np.stack([film.pixels for film in some]))
            with torch.inference_mode():
                redrawn = self._network(pixels[:, None] * 2 - 1)[:, 0].add(1).div(2).clamp(0, 1)
            made += [
                film.with_pixels(image) for film, image in zip(some, redrawn.numpy(), strict=True)
            ]
        return made


def refine(films: Sequence[Radiograph], checkpoint: str | None = None) -> list[Radiograph]:
    """Redraw clean renderings of broken arms as natural films (see :class:`Refiner`)."""
    return Refiner(checkpoint).refine(films)

"""Fracture studio: hands from noise, fractures by design, classified studies, labelled sets."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bonestudio.errors import CheckpointError, RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.design import Design, Designed
from bonestudio.instruments.fracture.models import hand_model, hand_models
from bonestudio.instruments.fracture.refiner import Refiner, refiners

if TYPE_CHECKING:
    from bonestudio.checkpoints import Card
    from bonestudio.instruments.fracture.abnormality import Judgement
    from bonestudio.instruments.fracture.export import Progress
    from bonestudio.instruments.fracture.hands import Hand, HandGenerator
    from bonestudio.instruments.fracture.memory import Nearest
    from bonestudio.instruments.fracture.wanted import Wanted

NOTICE: Final = "Simulated. Research use, not for diagnosis."


@dataclass(frozen=True, kw_only=True)
class Drawn(Designed):
    """A film by design; ``refined`` where that was asked for, by the weights of ``refiner``."""

    refined: Radiograph | None = None
    refiner: "Card | None" = None

    def mask_picture(self, size: int = 268) -> bytes:
        """Draw the truth as a PNG: bones grey, the break cyan, on black."""
        from io import BytesIO

        from PIL import Image

        colours = np.zeros((*self.film.shape, 3), np.uint8)
        for bone in ("radius", "ulna"):
            colours[self.truth.masks.get(bone, np.zeros(self.film.shape, bool))] = (74, 85, 99)
        colours[self.mask] = (76, 201, 240)
        out = BytesIO()
        Image.fromarray(colours).resize((size, size)).quantize(32).save(out, "PNG")
        return out.getvalue()

    def write(self, film: Path) -> dict[str, Path]:
        """Write the film, its mask (8-bit PNG, 255 where the break is), its design, and the refined film.

        They lie beside each other: ``film.png``, ``film-mask.png``, ``film-design.json`` (what makes all of
        it again, and that it is simulated) and, if any, ``film-refined.png``.
        """
        from bonestudio.imaging import write_radiograph
        from bonestudio.imaging.files import write_bytes
        from bonestudio.imaging.pictures import encode_png

        written = {"film": film, "mask": film.with_name(f"{film.stem}-mask.png")}
        write_radiograph(self.film, film)
        mask = Radiograph(pixels=self.mask.astype(np.float32), spacing=self.film.spacing)
        write_bytes(written["mask"], encode_png(mask, bits=8))
        if self.refined is not None:
            written["refined"] = film.with_name(f"{film.stem}-refined{film.suffix}")
            write_radiograph(self.refined, written["refined"])
        note = {
            "notice": NOTICE,
            "ao": self.design.ao_code,
            "design": self.design.as_dict(),
            "refiner": self.refiner.id if self.refiner else None,
        }
        written["design_file"] = film.with_name(f"{film.stem}-design.json")
        blob = json.dumps(note, indent=2, ensure_ascii=False) + "\n"
        write_bytes(written["design_file"], blob.encode())
        return written


class FractureStudio:
    """Everything of papers 001 and 002 that a person does.

    It keeps no weights: :func:`bonestudio.checkpoints.store.loaded` does, and reads those that were
    replaced, or lie in another folder, anew.
    """

    @staticmethod
    def models() -> "list[Card]":
        """Weights that draw hands, the best first."""
        return hand_models()

    @staticmethod
    def refines() -> bool:
        """Whether arms of both classes can be refined here."""
        return bool(refiners(abnormal=True)) and bool(refiners(abnormal=False))

    def sample(
        self,
        seed: int = 0,
        count: int = 16,
        *,
        truncation: float | None = None,
        model: str | None = None,
    ) -> "list[Hand]":
        """Draw hands, one for each seed (see :meth:`fracture_hands.HandGenerator.sample`)."""
        return self._generator(model).sample(seed, count, truncation=truncation)

    @staticmethod
    def clearest(hands: "Sequence[Hand]") -> "Hand":
        """Return the hand whose joints the finder of joints is surest of; the first without a finder."""
        from bonestudio.checkpoints import available
        from bonestudio.cohorts.hand_finder import CHECKPOINT, hand_scores

        if not hands:
            raise RequestError("There is no hand to choose from.")
        if not available(CHECKPOINT):
            return hands[0]
        return hands[int(hand_scores([hand.film for hand in hands]).argmax())]

    def walk(
        self,
        first: int,
        last: int,
        *,
        frames: int = 17,
        truncation: float | None = None,
        model: str | None = None,
    ) -> list[Radiograph]:
        """Draw the way from one seed's hand to another's."""
        return self._generator(model).walk(first, last, frames=frames, truncation=truncation)

    @staticmethod
    def nearest(film: Radiograph, *, model: str | None = None) -> "Nearest":
        """Look for a hand among the films that the weights learned from."""
        from bonestudio.instruments.fracture.memory import seen_hands

        card = hand_model(model)
        seen = seen_hands(card.family)
        if seen is None:
            raise CheckpointError(
                f"Nothing says what {card.id} has seen; 'bonestudio synthesise remember' makes the table."
            )
        return seen.nearest(film.pixels)

    @staticmethod
    def design(design: Design, *, refine: bool = False) -> Drawn:
        """Take the film of a design, and refine it with the weights of its class."""
        made = design.render()
        if not refine:
            return Drawn(design=design, film=made.film, truth=made.truth)
        refiner = Refiner(abnormal=design.broken)
        clean = design.with_options(style="synthetic", size=max(64, refiner.size))
        (redrawn,) = refiner.refine([clean.render().film])
        return Drawn(
            design=design,
            film=made.film,
            truth=made.truth,
            refined=redrawn,
            refiner=refiner.card,
        )

    @staticmethod
    def classify(
        views: Sequence[Radiograph],
        *,
        model: str | None = None,
        heat: bool = True,
        are_prepared: bool = False,
    ) -> "Judgement":
        """Judge a study by its views: P(abnormal) of each, their mean, and heat maps.

        Refined films ``are_prepared``: they are not evened out a second time.
        """
        from bonestudio.instruments.fracture.abnormality import AbnormalityClassifier

        if not views:
            raise RequestError("A study has at least one film; open one first.")
        return AbnormalityClassifier(model).judge(views, heat=heat, are_prepared=are_prepared)

    @staticmethod
    def export(wanted: "Wanted", path: Path, *, workers: int = 1) -> "Iterator[Progress]":
        """Pack a labelled set into a ZIP, telling how far it is (see :mod:`fracture_export`)."""
        from bonestudio.instruments.fracture.export import export

        return export(wanted, path, workers=workers)

    @staticmethod
    def again(row: dict[str, Any]) -> tuple[bytes, bytes | None, bool]:
        """Make an image of a manifest again: its file, its mask's, and whether it is the same."""
        from bonestudio.instruments.fracture.export import regenerate

        image, mask = regenerate(row)
        return image, mask, hashlib.sha256(image).hexdigest() == row.get("sha256")

    @staticmethod
    def _generator(model: str | None) -> "HandGenerator":
        from bonestudio.instruments.fracture.hands import HandGenerator

        return HandGenerator(model)

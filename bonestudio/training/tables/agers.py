"""The four models of paper 000 as tables use them: films in, the same bones at other ages out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio.checkpoints import Card, available
from bonestudio.checkpoints.store import load
from bonestudio.networks.bapgan_codes import moved
from bonestudio.networks.bapgan_labels import age_label, class_label, class_of, sex_label

Films = NDArray[np.uint8]
MANY = {"femur": "femora", "phalange": "phalanges"}
Ages = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """A row of table 1: its name, how its checkpoints begin, the FID that the paper prints."""

    name: str
    stem: str
    paper: dict[str, float]

    def checkpoint(self, bone: str, source: str) -> str:
        """Return the id of its weights for real ('rsna') or virtual ('phantom') bones.

        Where a model was also trained for as short a time as its rivals, those weights are meant.
        """
        name = f"age/{self.stem}-{bone}-{source}"
        return f"{name}-short" if available(f"{name}-short") else name


CAAE = Ablation(name="CAAE", stem="caae", paper={"femur": 125.82, "phalange": 94.98})
BAPGAN = Ablation(name="BAPGAN", stem="bapgan", paper={"femur": 102.53, "phalange": 43.73})
ABLATIONS = (
    CAAE,
    Ablation(name="+ D_age, LS", stem="caae-age-ls", paper={"femur": 121.12, "phalange": 76.25}),
    Ablation(name="+ SA", stem="caae-sa", paper={"femur": 148.13, "phalange": 79.64}),
    BAPGAN,
)


class Ager:
    """Encoder and generator of one checkpoint, told ages as they were in training."""

    def __init__(self, checkpoint: str) -> None:
        found = load(checkpoint)
        self.card: Card = found.card
        self._encoder, self._generator = found["encoder"], found["generator"]

    @torch.no_grad()
    def draw(
        self, films: Films, ages: Ages, male: Ages, *, now: Ages | None = None, batch: int = 64
    ) -> Films:
        """Draw each bone of [n, size, size] at its age (years); ``male`` is 1, 0 or NaN (unknown).

        With the ages that the bones have ``now``, codes go along with the age, as in the studio;
        without, they stay, as in the paper.
        """
        years, sexes = torch.from_numpy(ages).float(), torch.from_numpy(male).float()
        codes = torch.cat([self._encoder(some) for some in as_seen(films).split(batch)])
        drift = self.card.settings.get("drift")
        if now is not None and drift is not None:
            own = torch.from_numpy(now).float()
            codes = moved(codes, torch.tensor(drift), now=own, to=years, male=sexes)
        told = self._label(years, sexes)
        drawn = [
            self._generator(code, label)
            for code, label in zip(codes.split(batch), told.split(batch), strict=True)
        ]
        return as_levels(torch.cat(drawn))

    def _label(self, ages: Tensor, male: Tensor) -> Tensor:
        told: dict[str, Any] = self.card.settings
        spread: dict[str, Any] = {"classes": told["classes"], "smoothing": told["smoothing"]}
        if told["continuous"]:
            label = age_label(ages, **spread)
        else:
            label = class_label(class_of(ages, classes=told["classes"]), **spread)
        return torch.cat([label, sex_label(male)], 1) if told["sexes"] else label


def trained(bone: str, source: str) -> list[tuple[Ablation, str | None]]:
    """Return the four models, each with its checkpoint, None where it is not there.

    A BAPGAN that was trained for longer comes fifth.
    """
    named = [(model, model.checkpoint(bone, source)) for model in ABLATIONS]
    if named[-1][1].endswith("-short"):
        longer = Ablation(name="BAPGAN, trained longer", stem=BAPGAN.stem, paper={})
        named.append((longer, named[-1][1].removesuffix("-short")))
    return [(model, name if available(name) else None) for model, name in named]


def as_seen(films: Films | Sequence[NDArray[np.uint8]]) -> Tensor:
    """[n, 1, size, size] in [-1, 1] from grey levels."""
    return torch.from_numpy(np.asarray(films))[:, None].float() / 127.5 - 1.0


def as_levels(images: Tensor) -> Films:
    """Grey levels [n, size, size] from [-1, 1]."""
    levels: Films = ((images[:, 0] + 1.0) * 127.5).round().clamp(0, 255).byte().numpy()
    return levels


def as_unit(films: Films) -> NDArray[np.float32]:
    """[n, size, size] in [0, 1] from grey levels."""
    return films.astype(np.float32) / np.float32(255)

"""How a network learns to read bones from films or scans, and how well it reads those held out.

Each loss is taken over the images for which its answer is known: a film of the bone-age challenge
has an age and a sex, a phantom all that its bone can show.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW

from bonestudio.cohorts import Cohort, Entry
from bonestudio.errors import TrainingError
from bonestudio.networks.extractor import BoneExtractor
from bonestudio.training.experiment import Experiment, Parts
from bonestudio.training.feeding import Images
from bonestudio.training.films import Films, known
from bonestudio.training.moment import Moment
from bonestudio.training.order import Rows
from bonestudio.training.recipes import Frozen, Source

NUMBERS = ("age", "male", "abnormal", "grade")
MEASURED = {"age", "grade"}  # the others are yes or no


class Learning(Frozen):
    """Hyperparameters of every reader."""

    width: PositiveInt = 32
    rate: PositiveFloat = 1e-3
    decay: PositiveFloat = 1e-2
    average: PositiveFloat = 0.99


class Kinds(Source):
    """Which bones are read."""

    kinds: tuple[str, ...]


OptionsT = TypeVar("OptionsT", bound=Learning)
DataT = TypeVar("DataT", bound=Kinds)


class Labelled(Films):
    """Films or scans with what is known of each: kind (a number) and NUMBERS (NaN where unknown)."""

    def __init__(self, pixels: NDArray[np.uint8], told: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__(pixels)
        self.told = {name: torch.from_numpy(values) for name, values in told.items()}

    def batch(self, rows: Rows) -> Any:
        """Return the images of these rows, and what is known of them."""
        chosen = torch.from_numpy(rows)
        told = {name: values[chosen] for name, values in self.told.items()}
        return {"image": super().batch(rows), **told}


class Reading(Experiment[OptionsT, DataT], Generic[OptionsT, DataT]):
    """Reads bones: :class:`bonestudio.networks.extractor.BoneExtractor`, on films or scans."""

    dims: ClassVar[int]
    age_unit: ClassVar[float] = 2.0
    """Years of error that weigh as much as an error of one grade."""

    @abstractmethod
    def cohorts(self, part: str) -> Sequence[Cohort]:
        """Open 'train' or 'test', a cohort for each kind."""

    @abstractmethod
    def read(self, cohort: Cohort) -> NDArray[np.uint8]:
        """Read a cohort's images: [n, ...]."""

    @abstractmethod
    def changed(self, images: Tensor, now: Moment) -> Tensor:
        """Change images in ways that change no answer."""

    def datasets(self) -> Mapping[str, Images]:
        """Open training images; the held-out ones are kept for :meth:`evaluate`."""
        self.held_out = self._join(self.cohorts("test"))
        films = self._join(self.cohorts("train"))
        self.seen = len(films)
        self.asked = [name for name in NUMBERS if films.told[name].isfinite().any()]
        return {"films": films}

    def build(self) -> Parts:
        """One network, AdamW."""
        self.config: dict[str, Any] = {"kinds": list(self.data.kinds), "width": self.options.width}
        if self.dims != 2:
            self.config["dims"] = self.dims
        self.network = BoneExtractor(**self.config)
        optimiser = AdamW(
            self.network.parameters(), self.options.rate, weight_decay=self.options.decay
        )
        return Parts(
            networks={"extractor": self.network},
            optimisers={"extractor": optimiser},
            averages={"extractor": self.options.average},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Cross-entropy of the kind, |error| of age and grade, BCE of the rest."""
        films = batch["films"]
        told = self.network(self.changed(films["image"], now))
        losses = {}
        if len(self.data.kinds) > 1:
            losses["kind"] = F.cross_entropy(told["kind"], films["kind"].long())
        for name in self.asked:
            truth = films[name]
            here = truth.isfinite()
            target = truth.nan_to_num()
            if name in MEASURED:
                error = (told[name] - target).abs() / (self.age_unit if name == "age" else 1.0)
            else:
                error = F.binary_cross_entropy_with_logits(told[name], target, reduction="none")
            losses[name] = now.mean(error, here)
        now.minimise(torch.stack([*losses.values()]).sum(), "extractor")
        now.log(**losses)

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – there is one
        """Warm up over the first 5 %, then half a cosine to 0."""
        warm = min(1.0, now.progress / 0.05 + 1e-3)
        return warm * 0.5 * (1.0 + float(np.cos(np.pi * now.progress)))

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Read what was held out: errors of age (years) and grade, shares of right answers."""
        films = self.held_out
        told: dict[str, list[Tensor]] = {}
        for rows in np.array_split(np.arange(len(films)), max(1, len(films) // 64)):
            images = films.batch(rows)["image"].to(now.device)
            for name, value in now.average("extractor")(images).items():
                told.setdefault(name, []).append(value.float().cpu())
        read = {name: torch.cat(values) for name, values in told.items()}
        scores = {}
        if len(self.data.kinds) > 1:
            scores["kind_accuracy"] = _share(read["kind"].argmax(1) == films.told["kind"])
        for name in self.asked:
            here = films.told[name].isfinite()
            if here.any():
                truth, answer = films.told[name][here], read[name][here]
                if name in MEASURED:
                    scores[f"{name}_error"] = float((answer - truth).abs().mean())
                else:
                    scores[f"{name}_accuracy"] = _share((answer > 0) == (truth > 0.5))
                if name == "grade":
                    scores["grade_accuracy"] = _share(answer.round() == truth)
        return scores

    def scores(self, now: Moment) -> dict[str, tuple[float, int, str]]:
        """Return the scores as a card tells them: value, number of images, which."""
        return {
            name: (value, self._count(name), "held out by patient")
            for name, value in self.evaluate(now).items()
        }

    def _count(self, score: str) -> int:
        """Held-out images whose answer is known."""
        return int(self.held_out.told[score.rsplit("_", 1)[0]].isfinite().sum())

    def _join(self, cohorts: Sequence[Cohort]) -> Labelled:
        if any(not len(cohort) for cohort in cohorts):
            raise TrainingError("There are too few films to hold some out; give at least ten.")
        pixels = [self.read(cohort) for cohort in cohorts]
        entries = [entry for cohort in cohorts for entry in cohort.entries]
        kind = np.repeat(np.arange(len(cohorts)), [len(p) for p in pixels]).astype(np.float32)
        return Labelled(np.concatenate(pixels), {"kind": kind, **answers(entries)})


def answers(entries: Sequence[Entry]) -> dict[str, NDArray[np.float32]]:
    """Return NUMBERS of each entry, NaN where unknown."""
    male = {"M": 1.0, "F": 0.0, None: None}
    return {
        "age": known([entry.age for entry in entries]),
        "male": known([male[entry.sex] for entry in entries]),
        "abnormal": known([entry.labels.get("abnormal") for entry in entries]),
        "grade": known([entry.labels.get("grade") for entry in entries]),
    }


def _share(right: Tensor) -> float:
    return float(right.float().mean())

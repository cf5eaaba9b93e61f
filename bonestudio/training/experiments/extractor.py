"""A network that reads bones (kind, age, sex, fracture, grade); its features serve FID.

Each loss is taken over the images for which its answer is known: a film of the bone-age challenge
has an age and a sex, a phantom all of them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW

from bonestudio.cohorts import Cohort
from bonestudio.errors import TrainingError
from bonestudio.networks.extractor import BoneExtractor
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.films import Films, known, open_cohort, read_films
from bonestudio.training.moment import Moment
from bonestudio.training.order import Rows
from bonestudio.training.recipes import Frozen, Source
from bonestudio.training.releases import family_of
from bonestudio.training.virtual import OrderedPhantoms

NUMBERS = ("age", "male", "abnormal", "grade")
LIMITS = (
    "Made to compare sets of images, not to read one: its errors of age and sex are far above a "
    "radiologist's. Films of other bones, views or machines lie outside what it has seen. Scores of "
    "another extractor are not comparable. Not for diagnosis."
)


class Options(Frozen):
    """Hyperparameters."""

    size: PositiveInt = 128
    width: PositiveInt = 32
    rate: PositiveFloat = 1e-3
    decay: PositiveFloat = 1e-2
    average: PositiveFloat = 0.99


class Bones(Source):
    """Which bones are read: ``count`` phantoms of each kind, or a folder of the first kind."""

    kinds: tuple[str, ...] = ("hand",)
    count: PositiveInt = 1000
    ages: tuple[float, float] = (1.0, 19.0)


class LabelledFilms(Films):
    """Films with what is known of each: kind (a number) and NUMBERS (NaN where unknown)."""

    def __init__(self, pixels: NDArray[np.uint8], told: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__(pixels)
        self.told = {name: torch.from_numpy(values) for name, values in told.items()}

    def batch(self, rows: Rows) -> Any:
        """Return the films of these rows, and what is known of them."""
        chosen = torch.from_numpy(rows)
        told = {name: values[chosen] for name, values in self.told.items()}
        return {"image": super().batch(rows), **told}


class Extractor(Experiment[Options, Bones]):
    """Reads bones."""

    Options = Options
    Data = Bones

    def datasets(self) -> Mapping[str, Images]:
        """Open training films; the held-out ones are kept for :meth:`evaluate`."""
        d = self.data
        kinds = d.kinds if d.source == "phantom" else d.kinds[:1]
        cohorts = [self._open(kind) for kind in kinds]
        self.held_out = self._join([cohort.split("test") for cohort in cohorts])
        films = self._join([cohort.split("train") for cohort in cohorts])
        self.seen = len(films)
        self.asked = [name for name in NUMBERS if films.told[name].isfinite().any()]
        return {"films": films}

    def build(self) -> Parts:
        """One network, AdamW."""
        self.config: dict[str, Any] = {"kinds": list(self.data.kinds), "width": self.options.width}
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
        """Cross-entropy of the kind, |error| of age (in 2 years) and grade, BCE of the rest."""
        films = batch["films"]
        told = self.network(self.varied(films["image"], now))
        losses = {}
        if len(self.data.kinds) > 1:
            losses["kind"] = F.cross_entropy(told["kind"], films["kind"].long())
        for name in self.asked:
            truth = films[name]
            here = truth.isfinite()
            target = truth.nan_to_num()
            if name in {"age", "grade"}:
                error = (told[name] - target).abs() / (2.0 if name == "age" else 1.0)
            else:
                error = F.binary_cross_entropy_with_logits(told[name], target, reduction="none")
            losses[name] = now.mean(error, here)
        now.minimise(torch.stack([*losses.values()]).sum(), "extractor")
        now.log(**losses)

    def varied(self, images: Tensor, now: Moment) -> Tensor:
        """Return the films as they might have been taken."""
        return jittered(images, now)

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – there is one
        """Warm up over the first 5 %, then half a cosine to 0."""
        warm = min(1.0, now.progress / 0.05 + 1e-3)
        return warm * 0.5 * (1.0 + float(np.cos(np.pi * now.progress)))

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Read the held-out films: error of the age in years, shares of right answers."""
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
                if name in {"age", "grade"}:
                    scores[f"{name}_error"] = float((answer - truth).abs().mean())
                else:
                    scores[f"{name}_accuracy"] = _share((answer > 0) == (truth > 0.5))
        return scores

    def release(self, now: Moment) -> Release:
        """Hand on the averaged network."""
        family, licence, citation = family_of(self.data.source)
        scores = self.evaluate(now)
        return Release(
            system="extractors",
            parts={
                "extractor": Released(
                    network=now.average("extractor"),
                    architecture="extractor:BoneExtractor",
                    config=self.config,
                )
            },
            trained_on=self._learned_from(family),
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Features for FID and its kind; a rough reading of age and sex.",
            limits=LIMITS,
            settings={"size": self.options.size, "range": [-1, 1]},
            metrics={
                name: (value, self._count(name), "held out by patient")
                for name, value in scores.items()
            },
        )

    def _learned_from(self, family: str) -> str:
        """Say what the network has seen: '840 films of hands (rsna)'."""
        told = {
            "phantom": "virtual patients",
            "rsna": "RSNA Bone Age challenge",
            "own": "own films",
        }
        return f"{self.seen} films ({', '.join(self.data.kinds)}), {told[family]}"

    def _count(self, score: str) -> int:
        """Held-out films whose answer is known."""
        return int(self.held_out.told[score.rsplit("_", 1)[0]].isfinite().sum())

    def _open(self, kind: str) -> Cohort:
        d = self.data
        if d.source == "phantom":
            return OrderedPhantoms(kind, d.count, ages=d.ages)
        return open_cohort(d.source, phantom=kind, count=d.count, ages=d.ages)

    def _join(self, cohorts: list[Cohort]) -> LabelledFilms:
        if any(not len(cohort) for cohort in cohorts):
            raise TrainingError("There are too few films to hold some out; give at least ten.")
        size = self.options.size
        pixels = [read_films(cohort, size=size) for cohort in cohorts]
        entries = [entry for cohort in cohorts for entry in cohort.entries]
        male = {"M": 1.0, "F": 0.0, None: None}
        told = {
            "kind": np.repeat(np.arange(len(cohorts)), [len(p) for p in pixels]).astype(np.float32),
            "age": known([entry.age for entry in entries]),
            "male": known([male[entry.sex] for entry in entries]),
            "abnormal": known([entry.labels.get("abnormal") for entry in entries]),
            "grade": known([entry.labels.get("grade") for entry in entries]),
        }
        return LabelledFilms(np.concatenate(pixels), told)


def jittered(images: Tensor, now: Moment) -> Tensor:
    """Other exposures, sizes, angles and sides of the same films [n, 1, height, width]."""
    draws = now.rand(len(images), 6)
    contrast = (0.7 + 0.6 * draws[:, 0]).view(-1, 1, 1, 1)
    brightness = (0.3 * (draws[:, 1] - 0.5)).view(-1, 1, 1, 1)
    angle = (draws[:, 2] - 0.5) * (30.0 / 180.0 * torch.pi)
    zoom = 0.9 + 0.2 * draws[:, 3]
    side = torch.where(draws[:, 4] < 0.5, -1.0, 1.0)
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    zero = torch.zeros_like(cos)
    rows = torch.stack([cos * side, -sin, zero, sin * side, cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(rows, list(images.shape), align_corners=False)
    moved = F.grid_sample(images + 1.0, grid, align_corners=False) - 1.0  # black comes in
    return moved * contrast + brightness


def _share(right: Tensor) -> float:
    return float(right.float().mean())

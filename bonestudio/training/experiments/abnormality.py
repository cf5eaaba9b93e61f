"""Papers 001 and 002: a study is called normal or abnormal.

DenseNet-169 as Rajpurkar et al. (2018) train it on MURA, and the residual network of the forearm
study; which of them is an option. A study's probability is the mean over its views.
"""

import copy
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from bonestudio.errors import TrainingError
from bonestudio.metrics.calibration import brier, calibration_error, temperature
from bonestudio.metrics.classification import classify
from bonestudio.networks.classifiers import DenseNet169, ResidualNet
from bonestudio.training.answers import judged, seen_maps, surprise
from bonestudio.training.arm_studies import EVENED
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.moment import Moment
from bonestudio.training.pretrained import fill_densenet
from bonestudio.training.recipes import Frozen
from bonestudio.training.releases import family_of
from bonestudio.training.schedules import Plateau
from bonestudio.training.studies import (
    UNKNOWN,
    StudySource,
    TrainingFilms,
    open_studies,
    read_studies,
)
from bonestudio.training.synthetic import read_synthetic

RARE = 20.0  # one cell in fifty of a broken arm's film is on the break
_NETWORKS: dict[str, type[nn.Module]] = {"densenet169": DenseNet169, "residual": ResidualNet}


class Options(Frozen):
    """Hyperparameters; ``width`` is DenseNet's growth (32 in paper 001) or the residual net's n (10).

    ``weighted``: each class weighs as much as the other, as Rajpurkar et al. have it. ``plateau``
    divides the rate by 10 when the validation loss has not fallen for more than ``patience`` epochs,
    and the best epoch's weights are handed on; ``cosine`` warms up and falls to 0. ``crop`` is the
    largest share of a side that is cut off, ``turn`` degrees, ``exposure`` the largest change of
    contrast. ``where`` weighs a second loss: maps inside the network are to tell where the bone is
    broken, which phantoms know; what it needs for that is not handed on.
    """

    network: Literal["densenet169", "residual"] = "densenet169"
    width: PositiveInt = 32
    size: PositiveInt = 224
    imagenet: str = ""
    rate: PositiveFloat = 1e-4
    decay: NonNegativeFloat = 0.0
    weighted: bool = True
    schedule: Literal["plateau", "constant", "cosine"] = "plateau"
    patience: NonNegativeInt = 1
    average: NonNegativeFloat = 0.0
    flips: bool = True
    turn: NonNegativeFloat = 30.0
    crop: NonNegativeFloat = 0.0
    exposure: NonNegativeFloat = 0.0
    where: NonNegativeFloat = 0.0


class Abnormality(Experiment[Options, StudySource]):
    """A classifier of studies."""

    Options = Options
    Data = StudySource

    def datasets(self) -> Mapping[str, Images]:
        """Open the training films; validation and test films wait for :meth:`evaluate`."""
        o, d = self.options, self.data
        parts = open_studies(d)
        read = {part: read_studies(c, size=o.size, evened=d.evened) for part, c in parts.items()}
        films = read["train"]
        self.own = len(films)
        if d.normal or d.abnormal:
            films = films + read_synthetic(d, size=o.size)
        if min(films.abnormal.sum(), (1 - films.abnormal).sum()) < 1:
            raise TrainingError("A classifier learns from both classes; only one is in the images.")
        if not len(read["validation"]) or not len(read["test"]):
            raise TrainingError("There are too few studies to hold some out; give at least ten.")
        self.films, self.validation, self.test = films, read["validation"], read["test"]
        return {"films": TrainingFilms(films)}

    def build(self) -> Parts:
        """One network and its Adam (0.9, 0.999)."""
        o = self.options
        dense = o.network == "densenet169"
        self.config = {"growth" if dense else "width": o.width}
        network: Any = _NETWORKS[o.network](**self.config)
        if o.imagenet and dense:
            fill_densenet(network.network, o.imagenet)
        self.network: nn.Module = network
        self.plateau = Plateau(patience=o.patience)
        self.best: dict[str, Tensor] = {}
        self.epoch = 0
        share = float(self.films.abnormal.mean())
        # Rajpurkar et al. 2018, section 3.1: each class by the share of the other.
        self.weights = (share, 1.0 - share) if o.weighted else (1.0, 1.0)
        networks = {"classifier": self.network}
        if o.where:
            networks["where"] = self.head = nn.LazyConv2d(1, 1)
            with torch.no_grad():
                self.head(seen_maps(network.eval(), torch.zeros(1, 1, o.size, o.size))[1])
        weights = [p for part in networks.values() for p in part.parameters()]
        return Parts(
            networks=networks,
            optimisers={"classifier": Adam(weights, o.rate, weight_decay=o.decay)},
            averages={"classifier": o.average} if o.average else {},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Weighted binary cross-entropy of films seen from elsewhere."""
        films, y = batch["films"]["image"], batch["films"]["abnormal"]
        films, breaks = self.changed(films, batch["films"]["breaks"].to(films.dtype), now)
        logits, maps = seen_maps(self.network, films)
        logits = logits.float().to(y.dtype)
        normal, abnormal = self.weights
        losses = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
        loss = (losses * (abnormal * y + normal * (1.0 - y))).mean()
        now.log(loss=loss, accuracy=((logits > 0) == (y > 0.5)).float().mean())
        if self.options.where:
            located = self._located(self.head(maps).float(), breaks, now)
            now.log(where=located)
            loss = loss + self.options.where * located
        now.minimise(loss, "classifier")

    def _located(self, answers: Tensor, breaks: Tensor, now: Moment) -> Tensor:
        """Cross-entropy of each cell of the maps, broken ones weighed RARE times; unknown ones rest."""
        known = (breaks >= 0).flatten(1).all(1)
        target = (F.adaptive_max_pool2d(breaks.float(), answers.shape[-2:]) > 0.3).to(answers.dtype)
        rare = torch.full((1,), RARE, device=answers.device)
        losses = F.binary_cross_entropy_with_logits(
            answers, target, reduction="none", pos_weight=rare
        )
        return now.mean(losses.mean((1, 2, 3)), known)

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – there is one
        """Follow the schedule; a plateau is looked for once an epoch, by every process alike."""
        if self.options.schedule == "constant":
            return 1.0
        if self.options.schedule == "cosine":
            warm = min(1.0, now.progress / 0.05 + 1e-3)
            return warm * 0.5 * (1.0 + float(np.cos(np.pi * now.progress)))
        if now.samples // len(self.films) > self.epoch:
            self.epoch = now.samples // len(self.films)
            self._validate()
        return self.plateau.factor

    def changed(self, films: Tensor, breaks: Tensor, now: Moment) -> tuple[Tensor, Tensor]:
        """Turn, crop, mirror and expose films [n, 1, height, width] anew; black comes in.

        Maps of breaks move alike; those that are UNKNOWN become −1.
        """
        o = self.options
        draw = now.rand(len(films), 6).to(films.dtype)
        angle = (draw[:, 0] - 0.5) * (2.0 * o.turn / 180.0 * torch.pi)
        zoom = 1.0 - o.crop * draw[:, 1]
        shift = (draw[:, 2:4] - 0.5) * 2.0 * (1.0 - zoom)[:, None]
        side = torch.where((draw[:, 4] < 0.5) & o.flips, -1.0, 1.0).to(films.dtype)
        cos, sin = zoom * angle.cos(), zoom * angle.sin()
        rows = torch.stack([cos * side, -sin, shift[:, 0], sin * side, cos, shift[:, 1]], 1)

        def moved(images: Tensor) -> Tensor:
            grid = F.affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
            return F.grid_sample(images, grid, align_corners=False)

        contrast = torch.exp((draw[:, 5] - 0.5) * 2.0 * o.exposure).view(-1, 1, 1, 1)
        told = (breaks != UNKNOWN).all(3, keepdim=True).all(2, keepdim=True)
        films = (moved(films + 1.0) * contrast - 1.0).clamp(-1.0, 1.0)
        return films, torch.where(told, moved(breaks), -torch.ones_like(breaks))

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Score the validation studies."""
        films = self.validation
        logits = judged(self.chosen(now), films)
        told = {"validation_loss": surprise(logits, films.abnormal)}
        p, y = films.by_study(1.0 / (1.0 + np.exp(-logits)))
        if y.any() and not y.all():
            scores = classify(p, y)
            told |= {
                "validation_auc": scores.auc.value,
                "validation_accuracy": scores.accuracy.value,
                "validation_kappa": scores.kappa.value,
            }
        return told

    def chosen(self, now: Moment) -> nn.Module:
        """Return the network to judge with: the best epoch's, the average, or the one of now."""
        if self.options.schedule == "plateau" and self.best:
            best = copy.deepcopy(self.network)
            best.load_state_dict(self.best)
            return best.eval()
        if self.options.average:
            return now.average("classifier")
        return self.network.eval()

    def scores(self, now: Moment) -> tuple[float, NDArray[np.float64]]:
        """Return the temperature that the validation films ask for, and the test films' log-odds."""
        network = self.chosen(now)
        warmth = temperature(judged(network, self.validation), self.validation.abnormal)
        return warmth, judged(network, self.test)

    def memory(self) -> Mapping[str, Any]:
        """Return where the plateau stands, and the best epoch's weights."""
        return {"plateau": vars(self.plateau), "epoch": self.epoch, "best": self.best}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Take back what :meth:`memory` gave."""
        self.plateau = Plateau(**memory["plateau"])
        self.epoch, self.best = memory["epoch"], memory["best"]

    def release(self, now: Moment) -> Release:
        """Hand on the classifier with its temperature, scored on the test studies."""
        if self.options.schedule == "plateau":
            self._validate()
        family, licence, citation = family_of(self.data.source)
        warmth, logits = self.scores(now)
        p = 1.0 / (1.0 + np.exp(-logits / warmth))
        studies, truth = self.test.by_study(p)
        scores = classify(studies, truth)
        held_out = "held-out studies, never trained on"
        metrics = {
            name: (getattr(scores, name).value, len(studies), held_out)
            for name in ("accuracy", "kappa", "auc", "sensitivity", "specificity")
        }
        films = (len(p), "held-out films")
        metrics["calibration_error"] = (calibration_error(p, self.test.abnormal), *films)
        metrics["brier"] = (brier(p, self.test.abnormal), *films)
        return Release(
            system="fracture",
            parts={
                "classifier": Released(
                    network=self.chosen(now),
                    architecture=f"classifiers:{type(self.network).__name__}",
                    config=self.config,
                )
            },
            trained_on=self._learned_from(),
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Research on synthetic images and on abnormality detection.",
            limits=self._limits(family),
            settings={
                "size": self.options.size,
                "evened": EVENED if self.data.evened else 0,
                "range": [-1, 1],
                "temperature": warmth,
            },
            metrics=metrics,
        )

    def _validate(self) -> None:
        """One epoch is over: look at the validation loss, keep the best weights."""
        loss = surprise(judged(self.network.eval(), self.validation), self.validation.abnormal)
        if self.plateau.see(loss):
            self.best = {k: v.detach().clone() for k, v in self.network.state_dict().items()}

    def _learned_from(self) -> str:
        d = self.data
        of = ", ".join(d.kinds) if d.source == "phantom" else ", ".join(d.regions)
        added = len(self.films) - self.own
        return f"{self.own} films ({of})" + (f" and {added} of {d.synthetic}" if added else "")

    def _limits(self, family: str) -> str:
        if family == "phantom":
            return (
                "Knows simulated breaks of radius and ulna in virtual patients and nothing else, no "
                "plates or wires: on a real radiograph its answer means little. Not for diagnosis."
            )
        return "Knows films like those it learned from. Not for diagnosis."

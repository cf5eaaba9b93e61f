"""Paper 003: the 3D classifier of the visual grade of motion, whose features give FID_vgs."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from bonestudio.cohorts import Cohort
from bonestudio.errors import TrainingError
from bonestudio.networks.visual_grader import GRADES, VisualGrader
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.experiments.scan_extractor import LIMITS, moved
from bonestudio.training.feeding import Images
from bonestudio.training.moment import Moment
from bonestudio.training.reading import Labelled, answers
from bonestudio.training.recipes import Frozen
from bonestudio.training.releases import family_of
from bonestudio.training.scans import Shape, open_scans, read_scans
from bonestudio.training.volume_gan import Stacks


class Options(Frozen):
    """Hyperparameters; the paper tells the kind of network alone."""

    depth: Literal[10, 18, 34] = 18
    width: PositiveInt = 64
    shape: Shape = (32, 288, 224)
    window: tuple[float, float] = (-400.0, 1400.0)
    rate: PositiveFloat = 1e-3
    decay: PositiveFloat = 1e-2
    average: PositiveFloat = 0.99


class VisualGrading(Experiment[Options, Stacks]):
    """Grades stacks, 1 (still) to 5, as an expert did."""

    Options = Options
    Data = Stacks

    def datasets(self) -> Mapping[str, Images]:
        """Open graded stacks of all five grades; a tenth, by patient, is held out."""
        d, o = self.data, self.options
        scans = open_scans(d.source, count=d.count, shape=o.shape, ages=d.ages)
        self.held_out = self._graded(scans.split("validation"))
        self.stacks = self._graded(scans.without("validation"))
        return {"stacks": self.stacks}

    def build(self) -> Parts:
        """One ResNet, AdamW."""
        o = self.options
        self.config: dict[str, Any] = {"depth": o.depth, "width": o.width, "dims": 3}
        self.network = VisualGrader(**self.config)
        learner = torch.optim.AdamW(self.network.parameters(), o.rate, weight_decay=o.decay)
        return Parts(
            networks={"grader": self.network},
            optimisers={"grader": learner},
            averages={"grader": o.average},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Cross-entropy of the five grades."""
        stacks = batch["stacks"]
        told = self.network(moved(stacks["image"], now))
        loss = F.cross_entropy(told["grades"], stacks["grade"].long() - 1)
        now.minimise(loss, "grader")
        now.log(grade=loss)

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – there is one
        """Warm up over the first 5 %, then half a cosine to 0."""
        warm = min(1.0, now.progress / 0.05 + 1e-3)
        return warm * 0.5 * (1.0 + float(np.cos(np.pi * now.progress)))

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Shares of held-out stacks graded right, and right within one; mean error of the grade."""
        rows = np.array_split(np.arange(len(self.held_out)), max(1, len(self.held_out) // 16))
        told: list[Tensor] = []
        for some in rows:
            images = self.held_out.batch(some)["image"].to(now.device)
            told.append(now.average("grader")(images)["grades"].float().cpu())
        truth = self.held_out.told["grade"]
        graded = torch.cat(told).argmax(1) + 1
        apart = (graded - truth).abs()
        return {
            "accuracy": float((apart == 0).float().mean()),
            "within_one": float((apart <= 1).float().mean()),
            "error": float(apart.float().mean()),
        }

    def release(self, now: Moment) -> Release:
        """Hand on the averaged network, as an extractor of features."""
        o = self.options
        family, licence, citation = family_of(self.data.source)
        whose = "virtual patients" if family == "phantom" else "own scans"
        count = len(self.held_out)
        return Release(
            system="extractors",
            parts={
                "extractor": Released(
                    network=now.average("grader"),
                    architecture="visual_grader:VisualGrader",
                    config=self.config,
                )
            },
            trained_on=f"{len(self.stacks)} graded stacks of the distal radius, {whose}",
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Features for FID_vgs on HR-pQCT stacks; the visual grade of motion.",
            limits=LIMITS,
            settings={"scan": {"shape": o.shape, "window": o.window}},
            metrics={k: (v, count, "held out by patient") for k, v in self.evaluate(now).items()},
        )

    def _graded(self, cohort: Cohort) -> Labelled:
        o, told = self.options, answers(cohort.entries)
        known = told["grade"][np.isfinite(told["grade"])]
        if len(known) < len(cohort) or not len(cohort) or not set(known) <= {*range(1, GRADES + 1)}:
            raise TrainingError(
                "A grader learns from graded scans: scans.csv needs a column 'grade' from 1 to 5."
            )
        return Labelled(read_scans(cohort, shape=o.shape, window=o.window), told)

"""Paper 004: an encoder of hip radiographs is pretrained by one task of the zoo."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.optim import AdamW

from bonestudio.networks.bmdgan import Encoder
from bonestudio.training.experiment import Parts, Release, Released
from bonestudio.training.hip_tasks import Contrast, Name, task_of
from bonestudio.training.hip_training import HipOptions, HipTraining, take_encoder
from bonestudio.training.moment import Moment
from bonestudio.training.releases import family_of

MOMENTUM = 0.999  # of the keys' encoder (MoCo)
LIMITS = "A start for further training; by itself it tells nothing. Not for diagnosis."


class Options(HipOptions):
    """Hyperparameters; the defaults are the paper's. ``task`` names one of the zoo.

    ``pretrained`` is the checkpoint of another task (P_mp,bd). ``features``, ``queue`` and
    ``temperature`` are of contrastive tasks, ``channels`` of the decoder of 'bd'.
    """

    task: Name = "bd"
    features: PositiveInt = 2048
    queue: PositiveInt = 4096
    temperature: PositiveFloat = 0.07


class DensityPretraining(HipTraining[Options]):
    """Encoder E and the head of one task."""

    Options = Options

    def build(self) -> Parts:
        """E and the task's head, one AdamW for both."""
        o = self.options
        self.E = Encoder(width=o.width)
        if o.pretrained:
            take_encoder(self.E, o.pretrained, fold=self.data.fold)
        self.task = task_of(o.task, self.E.channels, self.hips, o.model_dump())
        parameters = [*self.E.parameters(), *self.task.head.parameters()]
        learner = AdamW(parameters, o.rate, weight_decay=o.decay)
        momentum = isinstance(self.task, Contrast)
        return Parts(
            networks={"encoder": self.E, **self.task.networks, **self.task.state},
            optimisers={"encoder": learner},
            averages={"encoder": MOMENTUM, "head": MOMENTUM} if momentum else {},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Minimise the task's loss."""
        loss = self.task.loss(self.E, batch["hips"], now)
        now.minimise(loss, "encoder", clip=self.options.clip)
        now.log(loss=loss)

    def draw(self, now: Moment) -> Tensor | None:
        """Eight held-out films above what the task makes of them."""
        rows = np.linspace(0, len(self.held_out) - 1, 8).astype(int)
        hips = {k: v.to(now.device) for k, v in self.held_out.batch(rows).items()}
        pictures = self.task.shown(self.E, hips, now)
        return None if pictures is None else torch.stack([hips["film"], pictures]).clamp(-1, 1)

    def release(self, now: Moment) -> Release:  # noqa: ARG002 – nothing is averaged
        """Hand on the encoder."""
        o = self.options
        family, licence, citation = family_of(self.data.source)
        return Release(
            system="density",
            parts={
                "encoder": Released(
                    network=self.E, architecture="bmdgan:Encoder", config={"width": o.width}
                )
            },
            trained_on=f"{len(self.hips)} films of hips",
            family=family,
            licence=licence,
            citation=citation,
            intended_use="The start of training that estimates mineral from hip radiographs.",
            limits=LIMITS,
            settings={
                "task": o.task,
                "size": o.size,
                "pretrained": o.pretrained,
                "fold": [self.data.fold, self.data.folds],
            },
            precision="float32",
        )

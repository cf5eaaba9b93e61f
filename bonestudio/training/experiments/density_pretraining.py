"""Paper 004: an encoder of hip radiographs is pretrained by one task of the zoo."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.optim import AdamW

from bonestudio.networks.bmdgan import Encoder
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.experiments.density_map import take_encoder
from bonestudio.training.feeding import Images
from bonestudio.training.hip_tasks import Contrast, Name, task_of
from bonestudio.training.hips import Hips, open_hips
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen
from bonestudio.training.releases import family_of
from bonestudio.training.schedules import warm_restarts

MOMENTUM = 0.999  # of the keys' encoder (MoCo)
LIMITS = "A start for further training; by itself it tells nothing. Not for diagnosis."


class Options(Frozen):
    """Hyperparameters; the defaults are the paper's. ``task`` names one of the zoo.

    ``pretrained`` names the checkpoint of another task to go on from (P_mp,bd). ``features``,
    ``queue`` and ``temperature`` are of contrastive tasks, ``channels`` of the decoder of 'bd'.
    """

    task: Name = "bd"
    size: PositiveInt = 256
    width: PositiveFloat = 1.0
    channels: PositiveInt = 256
    pretrained: str = ""
    features: PositiveInt = 2048
    queue: PositiveInt = 4096
    temperature: PositiveFloat = 0.07
    rate: PositiveFloat = 1e-4
    decay: PositiveFloat = 1e-4
    cycle: PositiveFloat = 10.0
    clip: PositiveFloat | None = None


class DensityPretraining(Experiment[Options, Hips]):
    """Encoder E and the head of one task."""

    Options = Options
    Data = Hips

    def datasets(self) -> Mapping[str, Images]:
        """Open the patients that the target training of the same fold learns from, too."""
        d = self.data
        self.hips, _, self.held_out = open_hips(d, size=self.options.size).fold(d.fold, of=d.folds)
        return {"hips": self.hips}

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

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – there is one
        """SGDR: cosines of T₀, 2 T₀, 4 T₀ … epochs."""
        return warm_restarts(now.samples / len(self.hips), first=self.options.cycle)

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

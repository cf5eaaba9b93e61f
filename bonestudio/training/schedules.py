"""Where training stands after so many steps: pure functions, so that resuming needs no history."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bonestudio.errors import RecipeError
from bonestudio.training.recipes import Stage, Training


@dataclass(frozen=True, kw_only=True)
class Place:
    """The place of one step in the plan.

    Attributes
    ----------
    step
        Steps done before this one.
    samples
        Images shown before this one.
    stage, fade
        Stage of a progressive model, from 0, and how far it has faded in (0 to 1).
    batch
        Images of this step, over all processes.
    rate
        Factor on every learning rate.
    progress
        Share of the training that is done, 0 to 1.
    """

    step: int
    samples: int
    stage: int
    fade: float
    batch: int
    rate: float
    progress: float


class Plan:
    """Stages laid out over steps."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = tuple(stages)
        self._steps = [math.ceil(stage.samples / stage.batch) for stage in stages]
        self.steps = sum(self._steps)

    def at(self, step: int) -> Place:
        """Return the place of ``step``, counted from 0; past the end it is the last stage's end."""
        first, shown = 0, 0
        for i, (stage, steps) in enumerate(zip(self.stages, self._steps, strict=True)):
            inside = step - first
            if inside < steps or i == len(self.stages) - 1:
                seen = inside * stage.batch
                return Place(
                    step=step,
                    samples=shown + seen,
                    stage=i,
                    fade=min(1.0, seen / stage.fade) if stage.fade else 1.0,
                    batch=stage.batch,
                    rate=stage.rate,
                    progress=min(1.0, step / self.steps),
                )
            first += steps
            shown += steps * stage.batch
        raise AssertionError("a plan has at least one stage")


def plan_of(training: Training, *, images: int, processes: int) -> Plan:
    """Lay a recipe out for a data set of so many images and so many processes."""
    stages = training.stages
    if not stages:
        steps = training.steps or math.ceil((training.epochs or 0) * images / training.batch)
        stages = (Stage(samples=steps * training.batch, batch=training.batch),)
    for stage in stages:
        if stage.batch % processes:
            raise RecipeError(
                f"A batch of {stage.batch} cannot be shared by {processes} processes; "
                f"set training.batch to a multiple of {processes}."
            )
    return Plan(stages)


def hold_then_linear(progress: float, *, hold: float) -> float:
    """Constant for the first ``hold`` of the training, then in a straight line to 0."""
    return 1.0 if progress <= hold else (1.0 - progress) / (1.0 - hold)


def warm_restarts(epoch: float, *, first: float, growth: float = 2.0) -> float:
    """SGDR (Loshchilov & Hutter 2017, equation 5) with η_min = 0: cosine cycles that grow longer."""
    length = first
    while epoch >= length:
        epoch -= length
        length *= growth
    return 0.5 * (1.0 + math.cos(math.pi * epoch / length))


@dataclass
class Plateau:
    """Divide by ten when a loss has not fallen for more than ``patience`` looks at it.

    What is compared is torch's ReduceLROnPlateau's: less than 0.9999 of the best is a fall.
    """

    patience: int = 1
    best: float = math.inf
    bad: int = 0
    factor: float = 1.0

    def see(self, loss: float) -> bool:
        """Look at the loss of one epoch; return whether it is the best so far."""
        if loss < self.best * (1.0 - 1e-4):
            self.best, self.bad = loss, 0
            return True
        self.bad += 1
        if self.bad > self.patience:
            self.factor, self.bad = self.factor / 10.0, 0
        return False

"""The one loop that every experiment runs in.

A step is: fetch a batch, compute (the experiment), update averages, now and then log, draw,
evaluate and save. Where it stands follows from the step number alone, so a run that was killed
goes on as if nothing had been: see :mod:`bonestudio.training.state` for what is kept.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bonestudio.errors import TrainingError
from bonestudio.training.averages import Average
from bonestudio.training.experiment import Experiment
from bonestudio.training.feeding import Feed
from bonestudio.training.logbook import Logbook, Means, check_finite
from bonestudio.training.machine import channels_last, finite, open_machine, place_parts
from bonestudio.training.moment import Moment
from bonestudio.training.order import Order, Tickets
from bonestudio.training.parallel import agreed, gather_all, mean_values
from bonestudio.training.recipes import Recipe
from bonestudio.training.schedules import Place, plan_of
from bonestudio.training.sheets import write_sheet
from bonestudio.training.state import like_parameters, read_state, write_state
from bonestudio.training.terminal import Silence, View
from bonestudio.training.trouble import Bell, last_good, sentences


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to."""

    folder: Path
    step: int
    finished: bool
    metrics: Mapping[str, float]

    def __str__(self) -> str:
        return (
            f"{'Finished' if self.finished else 'Stopped'} at step {self.step:,} in {self.folder}"
        )


class Loop:
    """A run of one recipe in one folder."""

    def __init__(self, recipe: Recipe, experiment: Experiment[Any, Any], folder: Path) -> None:
        self.recipe, self.experiment, self.folder = recipe, experiment, folder
        self.fabric = open_machine(recipe.training)
        self.first = self.fabric.is_global_zero
        self.datasets = experiment.datasets()
        lengths = {name: len(dataset) for name, dataset in self.datasets.items()}
        if empty := [name for name, length in lengths.items() if not length]:
            raise TrainingError(f"There are no images to train on in '{empty[0]}'.")
        self.plan = plan_of(
            recipe.training,
            images=next(iter(lengths.values())),
            processes=self.fabric.world_size,
        )
        torch.manual_seed(recipe.seed)  # every process builds the same networks
        self.parts = experiment.build()
        place_parts(self.parts, recipe.training, self.fabric)
        self.averages = {
            name: Average(self.parts.networks[name], decay)
            for name, decay in self.parts.averages.items()
        }
        self._trainers = {name: self._trained_by(name) for name in self.averages}
        self.means = Means()
        self.logbooks: dict[str, Logbook] = {}
        self.step = 0
        self._last: dict[str, float] = {}

    def run(self, *, resume: bool = False, view: View | None = None) -> Outcome:
        """Train to the end of the plan, or until asked to stop."""
        if resume:
            self._restore(read_state(self.folder))
        view = view if view is not None and self.first else Silence()
        self._open_logbooks()
        feed = self.open_feed()
        began, done = time.perf_counter(), self.step
        place = self.plan.at(self.step)
        view.start(self.recipe.name, step=self.step, steps=self.plan.steps)
        try:
            with Bell() as bell, sentences(self.folder, batch=lambda: place.batch):
                while self.step < self.plan.steps:
                    place = self.plan.at(self.step)
                    self.train_step(feed.next(), place)
                    view.advance(self.step)
                    if self._due(self.recipe.run.log_every):
                        seconds = (time.perf_counter() - began) / (self.step - done)
                        wait = feed.waited / (time.perf_counter() - began)
                        self._log(view, place, seconds, wait)
                        feed.waited, began, done = 0.0, time.perf_counter(), self.step
                    self._look(view, place)
                    stopping = self._asked(bell)
                    if self._due(self.recipe.run.save_every) or stopping:
                        self.save()
                    if stopping:
                        view.say(f"Stopped as asked. {last_good(self.folder)} --resume goes on.")
                        break
        finally:
            view.stop()
            for logbook in self.logbooks.values():
                logbook.close()
        return Outcome(
            folder=self.folder,
            step=self.step,
            finished=self.step >= self.plan.steps,
            metrics=self._last,
        )

    def train_step(self, batch: Mapping[str, Any], place: Place) -> None:
        """One step of the experiment: losses, updates, averages."""
        now = self.moment(place)
        for name, optimiser in self.parts.optimisers.items():
            factor = place.rate * self.experiment.rate(name, now)
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * factor
        for network in self.parts.networks.values():
            network.train()
        with self.fabric.autocast():
            self.experiment.step(batch, now)
        for name, average in self.averages.items():
            if now.stepped & self._trainers[name]:
                average.update(self.parts.networks[name])
        self.means.add(now.logged)
        self.step += 1

    def moment(self, place: Place, *, purpose: str = "step") -> Moment:
        """Return the moment of a step, or of a drawing or evaluation after it."""
        return Moment(
            place,
            seed=self.recipe.seed,
            purpose=purpose,
            fabric=self.fabric,
            optimisers=self.parts.optimisers,
            averages={name: average.network for name, average in self.averages.items()},
        )

    def save(self) -> None:
        """Write the state of this step; refuse to overwrite a good one with a diverged one."""
        memories = gather_all(dict(self.experiment.memory()))
        if not self.first:
            return
        check_finite(self.means.read(), step=self.step, last_good=last_good(self.folder))
        if not finite(self.parts.networks.values()):
            raise TrainingError(
                f"A weight is no longer a number at step {self.step}: training has diverged. "
                f"{last_good(self.folder)} Try a smaller learning rate."
            )
        write_state(self.folder, self.step, {**self._state(), "memories": memories})

    def _due(self, every: int) -> bool:
        return bool(every) and (self.step % every == 0 or self.step == self.plan.steps)

    def _asked(self, bell: Bell) -> bool:
        """Whether to stop; several processes vote at the steps that log, to agree on the step."""
        if self.fabric.world_size == 1:
            return bell.rung
        return self._due(self.recipe.run.log_every) and agreed(bell.rung, self.fabric.device)

    def _trained_by(self, network: str) -> set[str]:
        """Optimisers that move a network: its average follows their updates."""
        own = set(map(id, self.parts.networks[network].parameters()))
        return {
            name
            for name, optimiser in self.parts.optimisers.items()
            if any(id(p) in own for group in optimiser.param_groups for p in group["params"])
        }

    def _open_logbooks(self) -> None:
        if not self.first:
            return
        for kind in ("metrics", "evaluations"):
            self.logbooks[kind] = Logbook(
                self.folder / f"{kind}.jsonl",
                resumed_at=self.step,
                tensorboard=self.recipe.run.tensorboard,
            )

    def open_feed(self) -> Feed:
        """Open the data at the step in hand."""
        seed = self.recipe.seed
        orders = {
            name: Order(len(data), seed=seed, domain=name, weights=getattr(data, "weights", None))
            for name, data in self.datasets.items()
        }
        tickets = Tickets(
            orders, self.plan, self.step, self.fabric.global_rank, self.fabric.world_size
        )
        return Feed(
            self.datasets,
            tickets,
            seed=seed,
            device=self.fabric.device,
            workers=self.recipe.training.workers,
            channels_last=channels_last(self.recipe.training, self.fabric),
        )

    def _log(self, view: View, place: Place, seconds: float, wait: float) -> None:
        values = mean_values(self.means.read(), self.fabric.device)
        check_finite(values, step=self.step, last_good=last_good(self.folder))
        self.means.clear()
        if len(self.plan.stages) > 1:
            values |= {"stage": place.stage, "fade": place.fade}
        speed = {
            "seconds": seconds,
            "images_per_second": place.batch / seconds,
            "data_wait": wait,
        }
        self._last = {**values, **speed}
        if self.first:
            self.logbooks["metrics"].write(self.step, self._last)
        view.tell(self.step, self._last)

    def _look(self, view: View, place: Place) -> None:
        """Draw a sheet and evaluate, when due; both see the averages and disturb nothing."""
        run = self.recipe.run
        if self._due(run.draw_every) and self.first:
            sheet = self._quietly(self.experiment.draw, place, "draw")
            if sheet is not None:
                write_sheet(sheet, self.folder / "samples" / f"{self.step:07d}.png")
        if self._due(run.evaluate_every) and self.first:
            scores = dict(self._quietly(self.experiment.evaluate, place, "evaluate"))
            self._last |= scores
            self.logbooks["evaluations"].write(self.step, scores)
            view.tell(self.step, scores)

    def _quietly(self, act: Any, place: Place, purpose: str) -> Any:
        for network in self.parts.networks.values():
            network.eval()
        with torch.no_grad(), self.fabric.autocast():
            return act(self.moment(place, purpose=purpose))

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "recipe": self.recipe.hash,
            "networks": {k: v.state_dict() for k, v in self.parts.networks.items()},
            "optimisers": {k: v.state_dict() for k, v in self.parts.optimisers.items()},
            "averages": {k: v.network.state_dict() for k, v in self.averages.items()},
            "updates": {k: v.updates for k, v in self.averages.items()},
            "precision": self.fabric.strategy.precision.state_dict(),
            "means": self.means.state(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.step = state["step"]
        for name, network in self.parts.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, optimiser in self.parts.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
            like_parameters(optimiser)
        for name, average in self.averages.items():
            average.network.load_state_dict(state["averages"][name])
            average.updates = state["updates"][name]
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        self.means.restore(state["means"], self.fabric.device)
        memories = state["memories"]
        self.experiment.remember(memories[self.fabric.global_rank % len(memories)])

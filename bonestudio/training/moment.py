"""A moment of a training run: where it stands, and what a step may ask of the loop."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bonestudio.training.order import key_of
from bonestudio.training.parallel import average_gradients, joint_sum
from bonestudio.training.schedules import Place


class Moment:
    """Handed to every step, drawing and evaluation.

    Random numbers are those of the *whole* batch, of which each process takes its own rows: so
    two processes together draw what one alone would have drawn. They depend on the seed and on
    the step alone; no generator has to be saved.
    """

    def __init__(
        self,
        place: Place,
        *,
        seed: int,
        purpose: str,
        fabric: Any,
        optimisers: Mapping[str, Optimizer],
        averages: Mapping[str, nn.Module],
    ) -> None:
        self.step, self.samples, self.progress = place.step, place.samples, place.progress
        self.stage, self.fade = place.stage, place.fade
        self.device: torch.device = fabric.device
        self.logged: dict[str, Tensor] = {}
        self.stepped: set[str] = set()
        self._fabric, self._optimisers, self._averages = fabric, optimisers, averages
        # Only steps are shared by processes and differ from one another: a sheet shows the same
        # latent codes each time.
        shared = purpose == "step"
        self._processes = fabric.world_size if shared else 1
        self._rank = fabric.global_rank if shared else 0
        self.batch = place.batch // self._processes
        key = key_of(seed, purpose, place.step if shared else 0)
        self._random = torch.Generator(self.device).manual_seed(key)
        # Dropout and its kind draw from torch's own generator, each process for its own images.
        torch.manual_seed(key_of(key, self._rank))

    def every(self, steps: int) -> bool:
        """Whether this is the n-th, 2n-th … step: for updates n to 1."""
        return (self.step + 1) % steps == 0

    def randn(self, count: int, *shape: int) -> Tensor:
        """Draw standard normal numbers [count, *shape], one row an image of this process."""
        return self._mine(torch.randn, count, shape)

    def rand(self, count: int, *shape: int) -> Tensor:
        """Draw numbers [count, *shape] between 0 and 1, one row an image of this process."""
        return self._mine(torch.rand, count, shape)

    def _mine(self, draw: Callable[..., Tensor], count: int, shape: tuple[int, ...]) -> Tensor:
        joint = draw(count * self._processes, *shape, generator=self._random, device=self.device)
        return joint[self._rank * count : (self._rank + 1) * count]

    def average(self, network: str) -> nn.Module:
        """Return the running average of a network, in eval mode."""
        return self._averages[network]

    def minimise(self, loss: Tensor, *optimisers: str, clip: float | None = None) -> None:
        """One update of the named optimisers down the gradient of ``loss``.

        Gradients reach the parameters of these optimisers only: a generator's update costs no
        weight gradients of its discriminator. ``clip`` bounds the norm of the joint gradient. A
        gradient penalty belongs into the same loss as its adversarial term, so that both reach
        the processes' average together.
        """
        chosen = [self._optimisers[name] for name in optimisers]
        parameters = [p for o in chosen for g in o.param_groups for p in g["params"]]
        for parameter in parameters:
            parameter.grad = None
        with self.full_precision():  # the forward pass has chosen; gradients keep its choice
            self._fabric.backward(loss, inputs=parameters)
        average_gradients(parameters)
        precision = self._fabric.strategy.precision
        scaler = getattr(precision, "scaler", None)  # fp16 alone has one
        if clip is not None:
            for optimiser in chosen:
                precision.unscale_gradients(optimiser)
            nn.utils.clip_grad_norm_(parameters, clip)
        for optimiser in chosen:
            if scaler is None:
                self._fabric.strategy.optimizer_step(optimiser)
            else:
                scaler.step(optimiser)
        if scaler is not None:
            scaler.update()  # once for all of them: they share one backward pass
        self.stepped.update(optimisers)
        torch.clear_autocast_cache()  # it holds half-precision copies of the old weights

    def mean(self, values: Tensor, known: Tensor) -> Tensor:
        """Mean of the values that are ``known``, over the images of all processes.

        Processes may know different numbers of them; weighting by the joint count keeps the
        processes' mean gradient that of the joint mean. Nothing known gives 0.
        """
        count = joint_sum(known.to(values.dtype).sum().detach())
        kept = torch.where(known, values, torch.zeros_like(values))
        return kept.sum() * self._processes / count.clamp(min=1)

    def log(self, **values: Tensor | float) -> None:
        """Log losses or other numbers; the loop averages them until the next line."""
        for name, value in values.items():
            self.logged[name] = torch.as_tensor(value, device=self.device).detach().float()

    @contextmanager
    def full_precision(self) -> Iterator[None]:
        """Compute in 32 bits inside, for what half precision spoils (gradient penalties)."""
        with torch.autocast(self.device.type, enabled=False):
            yield

"""A dry run: parameters, memory and the estimated time of a recipe, from three real steps."""

import resource
import time
from dataclasses import dataclass
from datetime import timedelta

import torch

from bonestudio.training.loop import Loop

WARM, TIMED = 1, 2


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a recipe would cost here."""

    parameters: dict[str, int]
    images: dict[str, int]
    steps: int
    batch: int
    device: str
    memory_gb: float
    images_per_second: float
    seconds: float

    def __str__(self) -> str:
        networks = ", ".join(f"{name} {count:,}" for name, count in self.parameters.items())
        images = ", ".join(f"{count:,} {name}" for name, count in self.images.items())
        took = timedelta(seconds=round(self.seconds))
        return (
            f"parameters  {networks}\n"
            f"images      {images}\n"
            f"steps       {self.steps:,}, the first of {self.batch} images\n"
            f"device      {self.device}, {self.memory_gb:.2f} GB at most\n"
            f"speed       {self.images_per_second:.3g} images/s\n"
            f"time        {took}, evaluations and drawings not counted"
        )


def rehearse(loop: Loop) -> Estimate:
    """Take a few steps of every stage, throw them away, and say what the whole would cost."""
    device = loop.fabric.device
    seconds = speed = 0.0
    first = 0
    for number, stage in enumerate(loop.plan.stages):
        per_step = _time_stage(loop, first)
        steps = -(-stage.samples // stage.batch)
        seconds += steps * per_step
        first += steps
        if number == 0:
            speed = stage.batch / per_step
    used = (
        torch.cuda.max_memory_allocated(device)
        if device.type == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    return Estimate(
        parameters={
            name: sum(p.numel() for p in network.parameters())
            for name, network in loop.parts.networks.items()
        },
        images={name: len(data) for name, data in loop.datasets.items()},
        steps=loop.plan.steps,
        batch=loop.plan.stages[0].batch,
        device=str(device),
        memory_gb=used / 1e9,
        images_per_second=speed,
        seconds=seconds,
    )


def _time_stage(loop: Loop, first: int) -> float:
    """Seconds of one step of the stage that begins at step ``first``."""
    loop.step = first
    feed = loop.open_feed()
    count = min(WARM + TIMED, loop.plan.steps - first)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        loop.train_step(feed.next(), loop.plan.at(loop.step))
        if loop.fabric.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return min(times)

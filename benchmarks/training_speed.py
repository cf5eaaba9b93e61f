"""Each experiment's step against a plain reference of itself, in one run.

The reference is the same recipe in 32 bits, contiguous, eager, its optimisers updating one
parameter after the other. Both sides take turns, so that a busy machine slows both; the figure is
the ratio of the medians.

    python benchmarks/training_speed.py [--threads 2] [--steps 7] [--batch 16]

A generator that grows is measured in its last stage, or in stage k (from 1) as ``RECIPE@k``. On a CPU that others use as well, ``--clock processor --threads 1`` counts processor seconds.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.module_tracker import ModuleTracker

from bonestudio.training.experiments import find_experiment
from bonestudio.training.loop import Loop
from bonestudio.training.recipes import Recipe, Stage, read_recipe
from bonestudio.training.releases import write_release

RECIPES = (
    "age/bapgan-phalange-rsna",
    "fracture/dcgan-hands-fast",
    "fracture/dcgan-hands-quick",
    "fracture/densenet169-forearm-phantom",
    "fracture/residual-forearm-phantom",
    "extractors/bone2d-rsna",
    "fracture/cyclegan-forearm-abnormal-quick",
    "segmentation/multicyclegan-hand-paired-quick",
    "extractors/bone3d-phantom",
    "extractors/vgs-phantom",
    "volume/progan3d-quick",
    "volume/stylegan3d-quick",
    "volume/progan3d-encoder-quick",
    "volume/stylegan3d-encoder-quick",
    "density/pretrain-bd-quick",
    "density/map-none-quick",
)
# Fewer renderings to wait for, and batches nearer to the recipe's own.
FEW = {
    "segmentation/multicyclegan-hand-paired-quick": [
        "data.count=8",
        "data.held_out=2",
        "training.batch=2",
    ],
    "fracture/cyclegan-forearm-abnormal-quick": [
        "data.count=8",
        'data.kinds=["forearm"]',
        "training.batch=2",
    ],
}
GROWN = [
    "data.count=12",
    "options.critic_steps=1",
    "options.fid=0",
]  # the generator moves every step
ON_SCANS = {  # virtual patients' scans
    "extractors/bone3d-phantom": ["data.count=24"],
    "extractors/vgs-phantom": ["data.count=24"],
    "volume/progan3d-quick": GROWN,
    "volume/stylegan3d-quick": GROWN,
    "volume/progan3d-encoder-quick": ["data.count=12", "training.batch=4"],
    "volume/stylegan3d-encoder-quick": ["data.count=12", "training.batch=4"],
}
ON_HIPS = {
    "density/pretrain-bd-quick": ["data.count=4"],
    "density/map-none-quick": ["data.count=4"],
}
FEW |= ON_SCANS | ON_HIPS
PLAIN = ["training.precision=32-true", "training.channels_last=false", "training.kernel=plain"]


class Untracked(ModuleTracker):
    """No hooks on modules: a gradient penalty's own derivative does not go with them."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Side:
    """One way of taking the steps of a recipe."""

    clock = staticmethod(time.perf_counter)

    def __init__(self, recipe: str, overrides: list[str], data: Path, batch: int) -> None:
        recipe, _, stage = recipe.partition("@")
        told = read_recipe(
            recipe,
            overrides=[f"training.batch={batch}", *overrides],
            data=None if recipe in ON_SCANS | ON_HIPS else str(data),
        )
        if told.training.stages:
            told = alone(told, int(stage or len(told.training.stages)), batch)
        experiment = find_experiment(told.experiment)(told.options, told.data)
        self.loop = Loop(told, experiment, data)
        self.loop.step = int(stage or len(self.loop.plan.stages)) - 1  # a step each before it
        self.batch = self.loop.plan.at(self.loop.step).batch
        self.feed = self.loop.open_feed()
        self.seconds: list[float] = []
        self.precision = told.training.precision

    def step(self) -> float:
        """Take a step; return its seconds, the wait for data not counted."""
        batch = self.feed.next()
        place = self.loop.plan.at(self.loop.step)
        began = self.clock()
        self.loop.train_step(batch, place)
        if self.loop.fabric.device.type == "cuda":
            torch.cuda.synchronize()
        return self.clock() - began

    def flops(self) -> float:
        """Operations of a step, forward and backward."""
        counter = FlopCounterMode(display=False)
        counter.mod_tracker = Untracked()
        with counter:
            self.step()
        return float(counter.get_total_flops())

    @property
    def speed(self) -> float:
        """Images per second."""
        return self.batch / statistics.median(self.seconds)


def alone(told: Recipe, stage: int, batch: int) -> Recipe:
    """Stretch one stage, faded in, and shorten the others to a step."""
    stages = [Stage(samples=1, batch=1) for _ in told.training.stages]
    stages[stage - 1] = Stage(samples=9999, batch=min(batch, told.training.stages[stage - 1].batch))
    return told.model_copy(update={"training": told.training.model_copy(update={"stages": stages})})


def peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of a large matrix product: what this chip reaches here."""
    size = 8192 if device.type == "cuda" else 1536
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        began = Side.clock()
        a @ b
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, Side.clock() - began)
    return 2 * size**3 / best


def films(folder: Path, count: int = 48) -> Path:
    """Write films of noise with ages and sexes: speed does not depend on what they show."""
    random = np.random.default_rng(0)
    lines = ["file,age,sex,abnormal"]
    for i in range(count):
        pixels = random.integers(0, 255, (128, 128), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{i % 19},{'FM'[i % 2]},{i // 2 % 2}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def hand_on(recipe: str, data: Path) -> None:
    """Write an untrained generator and critic, for the encoders to invert."""
    side = Side(recipe, FEW[recipe], data, 4)
    now = side.loop.moment(side.loop.plan.at(0), purpose="release")
    write_release(side.loop.experiment.release(now), side.loop.recipe, steps=0, folder=data)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--threads", type=int, default=os.cpu_count())
    options.add_argument("--steps", type=int, default=7, help="timed steps of each side")
    options.add_argument("--batch", type=int, default=16)
    options.add_argument("--out", type=Path, default=Path("artefacts/training_speed.md"))
    options.add_argument("--clock", choices=["wall", "processor"], default="wall")
    options.add_argument("--recipes", nargs="+", default=RECIPES)
    chosen = options.parse_args()
    if chosen.clock == "processor":
        Side.clock = staticmethod(time.process_time)
    torch.set_num_threads(chosen.threads)
    table = [
        f"| recipe | device ({chosen.clock} seconds) | plain images/s | bonestudio images/s | ratio | share of peak |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BONESTUDIO_CACHE"] = f"{folder}/cache"
        data = Path(folder, "films")
        data.mkdir()
        films(data)
        os.environ["BONESTUDIO_CHECKPOINTS"] = f"{data}/checkpoints"
        for recipe in chosen.recipes:
            if "-encoder-" in recipe:
                hand_on(recipe.replace("-encoder", ""), data)
            few = FEW.get(recipe.partition("@")[0], [])
            plain = Side(recipe, [*few, *PLAIN], data, chosen.batch)
            ours = Side(recipe, few, data, chosen.batch)
            flops = ours.flops()
            plain.step()
            for _ in range(chosen.steps):
                for side in (plain, ours):
                    side.seconds.append(side.step())
            device = ours.loop.fabric.device
            dtype = torch.bfloat16 if ours.precision == "bf16-mixed" else torch.float32
            share = flops / statistics.median(ours.seconds) / peak(device, dtype)
            row = f"| {recipe} | {device}, {chosen.threads} threads | {plain.speed:.1f} | {ours.speed:.1f} "
            table.append(row + f"| {ours.speed / plain.speed:.2f} | {share:.0%} |")
            print(table[-1], flush=True)
    print("\n".join(["", *table]))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Run by test_parallel.py, alone and by torchrun: the first steps of every experiment.

``python training_pair.py FOLDER``: writes what this run computed into FOLDER/<case>-<processes>.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from training_toy import ExactToy, toy_recipe

from bonestudio.training import train
from bonestudio.training.experiments import find_experiment
from bonestudio.training.loop import Loop
from bonestudio.training.recipes import Recipe, read_recipe
from bonestudio.training.releases import write_release
from bonestudio.training.terminal import Silence

SMALL = {
    "dcgan-paper": (
        "fracture/dcgan-hands-paper",
        [
            "options.size=32",
            "options.generator_width=8",
            "options.discriminator_width=8",
            "training.epochs=9",
            "training.batch=8",
        ],
    ),
    "dcgan-fast": (
        "fracture/dcgan-hands-fast",
        [
            "options.size=32",
            "options.generator_width=8",
            "options.discriminator_width=8",
            "options.r1_every=1",
            "training.batch=8",
            "training.precision=32-true",
        ],
    ),
    "caae": (
        "age/caae-phalange",
        [
            "options.size=32",
            "options.encoder_width=4",
            "options.generator_width=4",
            "options.discriminator_width=4",
            "options.discriminator_dense=8",
            "training.batch=8",
            "training.precision=32-true",
        ],
    ),
    "bapgan-quick": (
        "age/bapgan-phalange-rsna",
        [
            "options.size=32",
            "options.encoder_width=4",
            "options.generator_width=4",
            "options.discriminator_width=4",
            "options.discriminator_dense=8",
            "training.batch=8",
            "training.precision=32-true",
        ],
    ),
    "extractor": (
        "extractors/bone2d-rsna",
        [
            'data.kinds=["hand", "other"]',
            "options.size=32",
            "options.width=4",
            "training.batch=8",
            "training.precision=32-true",
        ],
    ),
    "cyclegan": (
        "fracture/cyclegan-forearm-abnormal-quick",
        [
            'data.kinds=["forearm"]',
            "data.count=4",
            "options.size=32",
            "options.crop=24",
            "options.enlarge=4",
            "options.width=4",
            "options.blocks=1",
            "options.dropout=0.0",
            "options.discriminator_width=4",
            "options.history=16",  # two a place: full before the steps end
            "training.batch=8",
            "training.precision=32-true",
        ],
    ),
    "acgan": (
        "fracture/acgan-hands",
        [
            "options.size=32",
            "options.generator_width=8",
            "options.discriminator_width=8",
            "options.r1_every=1",
            "training.batch=8",
            "training.precision=32-true",
        ],
    ),
    "residual": (
        "fracture/residual-forearm-paper",
        [
            "data.evened=false",
            "options.size=64",
            "options.width=4",
            "options.schedule=plateau",
            "options.patience=0",
            "training.batch=12",
        ],
    ),
    "densenet": (
        "fracture/densenet169-hands-paper",
        ["options.size=32", "options.width=2", "training.batch=12"],
    ),
    "unet": (
        "segmentation/unet-arm-phantom",
        [
            "data.hands=0",
            "data.forearms=0",
            "data.wrists=8",
            "data.held_out=2",
            "options.size=64",
            "options.crop=48",
            "options.channels=[4, 4, 4]",
            "training.batch=8",
        ],
    ),
    "wrist-points": (
        "segmentation/wrist-points-phantom",
        [
            "data.count=6",
            "data.held_out=2",
            "options.size=32",
            "options.channels=[4, 4, 4]",
            "training.batch=8",
        ],
    ),
    "multicyclegan": (
        "segmentation/multicyclegan-hand-paired-quick",
        [
            'data.kind="wrist"',
            "data.count=8",
            "data.held_out=2",
            "options.size=64",
            "options.width=2",
            "options.blocks=1",
            "options.dropout=0.0",
            "options.discriminator_width=2",
            "training.batch=8",
        ],
    ),
    "scan-extractor": (
        "extractors/bone3d-phantom",
        [
            "data.count=20",
            "options.shape=[8, 40, 40]",
            "options.width=4",
            "training.batch=12",
            "training.precision=32-true",
        ],
    ),
}
GROWN = [  # the second stage fades in while the shared steps are taken
    "data.count=20",
    "options.width=1",
    "options.critic_width=1",
    "options.stages=2",
    "options.base=[1, 4, 3]",
    "options.critic_steps=2",
    "options.average=0.9",
    "training.stages=[{ samples = 8, batch = 8 }, { samples = 64, fade = 32, batch = 4 }]",
    "training.precision=32-true",
]
INVERTING = ["data.count=20", "training.batch=8", "training.precision=32-true"]
# These learn from virtual patients' scans, the others from films.
ON_SCANS = {
    "progan3d": ("volume/progan3d-paper", GROWN),
    "stylegan3d": ("volume/stylegan3d-paper", [*GROWN, "options.codes=16"]),
    "progan3d-encoder": ("volume/progan3d-encoder-paper", INVERTING),
    "visual-grader": (
        "extractors/vgs-phantom",
        [
            "data.count=20",
            "options.shape=[8, 40, 40]",
            "options.width=2",
            "training.batch=16",
            "training.precision=32-true",
        ],
    ),
    "stylegan3d-encoder": ("volume/stylegan3d-encoder-paper", INVERTING),
}
SMALL |= ON_SCANS
HIPS = [
    "data.count=4",
    "data.poses=1",
    "training.epochs=20",
    "data.exposures=3",
    "options.size=64",
    "options.width=0.0625",
    "training.batch=4",
    "training.precision=32-true",
]
ON_HIPS = {
    "density-map": ("density/map-none-quick", [*HIPS, "options.channels=8"]),
    "density-contrast": ("density/pretrain-pac-quick", [*HIPS, "options.queue=10"]),
    "density-info": ("density/pretrain-pi-quick", HIPS),
}
SMALL |= ON_HIPS
VIRTUAL = ("unet", "wrist-points", *ON_HIPS)  # their truth is known of phantoms alone
SMALL["bone-age"] = ("extractors/phalange-rsna", SMALL["extractor"][1])
CASES = (*SMALL, "toy")
STEPS = 4


def films(folder: Path) -> Path:
    """Write pictures of noise with a bright square, each elsewhere."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(19):
        pixels = random.integers(0, 80, (40, 40), dtype=np.uint8)
        pixels[i : i + 12, 30 - i : 40 - i] = 220
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    # Some have no age and some no sex, so the processes know different numbers of answers.
    table = [
        f"{i:02d}.png,{'' if i % 5 == 0 else i / 2},{'' if i % 3 == 0 else 'FM'[i % 2]},{i % 2},{i % 5}"
        for i in range(19)
    ]
    (folder / "labels.csv").write_text("\n".join(["file,age,sex,abnormal,grade", *table]) + "\n")
    return folder


def open_case(case: str, folder: Path) -> Loop:
    if case == "toy":
        # Two stages, the second fading in; the shared steps cross from one into the other.
        recipe = toy_recipe(
            training__stages=[
                {"samples": 8, "batch": 8},
                {"samples": 64, "fade": 32, "batch": 4, "rate": 0.85},
            ]
        )
        return Loop(recipe, ExactToy(recipe.options, recipe.data), folder)
    name, overrides = SMALL[case]
    recipe: Recipe = read_recipe(name, overrides=overrides, data=_data(case, folder))
    experiment: Any = find_experiment(recipe.experiment)
    return Loop(recipe, experiment(recipe.options, recipe.data), folder)


def _data(case: str, folder: Path) -> str:
    return "phantom" if case in {*ON_SCANS, *VIRTUAL, "scan-extractor"} else str(folder / "films")


def hand_on(loop: Loop, folder: Path) -> None:
    """Write the checkpoint of a run that has not begun: what encoders invert."""
    release = loop.experiment.release(loop.moment(loop.plan.at(0), purpose="release"))
    write_release(release, loop.recipe, steps=0, folder=folder)


def first_steps(loop: Loop, steps: int = STEPS) -> dict[str, Tensor]:
    """Gradients, weights, buffers and averages after each of the first steps."""
    feed = loop.open_feed()
    found: dict[str, Tensor] = {}
    for step in range(steps):
        loop.train_step(exact(feed.next()), loop.plan.at(loop.step))
        for name, network in loop.parts.networks.items():
            for key, parameter in network.named_parameters():
                if parameter.grad is not None:
                    found[f"{step}/gradient/{name}/{key}"] = parameter.grad.clone()
            for key, buffer in network.named_buffers():
                found[f"{step}/buffer/{name}/{key}"] = buffer.clone()
        for name, average in loop.averages.items():
            for key, value in average.network.state_dict().items():
                found[f"{step}/average/{name}/{key}"] = value.clone()
    return {key: value.contiguous() for key, value in found.items()}


def exact(batch: Any) -> Any:
    if isinstance(batch, dict):
        return {key: exact(value) for key, value in batch.items()}
    return batch.to(torch.get_default_dtype()) if batch.is_floating_point() else batch


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    # In 64 bits, so that a wrong term cannot hide behind rounding; one step in 32 as people train.
    # First in 32: phantoms are rendered in 32 bits, and kept.
    for bits, dtype, steps in ((32, torch.float32, 1), (64, torch.float64, STEPS)):
        torch.set_default_dtype(dtype)
        for case in CASES:
            loop = open_case(case, folder)
            if bits == 32 and case in {"progan3d", "stylegan3d"} and loop.fabric.world_size == 1:
                hand_on(loop, folder)
            found = first_steps(loop, steps)
            # Every process writes what it has: they must agree with one another, too.
            rank, together = loop.fabric.global_rank, loop.fabric.world_size
            name = case if bits == 64 else f"{case}-single"
            save_file(found, folder / f"{name}-{rank}of{together}.safetensors")
    torch.set_default_dtype(torch.float32)
    name, overrides = SMALL["dcgan-fast"]
    train(
        name,
        data=str(folder / "films"),
        overrides=[*overrides, "training.steps=4", "run.log_every=2"],
        out=folder / f"runs-{together}",
        view=Silence(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Tiny weights for tests of the fracture studio: a generator of hands, its memory, two refiners."""

from pathlib import Path

import numpy as np
import torch

from bonestudio.checkpoints import Card, Part, save
from bonestudio.networks.cyclegan import Generator as Redrawer
from bonestudio.networks.dcgan import Generator

TOLD = {
    "summary": "for a test",
    "trained_on": "noise",
    "recipe": "none",
    "recipe_hash": "0",
    "steps": 0,
    "seed": 0,
    "hardware": "none",
    "date": "2026-01-01",
    "licence": "Apache-2.0",
    "intended_use": "Tests.",
    "limits": "Draws nothing.",
    "system": "fracture",
}


def write_generator(folder: Path, *, name: str = "dcgan-hands-test", family="own", seed=0) -> None:
    torch.manual_seed(seed)
    config = {"size": 32, "width": 4}
    network = Generator(**config).eval()
    with torch.no_grad():  # fresh weights draw flat grey
        for parameter in network.parameters():
            parameter.mul_(4)
    card = Card(
        name=name, family=family, settings={"latent": 100, "size": 32, "range": [-1, 1]},
        parts={"generator": Part(architecture="dcgan:Generator", config=config)}, **TOLD,
    )  # fmt: skip
    save(card, {"generator": network}, folder)


def write_refiners(folder: Path, *, seed=0) -> None:
    config = {"width": 2, "blocks": 1}
    for number, word in enumerate(("normal", "abnormal")):
        torch.manual_seed(seed + number)
        card = Card(
            name=f"cyclegan-forearm-{word}-test", family="own", **TOLD,
            settings={"size": 64, "clip": 3.0, "tiles": 8, "range": [-1, 1], "class": word},
            parts={"refiner": Part(architecture="cyclegan:Generator", config=config)},
        )  # fmt: skip
        save(card, {"refiner": Redrawer(**config)}, folder)


def write_memory(folder: Path, films: list, others: list, *, family="own") -> None:
    from bonestudio.instruments.fracture.memory import memory_card, remember
    from bonestudio.metrics.extractors import find_extractor

    extractor = find_extractor("bone2d-phantom")
    table, _ = remember(films, others, extractor)
    names = [f"film{i}" for i in range(len(films))]
    card = memory_card(
        table, extractor, names, name="hands-seen-test", family=family,
        licence="Apache-2.0", citation=None, trained_on="virtual hands", metrics=(),
    )  # fmt: skip
    save(card, {"neighbours": table}, folder, precision="float32")


def flat(film) -> np.ndarray:
    return np.asarray(film.pixels)


def write_classifier(folder: Path) -> None:
    from bonestudio.networks.classifiers import ResidualNet

    torch.manual_seed(0)
    card = Card(
        name="residual-test", family="own", settings={"size": 64, "range": [-1, 1]},
        parts={"classifier": Part(architecture="classifiers:ResidualNet", config={"width": 4})},
        **TOLD,
    )  # fmt: skip
    save(card, {"classifier": ResidualNet(width=4).eval()}, folder)

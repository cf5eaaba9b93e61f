"""Generators that have held hands out are judged on these, and on no others."""

import numpy as np
import pytest
import torch
from PIL import Image

from bonestudio.checkpoints import Card, Part, save
from bonestudio.cohorts import ImageFolder
from bonestudio.networks.dcgan import Generator
from bonestudio.training.tables.hands import hands_table
from bonestudio.training.tables.pictures import generate, has_held_out, open_pictures


def card_of(name: str, config: dict, settings: dict) -> Card:
    return Card(
        system="fracture",
        name=name,
        summary="s",
        parts={"generator": Part(architecture="dcgan:Generator", config=config)},
        settings=settings,
        trained_on="noise",
        family="own",
        recipe="r",
        recipe_hash="h",
        steps=1,
        seed=0,
        hardware="CPU",
        date="2026-01-01",
        licence="own",
        intended_use="tests",
        limits="all",
    )


@pytest.fixture
def hands(tmp_path, monkeypatch):
    """Forty films of noise, and two generators: one has held a fifth out, one draws classes."""
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path / "weights"))
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    folder = tmp_path / "films"
    folder.mkdir()
    for i in range(40):
        Image.fromarray(random.integers(0, 255, (32, 32), np.uint8)).save(folder / f"{i}.png")
    torch.manual_seed(0)
    for name, classes, settings in (
        ("apart", 0, {"held_out": "test"}),
        ("all", 0, {}),
        ("classes", 2, {"held_out": None}),
    ):
        config = {"size": 32, "width": 4, "classes": classes}
        save(
            card_of(name, config, settings),
            {"generator": Generator(**config)},
            tmp_path / "weights",
        )
    return folder


def test_held_out_hands_judge_a_generator_that_has_not_seen_them(hands):
    options = {"real": str(hands), "extractor": "bone2d-rsna", "count": 40, "seed": 0}
    apart = hands_table(synthetic="fracture/apart", **options)
    names = [row[0] for row in apart.rows]
    assert names[0] == "films, held out | fracture/apart"
    assert names[2] == "films, held out | films, learned from"
    assert [row[1:3] for row in apart.rows[:3]] == [[8, 40], [4, 4], [8, 8]]
    whole = hands_table(synthetic="fracture/all", **options)
    assert [row[:3] for row in whole.rows[:1]] == [["films | fracture/all", 40, 40]]


def test_held_out_and_learned_from_are_the_recipes_parts(hands):
    cohort = ImageFolder(hands)
    for part, expected in (
        ("held out", cohort.split("test")),
        ("learned from", cohort.without("test")),
    ):
        found = open_pictures(str(hands), kind="hand", count=40, seed=0, part=part)
        assert len(found) == len(expected)
        seen = {film.tobytes() for film in found.films}
        assert seen == {sample.image.tobytes() for sample in expected}


def test_a_generator_of_classes_is_asked_for_normal_hands(hands):
    assert not has_held_out("fracture/classes")
    films = generate("fracture/classes", count=70, seed=0)
    assert (len(films), films[0].shape) == (70, (32, 32))

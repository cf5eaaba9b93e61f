"""What tests of several rooms share: weights that age a bone, made here because real ones take hours."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def age_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints: tiny networks, untrained but for an output that differs by age.

    The films that they 'know' are those which a grey square is within 0.4 of, root mean square.
    """
    import torch

    from bonestudio.checkpoints import Card, Part, save
    from bonestudio.networks.bapgan import Encoder, Generator

    folder = tmp_path_factory.mktemp("age-weights")
    for bone in ("phalange", "femur"):
        torch.manual_seed(len(bone))
        parts = {
            "encoder": Encoder(width=4),
            "generator": Generator(width=4, sexes=True),
        }
        with torch.no_grad():
            parts["generator"].image.weight.mul_(6)
        save(
            Card(
                system="age",
                name=f"bapgan-{bone}-phantom",
                summary="for tests",
                parts={
                    "encoder": Part(architecture="bapgan:Encoder", config={"width": 4}),
                    "generator": Part(
                        architecture="bapgan:Generator", config={"width": 4, "sexes": True}
                    ),
                },
                settings={
                    "bone": bone,
                    "size": 128,
                    "contrast": "film",
                    "classes": 5,
                    "smoothing": 0.2,
                    "error_quantiles": {"0.99": 0.4},
                },
                trained_on="nothing",
                family="own",  # so that they come before what ships
                recipe="test",
                recipe_hash="0",
                steps=0,
                seed=0,
                hardware="test",
                date="2026-01-01",
                licence="free",
                intended_use="tests",
                limits="draws no bones",
            ),
            parts,
            folder,
        )
    return folder


@pytest.fixture(scope="session")
def volume_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints: a small 3D-StyleGAN that draws a tube of bone, and a 3D-ProGAN."""
    from volume_weights import write_volume_weights

    return write_volume_weights(tmp_path_factory.mktemp("volume-weights"))

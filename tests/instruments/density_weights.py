"""Weights of a density model for tests: their card, and real ones though nothing was learned."""

import torch

from bonestudio.checkpoints import Card, Part
from bonestudio.checkpoints.store import save
from bonestudio.networks.bmdgan import Generator
from bonestudio.networks.familiar import Familiarity

SIZE = 256


def card(**settings):
    return Card(
        system="density", name="known", summary="a model that knows the truth",
        parts={"generator": Part(architecture="bmdgan:Generator")}, trained_on="nothing", family="phantom",
        recipe="none", recipe_hash="0", steps=0, seed=0, hardware="none", date="2026-11-21",
        licence="Apache-2.0", intended_use="tests", limits="all",
        settings={
            "size": SIZE, "threshold": 0.1, "distances": {"0.98": 1.0},
            "interval": {"bmd": 0.08, "total_hip": 0.07, "neck": 0.1},
            "errors": {"total_hip": [-0.1, 0.0, 0.1], "neck": [0.0]}, **settings,
        },
    )  # fmt: skip


def write_untrained(folder):
    """Write what a user's own run leaves; return its id."""
    torch.manual_seed(0)
    config = {"width": 0.0625, "channels": 8}
    network = Generator(**config)
    known = {"kinds": 1, "features": network.encoder.described_by}
    parts = {
        "generator": Part(architecture="bmdgan:Generator", config=config),
        "familiar": Part(architecture="familiar:Familiarity", config=known),
    }
    own = card(size=64).model_copy(update={"parts": parts, "name": "own"})
    save(own, {"generator": network, "familiar": Familiarity(**known)}, folder)
    return own.id

"""Small generators of volumes for tests, written by hand where a bone must come out of them."""

from pathlib import Path

import numpy as np
import torch

from bonestudio.checkpoints import Card, Part, save
from bonestudio.networks import progan3d, stylegan3d
from bonestudio.networks.volume_atlas import VolumeAtlas

SHAPE, SPACING = (8, 72, 56), 0.4856
BONE, PLAIN = "stylegan3d-bone", "progan3d-plain"
ATTRIBUTES = ("Tb.BMD", "Ct.BMD", "Tt.Ar")


def write_volume_weights(folder: Path) -> Path:
    """Write a 3D-StyleGAN that draws a tube of bone (with encoder and atlas), and a random 3D-ProGAN."""
    torch.manual_seed(0)
    config = {"width": 1, "stages": 2, "base": [2, 18, 14]}
    style = {**config, "codes": 16}
    bone = stylegan3d.Generator(**style)
    _draw_a_tube(bone)
    parts = {"generator": bone, "critic": progan3d.Critic(width=1, stages=2)}
    weights = sorted(
        _saved(
            BONE,
            parts,
            ["stylegan3d:Generator", "progan3d:Critic"],
            [style, {"width": 1, "stages": 2}],
            folder,
            SETTINGS,
        ).files.values()
    )
    told = {"generator": f"volume/{BONE}", "weights": weights}
    _saved(
        f"{BONE}-encoder",
        {"encoder": _near_the_mean(bone, style)},
        ["stylegan3d:Encoder"],
        [style],
        folder,
        told,
    )
    atlas = VolumeAtlas(attributes=3, codes=16, references=0, features=0)
    with torch.no_grad():
        # One step of a deviation along an attribute's slopes is a change of its style by hand.
        atlas.slopes.copy_(_slopes(bone))
        atlas.middle.copy_(bone.mean_code()[0])
    known = {**told, "attributes": list(ATTRIBUTES), "extractor": "none", "extractor_hash": "none"}
    _saved(
        f"{BONE}-atlas",
        {"atlas": atlas},
        ["volume_atlas:VolumeAtlas"],
        [{"attributes": 3, "codes": 16, "references": 0, "features": 0}],
        folder,
        known,
    )
    plain = {
        "generator": progan3d.Generator(**config),
        "critic": progan3d.Critic(width=1, stages=2),
    }
    _saved(
        PLAIN,
        plain,
        ["progan3d:Generator", "progan3d:Critic"],
        [config, {"width": 1, "stages": 2}],
        folder,
        SETTINGS,
    )
    return folder


SETTINGS = {"window": [-400.0, 1400.0], "shape": list(SHAPE), "spacing_mm": SPACING, "stage": 1}


def _draw_a_tube(G: stylegan3d.Generator) -> None:
    """Channel 0: a ring of cortex; 1: sponge within; 2: everywhere. Styles weigh one against another."""
    _, y, x = np.indices(G.constant.shape[2:], dtype=float)
    radius = np.hypot((y - 8.4) / 1.2, x - 6.5)
    speckle = np.random.default_rng(0).random(radius.shape) < 0.6
    with torch.no_grad():
        for parameter in [*G.blocks.parameters(), *G.to_volume.parameters(), G.constant]:
            parameter.zero_()
        G.constant[0, 0] = torch.from_numpy((radius < 5.2) & (radius >= 4))
        G.constant[0, 1] = torch.from_numpy((radius < 4) & speckle)
        G.constant[0, 2] = 1.0
        for stage in G.blocks:
            for conv in stage.convs:
                conv.style.bias.fill_(1.0)
                conv.conv.weight[:, :, 1, 1, 1] = torch.eye(8)
        # Demodulation keeps a lone channel as it is: ring and sponge dim and brighten against channel 2.
        mixing = G.blocks[0].convs[1]
        mixing.conv.weight[0, 2, 1, 1, 1] = mixing.conv.weight[1, 2, 1, 1, 1] = -0.5
        mixing.style.weight.normal_(std=0.25)
        for out in G.to_volume:
            out.weight[0, :2, 1, 1, 1] = torch.tensor([5.2, 2.2]) / out.scale
            out.bias.fill_(-1.1)


def _near_the_mean(G: stylegan3d.Generator, config: dict) -> stylegan3d.Encoder:
    E = stylegan3d.Encoder(**config)
    with torch.no_grad():
        E.second.weight.mul_(0.05)
        mean = G.mean_code()[0]
        E.second.bias.copy_(torch.where(mean > 0, mean, mean / 0.2))
    return E


def _slopes(G: stylegan3d.Generator) -> torch.Tensor:
    """Tb.BMD and Ct.BMD grow with the styles of sponge and ring, and Tt.Ar with a way of its own."""
    style = G.blocks[0].convs[1].style
    sponge, ring = style.weight[1] * style.scale, style.weight[0] * style.scale
    return torch.stack([100 * sponge, 100 * ring, style.weight[5]])


def _saved(name, networks, architectures, configs, folder, settings) -> Card:
    parts = {
        part: Part(architecture=architecture, config=config)
        for part, architecture, config in zip(networks, architectures, configs, strict=True)
    }
    card = Card(
        system="volume", name=name, summary="for tests", parts=parts, settings=settings,
        trained_on="nothing", family="own", recipe="test", recipe_hash="0", steps=0, seed=0,
        hardware="test", date="2026-01-01", licence="free", intended_use="tests", limits="none",
    )  # fmt: skip
    return save(card, networks, folder, precision="float32")

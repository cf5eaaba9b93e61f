"""Paper 003: 3D-StyleGAN on stacks of the distal radius, a progressively grown WGAN-GP."""

from typing import Any

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from bonestudio.networks.equalised import LATENT
from bonestudio.networks.stylegan3d import Generator, Mapping
from bonestudio.training.moment import Moment
from bonestudio.training.volume_gan import Options, VolumeGAN


class StyleOptions(Options):
    """Hyperparameters; the learning rate of the mapping network is multiplied by ``mapping_rate``."""

    codes: PositiveInt = LATENT
    mapping_rate: PositiveFloat = 0.02


class StyleGAN3d(VolumeGAN):
    """Latent codes to a learned space W, and fifteen styles to volumes."""

    Options = StyleOptions
    options: StyleOptions

    def make(self) -> tuple[nn.Module, str, list[dict[str, Any]]]:
        """G of table A.3; its mapping network learns slowly."""
        o = self.options
        self.config["codes"] = o.codes
        network = Generator(**self.config)
        if o.anchor:
            _hear(network.mapping, o.components)
        slow = {id(p) for p in network.mapping.parameters()}
        groups: list[dict[str, Any]] = [
            {"params": [p for p in network.parameters() if id(p) not in slow]},
            {"params": [*network.mapping.parameters()], "lr": o.rate * o.mapping_rate},
        ]
        return network, "stylegan3d:Generator", groups

    def drawn(self, network: Any, z: Tensor, now: Moment) -> Tensor:
        """G̃(Φ(z)) with fresh noise maps."""
        volumes: Tensor = network(network.mapping(z), now.stage, now.fade, noise=now.randn)
        return volumes


def _hear(mapping: Mapping, told: int) -> None:
    """Let Φ hear the numbers of a code that stacks tell, and the others a tenth as loud.

    The many that tell nothing drown the few otherwise, and G learns not to listen to styles at all.
    """
    with torch.no_grad():
        layer: Any = mapping.layers[0]
        first = layer.weight
        first[:, :told] *= (LATENT / told) ** 0.5
        first[:, told:] *= 0.1

"""Paper 003: 3D-ProGAN on stacks of the distal radius, a progressively grown WGAN-GP."""

from typing import Any

from torch import Tensor, nn

from bonestudio.networks.progan3d import Generator
from bonestudio.training.moment import Moment
from bonestudio.training.volume_gan import VolumeGAN


class ProGAN3d(VolumeGAN):
    """Latent codes straight to volumes."""

    def make(self) -> tuple[nn.Module, str, list[dict[str, Any]]]:
        """G of table A.2."""
        network = Generator(**self.config)
        return network, "progan3d:Generator", [{"params": [*network.parameters()]}]

    def drawn(self, network: Any, z: Tensor, now: Moment) -> Tensor:
        """G(z)."""
        volumes: Tensor = network(z, now.stage, now.fade)
        return volumes

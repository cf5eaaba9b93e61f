"""Paper 003: 3D-ProGAN on stacks of the distal radius, a progressively grown WGAN-GP."""

from typing import Any

from torch import Tensor, nn

from bonestudio.networks.equalised import LATENT
from bonestudio.networks.progan3d import Generator
from bonestudio.training.moment import Moment
from bonestudio.training.volume_gan import VolumeGAN


class ProGAN3d(VolumeGAN):
    """Latent codes straight to volumes."""

    def make(self) -> tuple[nn.Module, str, list[dict[str, Any]]]:
        """G of table A.2."""
        network = Generator(**self.config)
        return network, "progan3d:Generator", [{"params": [*network.parameters()]}]

    def volumes(self, network: Any, count: int, now: Moment) -> Tensor:
        """G(z), z ~ N(0, 1)."""
        drawn: Tensor = network(now.randn(count, LATENT), now.stage, now.fade)
        return drawn

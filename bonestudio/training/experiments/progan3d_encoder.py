"""Paper 003: the encoder that inverts a trained 3D-ProGAN (equations 3 to 6)."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from bonestudio.networks.progan3d import Encoder
from bonestudio.training.inverting import Inverting, Options
from bonestudio.training.moment import Moment


class ProGAN3dEncoder(Inverting[Options]):
    """Codes that are likely under N(0, 1)."""

    Options = Options
    inverts = "progan3d:Generator"
    architecture = "progan3d:Encoder"

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Mirror table A.2."""
        return Encoder(**config)

    def losses(self, x: Tensor, now: Moment) -> tuple[Tensor, dict[str, Tensor]]:  # noqa: ARG002 – nothing is drawn
        """ℓ_dist + ℓ_perc + ℓ_latent."""
        z = self.E(x)
        dist, perc = self.likeness(x, self.G(z))
        latent = z.square().mean() / 2.0
        return dist + perc + latent, {"dist": dist, "perc": perc, "latent": latent}

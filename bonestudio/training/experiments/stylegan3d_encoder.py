"""Paper 003: the encoder that inverts a trained 3D-StyleGAN (equations 3, 4, 8 and 9)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from bonestudio.networks.equalised import LATENT
from bonestudio.networks.stylegan3d import Encoder, LatentDiscriminator
from bonestudio.training.experiment import Parts
from bonestudio.training.inverting import Inverting, Options
from bonestudio.training.losses import judged_false, judged_real
from bonestudio.training.moment import Moment


class StyleOptions(Options):
    """Hyperparameters, with the weights of equation 9."""

    dist: NonNegativeFloat = 5.0
    latent: NonNegativeFloat = 0.04


class StyleGAN3dEncoder(Inverting[StyleOptions]):
    """Codes that a latent discriminator D_W takes for mapped ones, w = Φ(z) (Tov et al. 2021)."""

    Options = StyleOptions
    inverts = "stylegan3d:Generator"
    architecture = "stylegan3d:Encoder"

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Mirror table A.3."""
        return Encoder(**config)

    def build(self) -> Parts:
        """E and D_W, an Adam for each."""
        o, parts = self.options, super().build()
        self.D = LatentDiscriminator(codes=self.config.get("codes", LATENT))
        learner = torch.optim.Adam(self.D.parameters(), o.rate, o.betas)
        return replace(
            parts,
            networks={**parts.networks, "latent": self.D},
            optimisers={**parts.optimisers, "latent": learner},
        )

    def losses(self, x: Tensor, now: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        """5 ℓ_dist + ℓ_perc + 0.04 ℓ_W, after an update of D_W on E's codes and mapped ones."""
        w = self.E(x)
        mapped = self.G.mapping(now.randn(len(x), LATENT))
        judged = judged_real(self.D(mapped)) + judged_false(self.D(w.detach()))
        now.minimise(judged, "latent")

        dist, perc = self.likeness(x, self.G(w))
        plausible = judged_real(self.D(w))  # ℓ_W = −log D_W(E(x))
        loss = self.options.dist * dist + perc + self.options.latent * plausible
        return loss, {"dist": dist, "perc": perc, "plausible": plausible, "discriminator": judged}

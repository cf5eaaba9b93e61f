"""3D-ProGAN (paper 003, table A.2): latent codes to HR-pQCT stacks, grown stage by stage.

The critic serves 3D-StyleGAN as well; the encoder is the generator mirrored, without feature
normalisation.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bonestudio.networks.equalised import (
    BASE,
    LATENT,
    SLOPE,
    STAGES,
    EqualConv3d,
    EqualLinear,
    FeatureNorm,
    Grid,
    Volumes,
    channels,
    chosen,
    faded,
    halved,
)

Codes = Float[Tensor, "n latent"]


class Block(nn.Module):
    """Doubling, then two convolutions, each with swish and feature normalisation."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = EqualConv3d(before, after), EqualConv3d(after, after)
        self.norm = FeatureNorm()

    def forward(self, x: Tensor) -> Tensor:
        """Double each side."""
        x = self.norm(F.silu(self.first(x, double=True)))
        return self.norm(F.silu(self.second(x)))  # type: ignore[no-any-return]


class Generator(nn.Module):
    """Latent codes z [n, 512] ~ N(0, 1) → volumes [n, 1, slices, rows, columns] in [0, 1].

    Parameters
    ----------
    width
        The paper's channel size c: 16 in table A.2, 20 in its best runs.
    stages, base
        Stage k of ``stages`` has sides of ``base`` · 2ᵏ; five of (1, 9, 7) end at 32 × 288 × 224.
    """

    def __init__(self, *, width: int = 16, stages: int = STAGES, base: Grid = BASE) -> None:
        super().__init__()
        self.stages, self.base = stages, (base[0], base[1], base[2])
        after = channels(width, stages)
        self.first = after[0]
        self.dense = EqualLinear(LATENT, self.first * math.prod(base))
        self.blocks = nn.ModuleList(
            Block(a, b) for a, b in zip([self.first, *after], after, strict=False)
        )
        self.to_volume = nn.ModuleList(EqualConv3d(n, 1, gain=1.0) for n in after)

    def forward(self, z: Codes, stage: int | None = None, fade: float = 1.0) -> Volumes:
        """Draw volumes of a stage (the last one by default, whole)."""
        x = self.dense(z).view(-1, self.first, *self.base)
        at = chosen(stage, self.stages)
        return faded(x, at, fade, [*self.blocks], [*self.to_volume])


class Critic(nn.Module):
    """Volumes [n, 1, slices, rows, columns] → how real, [n]: means over patches (cf. PatchGAN).

    As many strided convolutions as there are stages, channels growing from c to 8c, and one of one
    channel. ``width`` is the paper's c_c (12 to 20).
    """

    def __init__(self, *, width: int = 16, stages: int = STAGES) -> None:
        super().__init__()
        self.stages = stages
        before = channels(width, stages)
        self.from_volume = nn.ModuleList(EqualConv3d(1, n) for n in before)
        # The layer of stage k leads to that of stage k − 1; the first keeps its channels.
        self.layers = nn.ModuleList(
            EqualConv3d(b, a, 4, stride=2)
            for a, b in zip([before[0], *before], before, strict=False)
        )
        self.out = EqualConv3d(before[0], 1, gain=1.0)

    def features(self, x: Volumes, stage: int | None = None, fade: float = 1.0) -> Volumes:
        """Return what the last convolution but one sees, f_{L−1}: 8c maps (equation 4)."""
        at = chosen(stage, self.stages)
        h = self._enter(x, at)
        for k in range(at, -1, -1):
            h = F.leaky_relu(self.layers[k](h), SLOPE)
            if k == at and at > 0 and fade < 1.0:
                h = torch.lerp(self._enter(halved(x), at - 1), h, fade)
        return h

    def forward(
        self, x: Volumes, stage: int | None = None, fade: float = 1.0
    ) -> Float[Tensor, " n"]:
        """Judge volumes of a stage."""
        return self.out(self.features(x, stage, fade)).flatten(1).mean(1)  # type: ignore[no-any-return]

    def _enter(self, x: Tensor, stage: int) -> Tensor:
        return F.leaky_relu(self.from_volume[stage](x), SLOPE)


class Fold(nn.Module):
    """A generator's block mirrored: two convolutions with swish, then halving."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = EqualConv3d(before, before), EqualConv3d(before, after)

    def forward(self, x: Tensor) -> Tensor:
        """Halve each side."""
        return halved(F.silu(self.second(F.silu(self.first(x)))))


class Encoder(nn.Module):
    """Volumes of the last stage → latent codes [n, codes] (section 3.5)."""

    def __init__(
        self,
        *,
        width: int = 16,
        stages: int = STAGES,
        base: Grid = BASE,
        codes: int = LATENT,
    ) -> None:
        super().__init__()
        before = channels(width, stages)
        self.from_volume = EqualConv3d(1, before[-1])
        folds = [Fold(b, a) for a, b in zip([before[0], *before], before, strict=False)]
        self.folds = nn.Sequential(*reversed(folds))
        self.dense = EqualLinear(before[0] * math.prod(base), codes)

    def forward(self, x: Volumes) -> Codes:
        """Guess codes."""
        return self.dense(self.folds(F.silu(self.from_volume(x))).flatten(1))  # type: ignore[no-any-return]

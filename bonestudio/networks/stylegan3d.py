"""3D-StyleGAN (paper 003, table A.3): codes of a learned space W, fifteen styles, demodulated weights.

Each stage has three convolutions, the first before its doubling; each has a style of its own and is
followed by noise. The critic is that of 3D-ProGAN.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bonestudio.networks import progan3d
from bonestudio.networks.equalised import (
    BASE,
    HE,
    LATENT,
    SLOPE,
    STAGES,
    EqualConv3d,
    EqualLinear,
    Grid,
    Volumes,
    channels,
    chosen,
    convolved,
    convolved_doubled,
    faded,
)

Codes = Float[Tensor, "n codes"]
Noise = Callable[..., Tensor]
"""Draws standard normal numbers of a shape."""

PER_STAGE = 3


class Mapping(nn.Module):
    """Φ: z [n, 512] → w [n, codes]; six dense layers with leaky rectifiers (m1 to m5, and w)."""

    def __init__(self, *, codes: int = LATENT, layers: int = 6) -> None:
        super().__init__()
        sizes = [LATENT] * layers + [codes]
        self.layers = nn.ModuleList(EqualLinear(a, b, gain=HE) for a, b in pairwise(sizes))

    def forward(self, z: Float[Tensor, "n 512"]) -> Codes:
        """Map normal codes into W."""
        for layer in self.layers:
            z = F.leaky_relu(layer(z), SLOPE)
        return z


class StyledConv(nn.Module):
    """Convolution whose weights a style scales and demodulates, then noise and a leaky rectifier.

    Weights w' = s_i · w_ijk, divided by their length over inputs and taps (Karras et al. 2020,
    equations 1 and 3). Scaling the input's maps by s and the output's by the lengths is the same
    with one convolution for the whole batch.
    """

    def __init__(self, before: int, after: int, *, codes: int) -> None:
        super().__init__()
        self.style = EqualLinear(codes, before, bias=1.0)
        self.conv = EqualConv3d(before, after)
        self.strength = nn.Parameter(torch.zeros(()))

    def modulated(
        self, x: Volumes, style: Float[Tensor, "n before"], *, double: bool = False
    ) -> Volumes:
        """Convolve with weights scaled by ``style`` and demodulated; no bias yet."""
        weight = self.conv.weight * self.conv.scale
        lengths = torch.einsum("oi,ni->no", weight.square().sum((2, 3, 4)), style.square())
        spread = _over_volume(torch.rsqrt(lengths + 1e-8))
        convolve = convolved_doubled if double else convolved
        return convolve(x * _over_volume(style), weight, None) * spread

    def forward(
        self, x: Volumes, w: Codes, noise: Noise | None, *, double: bool = False
    ) -> Volumes:
        """Convolve (``double``: after doubling), add noise (none without ``noise``) and rectify."""
        assert self.conv.bias is not None  # noqa: S101 – an EqualConv3d has one
        x = self.modulated(x, self.style(w), double=double) + _over_volume(self.conv.bias[None])
        if noise is not None:
            x = x + self.strength * noise(len(x), 1, *x.shape[2:]).to(x.dtype)
        return F.leaky_relu(x, SLOPE)


class Stage(nn.Module):
    """Three styled convolutions: one before the doubling, two after."""

    def __init__(self, before: int, after: int, *, codes: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            StyledConv(a, after, codes=codes) for a in (before, after, after)
        )

    def forward(self, x: Volumes, w: Float[Tensor, "n 3 codes"], noise: Noise | None) -> Volumes:
        """Double each side."""
        x = self.convs[0](x, w[:, 0], noise)
        x = self.convs[1](x, w[:, 1], noise, double=True)
        return self.convs[2](x, w[:, 2], noise)  # type: ignore[no-any-return]


class Generator(nn.Module):
    """Codes w [n, codes], or a code for each layer [n, 15, codes] → volumes in [0, 1].

    Parameters
    ----------
    width, stages, base
        As those of :class:`bonestudio.networks.progan3d.Generator`.
    codes
        Dimensions of W: 512 in the paper's text and equations (its table A.3 has 128).
    """

    def __init__(
        self,
        *,
        width: int = 16,
        stages: int = STAGES,
        base: Grid = BASE,
        codes: int = LATENT,
    ) -> None:
        super().__init__()
        self.stages, self.layers = stages, PER_STAGE * stages
        after = channels(width, stages)
        self.mapping = Mapping(codes=codes)
        self.constant = nn.Parameter(torch.randn(1, after[0], *base))
        self.blocks = nn.ModuleList(
            Stage(a, b, codes=codes) for a, b in zip([after[0], *after], after, strict=False)
        )
        self.to_volume = nn.ModuleList(EqualConv3d(n, 1, gain=1.0) for n in after)

    def forward(
        self,
        w: Tensor,
        stage: int | None = None,
        fade: float = 1.0,
        *,
        noise: Noise | None = None,
    ) -> Volumes:
        """Draw volumes of a stage; ``noise`` draws its noise maps (without it there are none)."""
        each = w[:, None].expand(-1, self.layers, -1) if w.ndim == 2 else w
        x = self.constant.expand(len(w), -1, -1, -1, -1)
        blocks = [
            partial(block, w=each[:, PER_STAGE * k : PER_STAGE * (k + 1)], noise=noise)
            for k, block in enumerate(self.blocks)
        ]
        return faded(x, chosen(stage, self.stages), fade, blocks, [*self.to_volume])

    @torch.no_grad()
    def mean_code(self, count: int = 4096) -> Float[Tensor, "1 codes"]:
        """w̄ = E[Φ(z)], over the same ``count`` codes each time: what truncation draws towards."""
        random = torch.Generator().manual_seed(0)
        z = torch.randn(count, LATENT, generator=random).to(self.constant)
        return self.mapping(z).mean(0, keepdim=True)  # type: ignore[no-any-return]

    def styles(self) -> list[EqualLinear]:
        """Return the affine layers of the styles, first to last; A of equation (11) stacks them."""
        return [conv.style for block in self.blocks for conv in block.convs]  # type: ignore[union-attr]


class Encoder(nn.Module):
    """Volumes of the last stage → codes in W [n, codes]: two dense layers more than 3D-ProGAN's."""

    def __init__(
        self,
        *,
        width: int = 16,
        stages: int = STAGES,
        base: Grid = BASE,
        codes: int = LATENT,
    ) -> None:
        super().__init__()
        self.mirror = progan3d.Encoder(width=width, stages=stages, base=base)
        self.first = EqualLinear(LATENT, LATENT, gain=HE)
        self.second = EqualLinear(LATENT, codes, gain=HE)

    def forward(self, x: Volumes) -> Codes:
        """Guess codes; like Φ's they end in a leaky rectifier."""
        h = F.leaky_relu(self.first(self.mirror(x)), SLOPE)
        return F.leaky_relu(self.second(h), SLOPE)


class LatentDiscriminator(nn.Module):
    """D_W: codes [n, codes] → logit that they come from Φ, [n] (equation 8; Tov et al. 2021)."""

    def __init__(self, *, codes: int = LATENT, layers: int = 4) -> None:
        super().__init__()
        sizes = [codes] + [LATENT] * (layers - 1)
        self.hidden = nn.ModuleList(EqualLinear(a, b, gain=HE) for a, b in pairwise(sizes))
        self.out = EqualLinear(sizes[-1], 1)

    def forward(self, w: Codes) -> Float[Tensor, " n"]:
        """Judge codes."""
        for layer in self.hidden:
            w = F.leaky_relu(layer(w), SLOPE)
        return self.out(w).squeeze(1)  # type: ignore[no-any-return]


def _over_volume(values: Tensor) -> Tensor:
    return values[:, :, None, None, None]

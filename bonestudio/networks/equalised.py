"""Layers that the 3D networks of paper 003 share: equalised learning rates, growth stage by stage.

Weights are drawn from N(0, 1) and scaled when they are used (Karras et al. 2018, section 4.1), so
that Adam, whose steps do not know a weight's scale, moves all layers alike.
"""

import math
from collections.abc import Callable, Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Grid = tuple[int, int, int]
Volumes = Float[Tensor, "n channels slices rows columns"]

LATENT = 512
BASE: Grid = (1, 9, 7)  # before the first doubling; five of them give 32 × 288 × 224
STAGES = 5
HE = math.sqrt(2.0)  # gain of a layer that a rectifier follows
SLOPE = 0.2  # of leaky rectifiers
# Which of three taps meet the voxel before (first row) and after: for its first half, and its second.
_HALF_TAPS = (((1.0, 0.0, 0.0), (0.0, 1.0, 1.0)), ((1.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
_ONE_DNN = torch.backends.mkldnn.is_available()


class EqualConv3d(nn.Conv3d):
    """3D convolution with N(0, 1) weights, used as weight · gain / √fan-in."""

    def __init__(
        self, before: int, after: int, kernel: int = 3, *, stride: int = 1, gain: float = HE
    ) -> None:
        super().__init__(before, after, kernel, stride, padding=(kernel - 1) // 2)
        self.scale, self.margin = gain / math.sqrt(before * kernel**3), ((kernel - 1) // 2,) * 3
        nn.init.normal_(self.weight)
        assert self.bias is not None  # noqa: S101 – nn.Conv3d makes one
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, *, double: bool = False) -> Tensor:
        """Convolve; ``double``: what ``doubled`` makes of ``x`` (kernels of 3³ alone)."""
        if double:
            return convolved_doubled(x, self.weight * self.scale, self.bias)
        return convolved(x, self.weight * self.scale, self.bias, self.stride, self.margin)


class EqualLinear(nn.Linear):
    """Dense layer with N(0, 1) weights, used as weight · gain / √fan-in; biases begin at ``bias``."""

    def __init__(self, before: int, after: int, *, gain: float = 1.0, bias: float = 0.0) -> None:
        super().__init__(before, after)
        self.scale = gain / math.sqrt(before)
        nn.init.normal_(self.weight)
        nn.init.constant_(self.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply and add."""
        return F.linear(x, self.weight * self.scale, self.bias)


class FeatureNorm(nn.Module):
    """Each voxel's features to a mean square of 1 (Karras et al. 2018, section 4.2)."""

    def forward(self, x: Tensor) -> Tensor:
        """Divide by the root mean square over channels."""
        normed: Tensor = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
        return normed


def convolved(
    x: Volumes,
    weight: Float[Tensor, "after before a b c"],
    bias: Float[Tensor, " after"] | None,
    stride: Sequence[int] = (1, 1, 1),
    padding: Sequence[int] = (1, 1, 1),
) -> Volumes:
    """Convolve a batch in 3D.

    On a CPU torch 2.13 takes its slow path for one volume of few channels (it counts slices and rows,
    not columns, when it asks whether oneDNN is worth it); oneDNN is nine times as fast there.
    """
    few = len(x) == 1 and x.shape[1] * x.shape[2] * x.shape[3] <= 20480
    if few and x.device.type == "cpu" and x.dtype == torch.float32 and _ONE_DNN:
        return torch.mkldnn_convolution(x, weight, bias, padding, stride, (1, 1, 1), 1)
    return F.conv3d(x, weight, bias, tuple(stride), tuple(padding))


def convolved_doubled(
    x: Volumes,
    weight: Float[Tensor, "after before 3 3 3"],
    bias: Float[Tensor, " after"] | None,
) -> Volumes:
    """Convolve ``doubled(x)``: the same numbers, where no gradient is asked for in 8/27 of the products.

    Of three taps along an axis two always meet the same voxel, so each of the two voxels that one
    becomes has a kernel of two taps on the volume before its doubling.
    """
    if torch.is_grad_enabled() or x.shape[-1] < 8:
        return convolved(doubled(x), weight, bias)
    taps = torch.tensor(_HALF_TAPS, dtype=weight.dtype, device=weight.device)
    eight = torch.einsum("pxa,qyb,rzc,oiabc->pqroixyz", taps, taps, taps, weight)
    n, (d, h, w), after = len(x), x.shape[2:], len(weight)
    y = convolved(x, eight.flatten(0, 3), None).unflatten(1, (2, 2, 2, after))
    whole = torch.empty(
        (n, after, 2 * d, 2 * h, 2 * w),
        dtype=y.dtype,
        device=x.device,
        memory_format=torch.channels_last_3d,
    )
    for p, q, r in product((0, 1), repeat=3):
        part = y[:, p, q, r, :, p : p + d, q : q + h, r : r + w]
        whole[:, :, p::2, q::2, r::2] = part if bias is None else part + bias.view(-1, 1, 1, 1)
    return whole


def channels(width: int, stages: int) -> list[int]:
    """Channels of each stage: 8c, 8c, 4c, 2c, c (paper 003, table A.2)."""
    if not 1 <= stages <= STAGES:
        raise ValueError(f"a network grows in 1 to {STAGES} stages, not {stages}")
    return [8 * width, 8 * width, 4 * width, 2 * width, width][:stages]


def doubled(x: Volumes) -> Volumes:
    """Repeat each voxel twice along each axis (nearest neighbours)."""
    return F.interpolate(x, scale_factor=2.0)


def halved(x: Volumes) -> Volumes:
    """Mean of 2 × 2 × 2 voxels."""
    return F.avg_pool3d(x, 2)


def faded(
    x: Tensor,
    stage: int,
    fade: float,
    blocks: Sequence[Callable[[Tensor], Tensor]],
    to_volume: Sequence[Callable[[Tensor], Tensor]],
) -> Volumes:
    """Volumes of a stage, mixed with those of the stage before while ``fade`` is below 1.

    Every ``to_volume`` layer draws in [0, 1] (sigmoid). At a fade of 0 the volume is that of the
    stage before, its voxels doubled (paper 003, figure 3).
    """
    before = x
    for block in blocks[: stage + 1]:
        before, x = x, block(x)
    drawn = torch.sigmoid(to_volume[stage](x))
    if fade >= 1.0 or stage == 0:
        return drawn
    coarse = torch.sigmoid(to_volume[stage - 1](before))
    return torch.lerp(doubled(coarse), drawn, fade)


def chosen(stage: int | None, stages: int) -> int:
    """Return the stage that is meant: the last one where none is named."""
    if stage is None:
        return stages - 1
    if not 0 <= stage < stages:
        raise ValueError(f"stages are numbered 0 to {stages - 1}, not {stage}")
    return stage

"""A small U-Net that says where the joints of a hand are: one heat map for each joint."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

CHANNELS = (24, 32, 48, 64, 96)


class LandmarkNet(nn.Module):
    """Heat maps of ``joints`` points on a square view of a film.

    The view's grey levels are first divided by their local contrast, so exposure, inversion of the
    background's level and the film's bit depth leave the answer alone. The answer is on a grid of
    half the view's size; a softmax over that grid is a probability for each joint.
    """

    def __init__(
        self, *, joints: int = 17, channels: tuple[int, ...] = CHANNELS, neighbourhood: int = 31
    ) -> None:
        super().__init__()
        self.neighbourhood = neighbourhood
        self.stem = nn.Sequential(
            nn.Conv2d(1, channels[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(channels[0]),
            nn.ReLU(inplace=True),
        )
        self.down = nn.ModuleList(
            _Block(before, after)
            for before, after in zip((channels[0], *channels), channels, strict=False)
        )
        self.up = nn.ModuleList(
            _Block(deep + shallow, shallow)
            for deep, shallow in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.maps = nn.Conv2d(channels[0], joints, 1)

    def forward(self, view: Float[Tensor, "b 1 side side"]) -> Float[Tensor, "b joints half half"]:
        """Return unnormalised log-probabilities; ``side`` is a multiple of 32."""
        features = self.stem(local_contrast(view, self.neighbourhood))
        levels = []
        for depth, block in enumerate(self.down):
            features = block(F.max_pool2d(features, 2) if depth else features)
            levels.append(features)
        for block, level in zip(self.up, levels[-2::-1], strict=True):
            wide = F.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
            features = block(torch.cat([wide, level], 1))
        maps: Tensor = self.maps(features)
        return maps


class _Block(nn.Module):
    """Two 3 × 3 convolutions and a shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = (
            nn.Conv2d(before, after, 1, bias=False) if before != after else nn.Identity()
        )

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(self.body(features) + self.shortcut(features))


def local_contrast(view: Float[Tensor, "b 1 h w"], neighbourhood: int) -> Float[Tensor, "b 1 h w"]:
    """Grey levels minus their local mean, over their local standard deviation.

    A thousandth of the view's own range keeps empty background from being blown up to noise.
    """
    pad = neighbourhood // 2
    padded = F.pad(view, (pad, pad, pad, pad), mode="reflect")
    mean = F.avg_pool2d(padded, neighbourhood, stride=1)
    square = F.avg_pool2d(padded.square(), neighbourhood, stride=1)
    floor = 0.02 * view.flatten(1).std(1).view(-1, 1, 1, 1) + 1e-4
    return (view - mean) / ((square - mean.square()).clamp_min(0).sqrt() + floor)

"""BMD-GAN with an NFNet-F0 encoder (paper 004): a hip radiograph in, its map of bone mineral out.

The encoder is timm's (Brock et al. 2021, 'High-performance large-scale image recognition without
normalization'); ``width`` narrows every layer alike and keeps its depth and its groups. The decoder
goes down the pyramid of features (Lin et al. 2017). What pretraining puts on the encoder is in
:mod:`bonestudio.networks.bmdgan_heads`.
"""

from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bonestudio.vision import timm

_GROUP = 128  # channels of a group of NFNet-F0's convolutions
_SIXTEENTHS = 16  # narrower, the stem would have less than a channel


class Encoder(nn.Module):
    """Films [n, 1, h, w] in [-1, 1] → five maps of features, from h / 2 to h / 32.

    Parameters
    ----------
    width
        Share of NFNet-F0's channels: a multiple of a sixteenth, up to 1 (the paper's).
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        if not 0 < width <= 1 or (width * _SIXTEENTHS) % 1:
            raise ValueError(f"width is a multiple of 1/{_SIXTEENTHS} up to 1, not {width}")
        self.body: Any = timm.create_model(
            "dm_nfnet_f0",
            pretrained=False,
            in_chans=1,
            num_classes=0,
            width_factor=width,
            group_size=round(_GROUP * width),
        )
        self.channels: tuple[int, ...] = tuple(f["num_chs"] for f in self.body.feature_info)

    def forward(self, films: Float[Tensor, "n 1 h w"]) -> list[Tensor]:
        """Return the pyramid; h and w are multiples of 32."""
        if films.shape[-2] % 32 or films.shape[-1] % 32:
            raise ValueError(f"sides are multiples of 32, not {tuple(films.shape[-2:])}")
        features: list[Tensor] = self.body.forward_intermediates(films, intermediates_only=True)
        return features

    def described(self, films: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n features"]:
        """Means of the features of the first four levels: by them a film is known or not.

        The last level keeps little but what the encoder is asked for.
        """
        return torch.cat([level.mean((2, 3)) for level in self(films)[:-1]], 1)

    @property
    def described_by(self) -> int:
        """Length of :meth:`described`."""
        return sum(self.channels[:-1])


class PyramidDecoder(nn.Module):
    """Five maps of features → ``outputs`` maps of the film's size.

    Each level is brought to ``channels``, added to the coarser one made twice as large, and smoothed;
    a last doubling leads to the film's own pixels.
    """

    def __init__(self, inputs: tuple[int, ...], *, channels: int = 256, outputs: int = 1) -> None:
        super().__init__()
        self.across = nn.ModuleList(nn.Conv2d(before, channels, 1) for before in inputs)
        self.smooth = nn.ModuleList(_smoothed(channels, channels) for _ in inputs)
        half = max(8, channels // 2)
        self.last = nn.Sequential(_smoothed(channels, half), nn.Conv2d(half, outputs, 3, padding=1))

    def forward(self, features: list[Tensor]) -> Float[Tensor, "n outputs h w"]:
        """Go down the pyramid, from the coarsest level to the film's pixels."""
        levels = list(zip(self.across, self.smooth, features, strict=True))
        across, smooth, coarsest = levels[-1]
        x: Tensor = smooth(across(coarsest))
        for across, smooth, finer in reversed(levels[:-1]):
            x = smooth(across(finer) + F.interpolate(x, scale_factor=2.0, mode="nearest"))
        maps: Tensor = self.last(
            F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        )
        return maps


class Generator(nn.Module):
    """Films [n, 1, h, w] in [-1, 1] → areal density of mineral [n, 1, h, w] in g/cm², not clamped."""

    def __init__(self, *, width: float = 1.0, channels: int = 256) -> None:
        super().__init__()
        self.encoder = Encoder(width=width)
        self.decoder = PyramidDecoder(self.encoder.channels, channels=channels)

    def forward(self, films: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
        """Estimate the map."""
        maps: Tensor = self.decoder(self.encoder(films))
        return maps


class Discriminator(nn.Module):
    """Film and map [n, 2, h, w] → logits [n, 1, rows, columns], one a patch (pix2pix's 70 × 70).

    As in pix2pix the map is judged beside the film that it is said to belong to.
    """

    def __init__(self, *, width: int = 64, halvings: int = 3) -> None:
        super().__init__()
        channels = [2, *(width * 2 ** min(k, 3) for k in range(halvings + 1))]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(pairwise(channels)):
            layers.append(nn.Conv2d(before, after, 4, stride=2 if i < halvings else 1, padding=1))
            if i:
                layers.append(nn.InstanceNorm2d(after))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        layers.append(nn.Conv2d(channels[-1], 1, 4, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(
        self, films: Float[Tensor, "n 1 h w"], maps: Float[Tensor, "n 1 h w"]
    ) -> Float[Tensor, "n 1 rows columns"]:
        """Judge every patch."""
        logits: Tensor = self.layers(torch.cat([films, maps], 1))
        return logits


def _smoothed(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.GELU())

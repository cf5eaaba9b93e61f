"""A U-Net (MONAI's) that gives every bone of a film a mask of its own.

One mask per bone, not one label per pixel: on a lateral film radius and ulna lie over one another.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bonestudio.vision import monai

CHANNELS = (8, 16, 32, 64, 96, 128, 160)


class BoneUNet(nn.Module):
    """Films [n, 1, height, width] → logits [n, bones, height, width].

    The film's own exposure is taken out first: the network sees grey levels against the whole film
    and against their neighbourhood. Sides are multiples of :attr:`multiple`.
    """

    def __init__(self, *, bones: int = 8, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        self.multiple = 2 ** (len(channels) - 2)
        self.net = monai.networks.nets.UNet(
            spatial_dims=2,
            in_channels=2,
            out_channels=bones,
            channels=tuple(channels),
            strides=(
                1,
                *[2] * (len(channels) - 2),
            ),  # the first level keeps every pixel: edges count
            num_res_units=1,
            norm="batch",
        )
        # Two pixels in a hundred are of a bone; without this, training begins by finding that out.
        last = [m for m in self.net.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)][-1]
        assert last.bias is not None  # noqa: S101 – MONAI's last layer has one
        nn.init.constant_(last.bias, -4.0)

    def forward(self, films: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n bones h w"]:
        """Return unnormalised log-probabilities, bone by bone."""
        logits: Tensor = self.net(torch.cat([_against_film(films), _against_nearby(films)], 1))
        return logits


def _against_film(films: Tensor) -> Tensor:
    mean = films.mean((2, 3), keepdim=True)
    spread = films.flatten(1).std(1).view(-1, 1, 1, 1)
    return (films - mean) / (spread + 1e-3)


def _against_nearby(films: Tensor, cell: int = 8) -> Tensor:
    """Grey levels minus their local mean, over their local standard deviation.

    Both come from cells of ``cell`` pixels, smoothed over five cells: a window of 40 pixels at a
    hundredth of the price of a running one.
    """

    def smooth(values: Tensor) -> Tensor:
        cells = F.avg_pool2d(values, cell, ceil_mode=True)
        broad = F.avg_pool2d(F.pad(cells, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
        return F.interpolate(broad, films.shape[-2:], mode="bilinear", align_corners=False)

    mean = smooth(films)
    spread = (smooth(films.square()) - mean.square()).clamp_min(0).sqrt()
    floor = 0.05 * films.flatten(1).std(1).view(-1, 1, 1, 1) + 1e-3
    return (films - mean) / (spread + floor)

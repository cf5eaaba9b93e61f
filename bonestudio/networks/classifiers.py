"""Networks that call a radiograph normal or abnormal.

DenseNet-169 with one output (paper 001, after Rajpurkar et al. 2018) and the residual network of
paper 002 (figure 32). Both take gray films in [-1, 1] and tell the log-odds of 'abnormal'.
"""

from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bonestudio.vision import torchvision

BLOCKS = (6, 12, 32, 32)  # layers of DenseNet-169's blocks (Huang et al. 2017, table 1)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


class DenseNet169(nn.Module):
    """Films [n, 1, height, width] in [-1, 1] → log-odds of 'abnormal' [n].

    A gray film is shown as three equal channels with ImageNet's mean and deviation, so that
    weights learned there fit.

    Parameters
    ----------
    growth
        Channels that each of the 82 dense layers adds: 32 in the paper, fewer for a lighter network.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, growth: int = 32) -> None:
        super().__init__()
        self.network = torchvision.models.DenseNet(growth, BLOCKS, 2 * growth, num_classes=1)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    @property
    def seen(self) -> nn.Module:
        """The layer whose maps show where the network looks: 1/16 of the film's side."""
        layer: nn.Module = self.network.features.denseblock3
        return layer

    def forward(self, films: Float[Tensor, "n 1 height width"]) -> Float[Tensor, " n"]:
        """Judge films."""
        colours = ((films + 1.0) / 2.0 - self.mean) / self.std
        answers: Tensor = self.network(colours)
        return answers.squeeze(1)


class ResidualModule(nn.Module):
    """Four 3 × 3 convolutions with two skips, the first of stride 2 (paper 002, section 3.2.3)."""

    def __init__(self, before: int, after: int, *, norm: bool) -> None:
        super().__init__()
        self.first = _pair(before, after, stride=2, norm=norm)
        self.second = _pair(after, after, stride=1, norm=norm)
        # The first skip has to follow the change of side and channels (He et al. 2016, option B).
        self.shortcut = nn.Conv2d(before, after, 1, stride=2, bias=not norm)

    def forward(self, x: Tensor) -> Tensor:
        """Halve each side."""
        x = torch.relu(self.first(x) + self.shortcut(x))
        return torch.relu(self.second(x) + x)


class ResidualNet(nn.Module):
    """Films [n, 1, height, width] in [-1, 1] → log-odds of 'abnormal' [n].

    Paper 002 names the layers, not all of their channels: the modules here have n, 2n … 32n, twice
    as many whenever the side halves, as in He et al. (2016). At its 256 × 256 the last maps are
    2 × 2, so the 4 × 4 mean takes all of them.

    Parameters
    ----------
    width
        n, the channels of the first layer: 10 in the paper.
    norm
        'batch' after each convolution, as He et al. have it; 'none' as the paper's text, which has
        no word of it and, at its learning rate of 0.01, then hardly learns.
    """

    def __init__(self, *, width: int = 10, norm: Literal["batch", "none"] = "batch") -> None:
        super().__init__()
        batch = norm == "batch"
        self.stem = nn.Sequential(
            nn.Conv2d(1, width, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, padding=1)
        )
        widths = [width, *(width * 2**k for k in range(6))]
        self.blocks = nn.Sequential(
            *(ResidualModule(a, b, norm=batch) for a, b in pairwise(widths))
        )
        self.dense = nn.Linear(widths[-1], 2)

    @property
    def seen(self) -> nn.Module:
        """The layer whose maps show where the network looks: 1/16 of the film's side."""
        return self.blocks[2]

    def answers(self, films: Float[Tensor, "n 1 height width"]) -> Float[Tensor, "n 2"]:
        """Return the two output nodes: normal, abnormal."""
        maps = self.blocks(self.stem(films))
        maps = F.avg_pool2d(maps, min(4, *maps.shape[-2:]), stride=1)
        return self.dense(maps.flatten(2).mean(2))  # type: ignore[no-any-return]

    def forward(self, films: Float[Tensor, "n 1 height width"]) -> Float[Tensor, " n"]:
        """Judge films: the softmax of two nodes is the sigmoid of their difference."""
        normal, abnormal = self.answers(films).unbind(1)
        return abnormal - normal


def _pair(before: int, after: int, *, stride: int, norm: bool) -> nn.Sequential:
    """Two 3 × 3 convolutions with a ReLU between them."""
    layers: list[nn.Module] = []
    for channels, step in ((before, stride), (after, 1)):
        layers.append(nn.Conv2d(channels, after, 3, step, padding=1, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm2d(after))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers[:-1])

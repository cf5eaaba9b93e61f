"""The networks of CycleGAN (Zhu et al. 2017, appendix 7.2), as paper 002 uses them.

The generator redraws an image in the style of another domain; the discriminator judges each patch
of it by itself. Both keep the published padding, normalisation (instance norm without weights)
and initial weights; the dropout of 0.2 after the first convolution of each block is the paper's
(section 3.2.2.1).
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

SHORTCUT = 0.9  # nearer to 1 the tanh is so flat at black that a background never learns to be grey


def _initialise(module: nn.Module) -> None:
    """Weights ~ N(0, 0.02), biases 0 (Zhu et al. 2017, section 4 and its code)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Block(nn.Module):
    """Two 3 × 3 convolutions beside a shortcut; dropout follows the first ReLU."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.path = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: Float[Tensor, "n width h w"]) -> Float[Tensor, "n width h w"]:
        """Add a correction to the features."""
        return x + self.path(x)  # type: ignore[no-any-return]


class Generator(nn.Module):
    """Images [n, inputs, height, width] in [-1, 1] → images of the other domain, of the same size.

    Height and width are multiples of four, from sixteen on. ``width`` is the number of channels of
    the first layer; the blocks, at a quarter of the sides, have four times as many. With
    ``shortcut`` the network draws the change of an image instead of the image, whose fine lines
    then need not pass through the quarter: not the paper's, but a small network learns it soon.
    With ``resized`` maps are enlarged before a plain convolution instead of by a transposed one,
    which leaves a chequered pattern that takes long to be unlearned (Odena et al. 2016).
    """

    def __init__(
        self,
        *,
        inputs: int = 1,
        outputs: int = 1,
        width: int = 64,
        blocks: int = 9,
        dropout: float = 0.2,
        shortcut: bool = False,
        resized: bool = False,
    ) -> None:
        super().__init__()
        if shortcut and inputs != outputs:
            raise ValueError("a shortcut needs as many output channels as input channels")
        self.shortcut = shortcut
        channels = [width, 2 * width, 4 * width]
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7)]
        layers += [nn.InstanceNorm2d(width), nn.ReLU(inplace=True)]
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1)]
            layers += [nn.InstanceNorm2d(after), nn.ReLU(inplace=True)]
        layers += [Block(channels[-1], dropout=dropout) for _ in range(blocks)]
        for before, after in pairwise(reversed(channels)):
            layers += _enlarged(before, after, resized=resized)
            layers += [nn.InstanceNorm2d(after), nn.ReLU(inplace=True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7)]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, images: Float[Tensor, "n inputs h w"]) -> Float[Tensor, "n outputs h w"]:
        """Redraw images as the other domain would show them."""
        height, width = images.shape[-2:]
        if height % 4 or width % 4 or min(height, width) < 16:
            raise ValueError(
                f"sides are multiples of four, from sixteen on, not {height} × {width}"
            )
        redrawn: Tensor = self.layers(images)
        if self.shortcut:  # tanh of this alone is the image, nearly: black and white stay in reach
            redrawn = redrawn + torch.atanh(SHORTCUT * images)
        return torch.tanh(redrawn)


class Discriminator(nn.Module):
    """Images [n, inputs, height, width] in [-1, 1] → scores [n, 1, rows, columns], one a patch.

    Scores are of least squares: 1 for real, 0 for synthetic, with no sigmoid. With ``halvings=3``
    a score sees 70 × 70 pixels, which the paper names; the six layers that its text counts (four
    of stride 2) would be ``halvings=4`` and see 142 × 142.

    With ``he`` the weights begin as He et al. (2015) say, and the answers near 0. The published
    ones are so small that Adam changes them by much at each step: it takes thousands of steps to
    settle, which a short training has not got.
    """

    def __init__(
        self, *, inputs: int = 1, width: int = 64, halvings: int = 3, he: bool = False
    ) -> None:
        super().__init__()
        channels = [width * 2 ** min(k, 3) for k in range(halvings + 1)]
        layers: list[nn.Module] = []
        before = inputs
        for i, after in enumerate(channels):
            layers.append(nn.Conv2d(before, after, 4, stride=2 if i < halvings else 1, padding=1))
            if i:
                layers.append(nn.InstanceNorm2d(after))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            before = after
        layers.append(nn.Conv2d(before, 1, 4, padding=1))
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)
        if he:
            convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
            for layer in convolutions:
                nn.init.kaiming_normal_(layer.weight, 0.2)
            convolutions[-1].weight.data.mul_(0.1)

    def forward(self, images: Float[Tensor, "n inputs h w"]) -> Float[Tensor, "n 1 rows columns"]:
        """Judge every patch."""
        scores: Tensor = self.layers(images)
        return scores


def _enlarged(before: int, after: int, *, resized: bool) -> list[nn.Module]:
    """Layers that double the sides of maps; either way has the same number of weights."""
    if not resized:
        return [nn.ConvTranspose2d(before, after, 3, 2, padding=1, output_padding=1)]
    enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    return [enlarge, nn.ReflectionPad2d(1), nn.Conv2d(before, after, 3)]


def receptive_field(halvings: int = 3) -> int:
    """Side of the patch that one score of the discriminator sees, pixels."""
    seen = 1
    for stride in (1, 1, *[2] * halvings):
        seen = (seen - 1) * stride + 4
    return seen

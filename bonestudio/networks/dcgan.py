"""The DCGAN of paper 001 (figures 4 and 5): hands of 128 × 128 from 100 random numbers.

With ``size=256`` one more layer is added; with ``classes`` the generator is told a class and the
discriminator names one (ACGAN, Odena et al. 2017), as the paper's future work asks.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

LATENT = 100


def _doublings(size: int) -> int:
    """How often 4 × 4 is doubled to ``size``."""
    doublings = size.bit_length() - 3
    if size < 32 or size != 4 << doublings:
        raise ValueError(f"size is a power of two from 32 on, not {size}")
    return doublings


def _initialise(module: nn.Module) -> None:
    """Weights ~ N(0, 0.02), batch-norm scales ~ N(1, 0.02) (Radford et al. 2016, section 3)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


class Generator(nn.Module):
    """Latent codes [n, 100] (and class numbers [n]) → images [n, 1, size, size] in [-1, 1].

    ``width`` is the number of channels before the last layer; they double towards the first.
    """

    def __init__(self, *, size: int = 128, width: int = 64, classes: int = 0) -> None:
        super().__init__()
        self.classes = classes
        doublings = _doublings(size)
        channels = [width * 2 ** min(k, 4) for k in reversed(range(doublings))]
        layers: list[nn.Module] = []
        before = LATENT + classes
        for i, after in enumerate(channels):
            stride, padding = (1, 0) if i == 0 else (2, 1)
            layers += [
                nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
            before = after
        layers += [nn.ConvTranspose2d(before, 1, 4, 2, 1, bias=False), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(
        self, z: Float[Tensor, "n 100"], classes: Int[Tensor, " n"] | None = None
    ) -> Float[Tensor, "n 1 size size"]:
        """Draw one image for each code."""
        if self.classes:
            if classes is None:
                raise ValueError("this generator draws images of a class: name one for each code")
            z = torch.cat([z, nn.functional.one_hot(classes, self.classes).to(z.dtype)], 1)
        images: Tensor = self.layers(z[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """Images [n, 1, size, size] in [-1, 1] → logits [n]; their sigmoid is P(real).

    Parameters
    ----------
    norm
        'batch' as in the paper; 'spectral' (Miyato et al. 2018) for the modern recipe, whose R1
        penalty judges each image by itself.
    """

    def __init__(
        self,
        *,
        size: int = 128,
        width: int = 32,
        classes: int = 0,
        norm: Literal["batch", "spectral"] = "batch",
    ) -> None:
        super().__init__()
        doublings = _doublings(size)
        channels = [width * 2 ** min(k, 4) for k in range(doublings)]
        layers: list[nn.Module] = []
        before = 1
        for i, after in enumerate(channels):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            if norm == "batch" and i >= 2:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            before = after
        self.layers = nn.Sequential(*layers)
        self.real = nn.Conv2d(before, 1, 4, bias=False)
        self.kind = nn.Conv2d(before, classes, 4, bias=False) if classes else None
        self.apply(_initialise)
        if norm == "spectral":
            for module in [m for m in self.modules() if isinstance(m, nn.Conv2d)]:
                spectral_norm(module)

    def forward(self, images: Float[Tensor, "n 1 size size"]) -> Float[Tensor, " n"]:
        """Judge images as real or synthetic."""
        return self.judge(images)[0]

    def judge(
        self, images: Float[Tensor, "n 1 size size"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n classes"] | None]:
        """Judge images as real or synthetic, and say of which class they are."""
        features = self.layers(images)
        kinds = None if self.kind is None else self.kind(features).flatten(1)
        return self.real(features).flatten(), kinds

"""BAPGAN (paper 000): a conditional adversarial autoencoder (CAAE) that ages bones of 128 × 128.

Encoder E: image → z. Generator G: (z, label) → image. D_id: z against its prior. D_img and D_age:
one network with two heads. The paper names no channel numbers; they are those of its backbone,
CAAE (Zhang et al. 2017, figure 3), and ``width`` makes the networks narrower.

The label is the one of :mod:`bonestudio.networks.bapgan_labels`: age classes, then the sex.
"""

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from bonestudio.networks.attention import SelfAttention

LATENT = 50
CLASSES = 5
SEXES = 2  # female, male


class Encoder(nn.Module):
    """Images [n, 1, size, size] in [-1, 1] → z [n, latent] in [-1, 1]: the person, not the age.

    ``width`` is the number of channels after the first of four 5 × 5 convolutions of stride 2.
    """

    def __init__(self, *, width: int = 64, latent: int = LATENT, size: int = 128) -> None:
        super().__init__()
        first = nn.Conv2d(1, width, 5, 2, 2)
        layers: list[nn.Module] = [first, nn.ReLU(inplace=True)]
        for before in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(before, 2 * before, 5, 2, 2), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.code = nn.Linear(8 * width * _smallest(size) ** 2, latent)
        self.apply(_initialise)
        # Small maps under large weights: a step of Adam moves the sum over thousands of inputs by
        # the rate times all of them, and with maps of unit size that throws z into saturation.
        nn.init.normal_(first.weight, 0.0, 0.1 * (2.0 / first.weight[0].numel()) ** 0.5)
        nn.init.normal_(self.code.weight, 0.0, 10.0 * self.code.in_features**-0.5)

    def forward(self, images: Float[Tensor, "n 1 size size"]) -> Float[Tensor, "n latent"]:
        """Describe the bone."""
        return torch.tanh(self.code(self.layers(images).flatten(1)))


class Generator(nn.Module):
    """z [n, latent] and label [n, classes + 2] → images [n, 1, size, size] in [-1, 1].

    Parameters
    ----------
    width
        Channels after the last of four transposed 5 × 5 convolutions; 16 times as many come out of
        the dense layer, on 8 × 8.
    sexes
        Whether the label ends with (female, male).
    attention
        Sides of the maps on which self-attention stands: 32 is after the second transposed
        convolution. The paper does not say where; SAGAN found 32 best.
    tiled
        Whether the label is repeated until as long as z, as in training; see :meth:`folded`.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        latent: int = LATENT,
        classes: int = CLASSES,
        sexes: bool = False,
        attention: Sequence[int] = (),
        size: int = 128,
        tiled: bool = True,
    ) -> None:
        super().__init__()
        self.start = _smallest(size)
        self.tile = _Tile(latent if tiled else 1, classes, sexes=sexes)
        channels = [16 * width, *reversed(_doubled(width))]
        self.grow = nn.Linear(latent + self.tile.length, channels[0] * self.start**2)
        layers: list[nn.Module] = [nn.ReLU(inplace=True)]
        for i in range(4):
            layers += [
                nn.ConvTranspose2d(channels[i], channels[i + 1], 5, 2, 2, output_padding=1),
                nn.ReLU(inplace=True),
            ]
            if self.start * 2 ** (i + 1) in attention:
                layers.append(SelfAttention(channels[i + 1]))
        self.layers = nn.Sequential(*layers)
        self.image = nn.Conv2d(width, 1, 5, padding=2)
        self.apply(_initialise)
        nn.init.normal_(self.image.weight, 0.0, 0.02)  # begin with gray, not with black and white

    def forward(
        self, z: Float[Tensor, "n latent"], label: Float[Tensor, "n told"]
    ) -> Float[Tensor, "n 1 size size"]:
        """Draw the bone at the age (and sex) that the label says."""
        wide = self.grow(torch.cat([z, self.tile(label)], 1))
        maps = self.layers(wide.unflatten(1, (-1, self.start, self.start)))
        return torch.tanh(_single(self.image(maps)))

    @torch.no_grad()
    def folded(self) -> "Generator":
        """Return the same function with ``tiled=False``: the repeated label's weights, summed."""
        twin = copy.deepcopy(self)
        twin.tile = _Tile(1, self.tile.classes, sexes=bool(self.tile.sex_times))
        latent = self.grow.in_features - self.tile.length
        each = [latent, *[self.tile.classes] * self.tile.age_times, *[SEXES] * self.tile.sex_times]
        z, *labels = self.grow.weight.split(each, 1)
        ages, sexes = labels[: self.tile.age_times], labels[self.tile.age_times :]
        sums = [torch.stack(group).sum(0) for group in (ages, sexes) if group]
        twin.grow = nn.Linear(latent + twin.tile.length, self.grow.out_features)
        twin.grow.weight.copy_(torch.cat([z, *sums], 1))
        twin.grow.bias.copy_(self.grow.bias)
        return twin.requires_grad_(requires_grad=False)


class IdentityDiscriminator(nn.Module):
    """D_id: z [n, latent] → logits [n]; their sigmoid is P(drawn from the uniform prior).

    ``norm`` is 'batch' as in CAAE or 'spectral' as in BAPGAN.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        latent: int = LATENT,
        norm: Literal["batch", "spectral"] = "batch",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = latent
        for after in (width, width // 2, width // 4):
            layers.append(nn.Linear(before, after))
            if norm == "batch":
                layers.append(nn.BatchNorm1d(after))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            before = after
        self.layers = nn.Sequential(*layers, nn.Linear(before, 1))
        self.apply(_initialise)
        if norm == "spectral":
            _normalise(self)

    def forward(self, z: Float[Tensor, "n latent"]) -> Float[Tensor, " n"]:
        """Judge codes."""
        return _single(self.layers(z).flatten())


class ImageAgeDiscriminator(nn.Module):
    """D_img and D_age: one trunk, two heads.

    D_img is told the label. Without D_age it hears it after the first convolution, as in CAAE; with
    D_age only after the shared trunk, for D_age must find the age in the image, and through one
    more dense layer, for which image a label fits is not a sum of both.

    Parameters
    ----------
    width
        Channels after the first of four 5 × 5 convolutions of stride 2.
    dense
        Outputs of the dense layer that ends the trunk.
    ages
        Whether there is a D_age.
    attention
        Sides of the maps on which self-attention stands: 32 is after the second convolution.
    norm
        'batch' as in CAAE or 'spectral' (on every convolution and dense layer) as in BAPGAN.
    """

    def __init__(
        self,
        *,
        width: int = 16,
        dense: int = 1024,
        classes: int = CLASSES,
        sexes: bool = False,
        ages: bool = True,
        attention: Sequence[int] = (),
        norm: Literal["batch", "spectral"] = "batch",
        size: int = 128,
    ) -> None:
        super().__init__()
        self.tile = _Tile(LATENT, classes, sexes=sexes)
        told = self.tile.length
        channels, before = _doubled(width), 1
        self.trunk = nn.ModuleList()
        for i, after in enumerate(channels):
            joined = told if i == 1 and not ages else 0
            block: list[nn.Module] = [nn.Conv2d(before + joined, after, 5, 2, 2)]
            if norm == "batch":
                block.append(nn.BatchNorm2d(after))
            block.append(nn.LeakyReLU(0.2, inplace=True))
            if size // 2 ** (i + 1) in attention:
                block.append(SelfAttention(after))
            self.trunk.append(nn.Sequential(*block))
            before = after
        slope = nn.LeakyReLU(0.2, inplace=True)
        self.dense = nn.Sequential(nn.Linear(before * _smallest(size) ** 2, dense), slope)
        self.age = nn.Linear(dense, classes) if ages else None
        self.real: nn.Module = nn.Linear(dense, 1)
        if ages:
            self.real = nn.Sequential(nn.Linear(dense + told, dense), slope, nn.Linear(dense, 1))
        self.apply(_initialise)
        if norm == "spectral":
            _normalise(self)

    def forward(
        self, images: Float[Tensor, "n 1 size size"], label: Float[Tensor, "n told"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n classes"] | None]:
        """Judge images with their labels: logits of 'real', and of the age classes (D_age)."""
        real, age, _ = self.judge(images, label)
        return real, age

    def judge(
        self, images: Float[Tensor, "n 1 size size"], label: Float[Tensor, "n told"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "n classes"] | None, list[Tensor]]:
        """Judge images, and hand out the trunk's maps, large ones first."""
        tiled, x = self.tile(label), images
        maps = []
        for i, block in enumerate(self.trunk):
            x = block(_joined(x, tiled) if i == 1 and self.age is None else x)
            maps.append(x)
        seen = self.dense(x.flatten(1))
        age = None if self.age is None else _single(self.age(seen))
        real = self.real(seen if age is None else torch.cat([seen, tiled.to(seen.dtype)], 1))
        return _single(real.flatten()), age, maps


class _Tile(nn.Module):
    """Repeats a label until it is about as long as z, so that it is not drowned out (CAAE)."""

    def __init__(self, latent: int, classes: int, *, sexes: bool) -> None:
        super().__init__()
        self.classes = classes
        self.age_times = max(1, latent // classes)
        self.sex_times = max(1, latent // SEXES) if sexes else 0
        self.length = classes * self.age_times + SEXES * self.sex_times

    def forward(self, label: Tensor) -> Tensor:
        age, sex = label[:, : self.classes], label[:, self.classes :]
        return torch.cat([age.repeat(1, self.age_times), sex.repeat(1, self.sex_times)], 1)


def _single(x: Tensor) -> Tensor:
    """Losses and pixels are not computed in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _joined(maps: Tensor, tiled: Tensor) -> Tensor:
    """Lay the label over every place of the maps."""
    everywhere = tiled[:, :, None, None].expand(-1, -1, *maps.shape[2:])
    return torch.cat([maps, everywhere.to(maps.dtype)], 1)


def _doubled(width: int) -> tuple[int, int, int, int]:
    return width, 2 * width, 4 * width, 8 * width


def _smallest(size: int) -> int:
    """Side of the maps that four halvings leave."""
    if size < 32 or size % 16:
        raise ValueError(f"size is a multiple of 16 from 32 on, not {size}")
    return size // 16


def _initialise(module: nn.Module) -> None:
    """He et al. 2015, so that narrow networks begin as wide ones do."""
    if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        return
    fan = module.weight[0].numel()
    if isinstance(module, nn.ConvTranspose2d):  # [in, out, 5, 5]; stride 2 meets a quarter of them
        fan = module.in_channels * 25 // 4
    nn.init.normal_(module.weight, 0.0, (2.0 / fan) ** 0.5)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def _normalise(network: nn.Module) -> None:
    """Spectral normalisation (Miyato et al. 2018) of every convolution and dense layer."""
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            spectral_norm(module)

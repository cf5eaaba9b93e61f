"""A small residual network that knows bones: its features are what FID and its kind compare.

One class for films (2D) and scans (3D). Trained to name the bone, its age, sex, whether it is
broken and the visual grade of a scan, so its 256 features say what matters in a bone image,
where Inception's say what matters in photographs.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

_CONV: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, type[nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class Block(nn.Module):
    """Two 3ⁿ convolutions beside a shortcut, the first of stride 2 (He et al. 2016, figure 5)."""

    def __init__(self, before: int, after: int, *, dims: int) -> None:
        super().__init__()
        conv, norm = _CONV[dims], _NORM[dims]
        self.path = nn.Sequential(
            conv(before, after, 3, stride=2, padding=1, bias=False),
            norm(after),
            nn.ReLU(inplace=True),
            conv(after, after, 3, padding=1, bias=False),
            norm(after),
        )
        self.shortcut = nn.Sequential(conv(before, after, 1, stride=2, bias=False), norm(after))

    def forward(self, x: Tensor) -> Tensor:
        """Halve each side."""
        return torch.relu(self.path(x) + self.shortcut(x))


class BoneExtractor(nn.Module):
    """Images in [-1, 1] → features [n, 8 · width] → what the image shows.

    Parameters
    ----------
    kinds
        Names of the bones that ``kind`` tells apart.
    dims
        2 for films [n, 1, height, width], 3 for scans [n, 1, slices, height, width].
    """

    def __init__(self, *, kinds: Sequence[str], dims: int = 2, width: int = 32) -> None:
        super().__init__()
        self.kinds = tuple(kinds)
        conv, norm = _CONV[dims], _NORM[dims]
        self.stem = nn.Sequential(
            conv(1, width, 5, stride=2, padding=2, bias=False), norm(width), nn.ReLU(inplace=True)
        )
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        self.blocks = nn.Sequential(*(Block(a, b, dims=dims) for a, b in pairwise(widths)))
        self.heads = nn.ModuleDict(
            {
                "kind": nn.Linear(8 * width, len(self.kinds)),
                "age": nn.Linear(8 * width, 1),
                "male": nn.Linear(8 * width, 1),
                "abnormal": nn.Linear(8 * width, 1),
                "grade": nn.Linear(8 * width, 1),
            }
        )

    def features(self, images: Float[Tensor, "n 1 ..."]) -> Float[Tensor, "n features"]:
        """Describe images: means over the last maps."""
        return self.blocks(self.stem(images)).flatten(2).mean(2)  # type: ignore[no-any-return]

    def depths(self, images: Float[Tensor, "n 1 ..."]) -> Float[Tensor, "n all_features"]:
        """Describe images at every depth: means over the maps of the stem and of each block."""
        maps = [self.stem(images)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return torch.cat([one.flatten(2).mean(2) for one in maps], 1)

    def forward(self, images: Float[Tensor, "n 1 ..."]) -> dict[str, Tensor]:
        """Read images.

        Returns
        -------
        ``kind`` [n, kinds] logits; ``male`` and ``abnormal`` [n] logits; ``age`` [n] in years;
        ``grade`` [n], 1 to 5.
        """
        seen = self.features(images)
        told = {
            name: head(seen).squeeze(1).float()
            for name, head in self.heads.items()
            if name != "kind"
        }
        # Outputs near 0 and of unit size at the start: ages around 10 years, grades around 3.
        told["age"] = 10.0 + 5.0 * told["age"]
        told["grade"] = 3.0 + told["grade"]
        return {"kind": self.heads["kind"](seen).float(), **told}

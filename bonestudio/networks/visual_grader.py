"""A 3D ResNet (MONAI's) that gives the visual grade of motion, 1 to 5 (paper 003, section 3.3).

Its features are those of the paper's FID_vgs: they say what an expert looks at.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bonestudio.vision import monai

GRADES = 5
LAYERS = {10: [1, 1, 1, 1], 18: [2, 2, 2, 2], 34: [3, 4, 6, 3]}  # He et al. 2016, table 1


class VisualGrader(nn.Module):
    """Stacks [n, 1, slices, rows, columns] in [-1, 1] → visual grade.

    Parameters
    ----------
    depth, width
        Layers (10, 18 or 34), and channels of the first; the last have eight times as many.
    dims
        3: said on the card, so that scores know that stacks are compared.
    """

    def __init__(
        self, *, depth: Literal[10, 18, 34] = 10, width: int = 32, dims: Literal[3] = 3
    ) -> None:
        super().__init__()
        self.dims = dims
        self.net = monai.networks.nets.ResNet(
            "basic",
            LAYERS[depth],
            [width, 2 * width, 4 * width, 8 * width],
            spatial_dims=dims,
            n_input_channels=1,
            conv1_t_stride=2,
            feed_forward=False,
            bias_downsample=False,  # batch norm follows and would take it away
        )
        self.head = nn.Linear(8 * width, GRADES)

    def features(self, stacks: Float[Tensor, "n 1 d h w"]) -> Float[Tensor, "n features"]:
        """Describe stacks: means over the last maps."""
        return self.net(stacks)  # type: ignore[no-any-return]

    def forward(self, stacks: Float[Tensor, "n 1 d h w"]) -> dict[str, Tensor]:
        """Grade stacks.

        Returns
        -------
        ``grades`` [n, 5] logits of the grades 1 to 5; ``grade`` [n], the one to be expected.
        """
        logits = self.head(self.features(stacks)).float()
        steps = torch.arange(1, GRADES + 1, device=logits.device, dtype=logits.dtype)
        return {"grades": logits, "grade": logits.softmax(1) @ steps}

"""Codes of real stacks that hold a generator in place while it learns; no part of paper 003.

The paper's critic sees 1.7 million stacks. A recipe that affords a hundredth of that has contours that
wander: a critic of so few updates tells texture from noise before it tells a bone from a cloud. Here the
first numbers of a code are what coarse stacks differ by, and the volume of such a code is held to its
stack, coarsely: position, size and shape. What is finer is left to the critic.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


class Anchor:
    """Principal components of coarse stacks as the first numbers of a code.

    Parameters
    ----------
    coarse
        Stacks [n, 1, slices, rows, columns] of the first stage.
    components
        How many numbers of a code are told by its stack; each has mean 0 and variance 1 over ``coarse``,
        as all numbers of a code have.
    """

    def __init__(self, coarse: Float[Tensor, "n 1 s r c"], *, components: int) -> None:
        flat = coarse.flatten(1).double()
        self.rows = coarse.shape[-2]
        self.mean = flat.mean(0)
        _, sizes, right = torch.linalg.svd(flat - self.mean, full_matrices=False)
        kept = min(components, int((sizes > 1e-6 * sizes[0]).sum()))
        self.axes = (right[:kept].T * (len(flat) ** 0.5 / sizes[:kept])).float()
        self.mean = self.mean.float()

    def codes(self, x: Float[Tensor, "n 1 s r c"], z: Float[Tensor, "n 512"]) -> Tensor:
        """Codes of stacks of any stage; the numbers that stacks do not tell are those of ``z``."""
        coarse = coarser(x, self.rows).flatten(1)
        told = (coarse - self.mean.to(x)) @ self.axes.to(x)
        return torch.cat([told, z[:, told.shape[1] :]], 1)

    def strayed(
        self, drawn: Float[Tensor, "n 1 s r c"], x: Float[Tensor, "n 1 s r c"]
    ) -> Float[Tensor, " n"]:
        """Distance of volumes from stacks, both halved down to the second stage (or the first).

        Its slope for the volume's voxels has a length of 1, as the critic's has (equation 1), so that the
        two can be weighed against each other whatever the stage.
        """
        rows = min(2 * self.rows, x.shape[-2])
        apart = coarser(drawn, rows) - coarser(x, rows)
        voxels = drawn[0].numel() / apart[0].numel()
        return (apart.flatten(1).square().sum(1) * voxels + 1e-6).sqrt()


def coarser(x: Tensor, rows: int) -> Tensor:
    """Halve volumes until they have so many rows."""
    times = x.shape[-2] // rows
    return F.avg_pool3d(x, times) if times > 1 else x

"""A history of drawn images, so that a discriminator does not forget what it saw through before.

Shrivastava et al. (2017, section 2.3); CycleGAN keeps 50 images (Zhu et al. 2017, section 4). Each
place of the joint batch keeps its own share of them: processes that divide a batch then see what
one process would have seen, and a run that was killed goes on with the very same images.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from bonestudio.training.parallel import processes


class History:
    """``size`` images in all, dealt over the places of the joint batch; at least one each."""

    def __init__(self, size: int) -> None:
        self.size, self.filled = size, 0
        self.images: Tensor | None = None
        """[places of this process, share, channels, height, width], once a batch was seen."""

    def exchange(self, drawn: Tensor, luck: Tensor) -> Tensor:
        """Return, for each of the images ``drawn`` [n, …], itself or an earlier one.

        While the history fills up, images are kept and given back. From then on each of them
        changes places with an earlier one with probability 1/2. ``luck`` [n, 2] is uniform in
        [0, 1]: whether to change, and with which.
        """
        drawn = drawn.detach()
        if not self.size:
            return drawn
        images = self._opened(drawn)
        share = images.shape[1]
        if self.filled < share:
            images[:, self.filled] = drawn
            self.filled += 1
            return drawn
        rows = torch.arange(len(drawn), device=drawn.device)
        which = (luck[:, 1] * share).long().clamp(max=share - 1)
        change = (luck[:, 0] < 0.5).view(-1, *[1] * (drawn.ndim - 1))
        earlier = images[rows, which]
        images[rows, which] = torch.where(change, drawn, earlier)
        return torch.where(change, earlier, drawn)

    def recall(self, luck: Tensor) -> Tensor:
        """Return one of the images kept for each place; ``luck`` [n] is uniform in [0, 1]."""
        if self.images is None or not self.filled:
            raise ValueError("nothing was drawn yet")
        rows = torch.arange(len(luck), device=luck.device)
        which = (luck * self.filled).long().clamp(max=self.filled - 1)
        return self.images[rows, which]

    def state(self) -> dict[str, Tensor | int | None]:
        """Return all that :meth:`restore` needs."""
        return {"filled": self.filled, "images": self.images}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state` gave."""
        self.filled, self.images = state["filled"], state["images"]

    def _opened(self, drawn: Tensor) -> Tensor:
        if self.images is None or self.images.shape[0] != len(drawn):
            # At the start, or resumed by another number of processes.
            share = -(-self.size // (len(drawn) * processes()))
            self.images = drawn.new_zeros(len(drawn), share, *drawn.shape[1:])
            self.filled = 0
        self.images = self.images.to(drawn.device)
        return self.images

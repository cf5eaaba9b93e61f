"""Grad-CAM (Selvaraju et al. 2017): which parts of an image speak for a network's answer."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn


def grad_cam(
    network: "nn.Module", layer: "nn.Module", images: "Tensor", score: "Callable[[Tensor], Tensor]"
) -> "tuple[Tensor, Tensor]":
    """Explain answers by the maps of one layer.

    Parameters
    ----------
    images
        [n, channels, height, width].
    score
        Takes the network's output for ``images`` and returns one number for each image, [n].

    Returns
    -------
    The network's output, and maps [n, height, width] of 0 to 1: ReLU(Σ_k α_k A^k) (equation 2
    there), enlarged to the images; all 0 where nothing speaks for the score.
    """
    import torch
    from torch.nn import functional as F

    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _layer, _given, maps: kept.append(maps))
    try:
        with torch.enable_grad():
            output = network(images.detach().requires_grad_())
            (slopes,) = torch.autograd.grad(score(output).sum(), kept[0])
    finally:
        hook.remove()
    weights = slopes.mean((2, 3), keepdim=True)  # α, equation 1
    heat = torch.relu((weights * kept[0].detach()).sum(1, keepdim=True))
    heat = F.interpolate(heat, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    return output.detach(), heat / heat.amax((1, 2), keepdim=True).clamp(min=1e-12)

"""Distances between the features of two sets of images: FID and KID.

Both take features [images, dimensions] of any extractor; scores of different extractors are not
comparable, so whoever prints one names its extractor.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from bonestudio.errors import RequestError

Features = Float[Tensor, "images dimensions"]


def frechet_distance(a: Features, b: Features) -> float:
    """FID (Heusel 2017): ‖μa − μb‖² + tr(Σa + Σb − 2 (Σa Σb)^½), in double precision."""
    a, b = _pair(a, b)
    centred_a, centred_b = a - a.mean(0), b - b.mean(0)
    means = (a.mean(0) - b.mean(0)).square().sum()
    spread_a = centred_a.square().sum() / (len(a) - 1)
    spread_b = centred_b.square().sum() / (len(b) - 1)
    # tr (Σa Σb)^½ is the sum of the singular values of A Bᵀ over √((n−1)(m−1)): no matrix root,
    # and exact for fewer images than dimensions, where Σ is singular.
    cross = torch.linalg.svdvals(_root(centred_a) @ _root(centred_b).T).sum()
    cross = cross / ((len(a) - 1) * (len(b) - 1)) ** 0.5
    return max(0.0, float(means + spread_a + spread_b - 2 * cross))


def kernel_distance(
    a: Features, b: Features, *, subset: int = 1000, subsets: int = 100, seed: int = 0
) -> tuple[float, float]:
    """KID (Bińkowski 2018): unbiased MMD² with the kernel (x·y/d + 1)³; mean and deviation.

    Over ``subsets`` random subsets; with no more images than a subset holds, over all of them once
    (the deviation is then not a number).
    """
    a, b = _pair(a, b)
    size = min(subset, len(a), len(b))
    if size == len(a) == len(b):
        return float(_mmd2(a, b)), float("nan")
    generator = torch.Generator().manual_seed(seed)
    scores = torch.stack(
        [
            _mmd2(
                a[torch.randperm(len(a), generator=generator)[:size]],
                b[torch.randperm(len(b), generator=generator)[:size]],
            )
            for _ in range(subsets)
        ]
    )
    return float(scores.mean()), float(scores.std())


def _mmd2(a: Tensor, b: Tensor) -> Tensor:
    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    n, m = len(a), len(b)
    aa, bb, ab = kernel(a, a), kernel(b, b), kernel(a, b)
    within_a = (aa.sum() - aa.trace()) / (n * (n - 1))
    within_b = (bb.sum() - bb.trace()) / (m * (m - 1))
    return within_a + within_b - 2 * ab.mean()


def _root(centred: Tensor) -> Tensor:
    """R with RᵀR = XᵀX, at most as tall as it is wide (QR), for the same singular values."""
    return torch.linalg.qr(centred, mode="r").R if len(centred) > centred.shape[1] else centred


def _pair(a: Features, b: Features) -> tuple[Tensor, Tensor]:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise RequestError(
            f"Features must be two tables of the same width, not {tuple(a.shape)} and {tuple(b.shape)}."
        )
    if min(len(a), len(b)) < 2:
        raise RequestError("A distance between sets needs at least two images on either side.")
    return a.detach().cpu().double(), b.detach().cpu().double()

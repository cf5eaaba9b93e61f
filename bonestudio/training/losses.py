"""Adversarial losses and penalties, each with the equation that it is.

Discriminators and critics return logits of any shape; every loss is a mean over all of them.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def judged_real(logits: Tensor) -> Tensor:
    """−E[log σ(D)]: binary cross-entropy against 'real' (Goodfellow et al. 2014, equation 1)."""
    return F.softplus(-logits).mean()


def judged_false(logits: Tensor) -> Tensor:
    """−E[log(1 − σ(D))]: binary cross-entropy against 'synthetic'."""
    return F.softplus(logits).mean()


def fooled(scores: Tensor) -> Tensor:
    """½ E[(D(G(x)) − 1)²]: a generator's least squares (Mao et al. 2017; paper 002, equation 36)."""
    return (scores - 1.0).square().mean() / 2.0


def told_apart(real: Tensor, fake: Tensor) -> Tensor:
    """½ E[(D(a) − 1)² + D(G(b))²]: the discriminator's (paper 002, equation 38)."""
    return ((real - 1.0).square().mean() + fake.square().mean()) / 2.0


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """E[(‖∇D(x̂)‖₂ − 1)²], two-sided, x̂ = ε x + (1 − ε) G(z) (Gulrajani et al. 2017, equation 3).

    ``mix`` is ε, uniform in [0, 1], one per image: [n, 1, …]. Compute it in full precision and
    minimise it together with the critic's loss.
    """
    between = (mix * real + (1.0 - mix) * fake.detach()).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    length: Tensor = slope.flatten(1).norm(dim=1)
    return ((length - 1.0) ** 2).mean()


def r1_penalty(logits: Tensor, real: Tensor) -> Tensor:
    """E[‖∇D(x)‖²] / 2 on real images (Mescheder et al. 2018, equation 9, γ outside).

    ``real`` must require a gradient and ``logits`` be computed from it.
    """
    (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return slope.square().flatten(1).sum(1).mean() / 2.0


def gradient_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Correlation of the slopes of two images along rows and along columns, meaned: [n].

    GC of paper 004 (after Penney et al. 1998) for images [n, 1, h, w]; where an image has no slope it is 0.
    """
    scores = []
    for axis in (2, 3):
        x, y = (image.diff(dim=axis).flatten(1) for image in (a, b))
        x, y = x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
        scores.append((x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1)).clamp(min=1e-8))
    return torch.stack(scores).mean(0)

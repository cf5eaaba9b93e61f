"""Several processes that compute what one would have computed on all of their images.

Gradients are averaged in one flat message after the backward pass (as StyleGAN's loop does)
rather than by hooks inside it: this stays right with a gradient penalty's double backward, with
several optimisers, and with layers that a progressive stage does not use yet. Each process holds
the same share of the batch, so the mean of means is the mean.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over processes."""
    if processes() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    flat /= processes()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


class _Sum(torch.autograd.Function):
    """Sum over processes; its derivative is the same sum, to any order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004 – torch passes it
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # noqa: ARG004 – torch passes it
        total: Tensor = _Sum.apply(grad)
        return total


def joint_sum(x: Tensor) -> Tensor:
    """Sum of ``x`` over processes, differentiable."""
    total: Tensor = _Sum.apply(x) if processes() > 1 else x
    return total


class JointBatchNorm(_BatchNorm):
    """Batch normalisation over the images of all processes.

    torch.nn.SyncBatchNorm needs a GPU and has no second derivative; this one has neither limit.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 – torch's own name
        pass  # one class for 1, 2 and 3 dimensions

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 – torch's own name
        """Normalise [n, channels, …]."""
        if not self.training:
            return super().forward(input)
        x = input.double() if input.dtype == torch.float64 else input.float()
        axes = [0, *range(2, x.ndim)]
        wide = (1, -1, *[1] * (x.ndim - 2))
        count = x.numel() // x.shape[1] * processes()
        mean = joint_sum(x.sum(axes)) / count
        centred = x - mean.view(wide)
        variance = joint_sum((centred * centred).sum(axes)) / count
        if self.running_mean is not None and self.running_var is not None:
            with torch.no_grad():
                step = self.momentum if self.momentum is not None else 0.1
                self.running_mean.lerp_(mean, step)
                self.running_var.lerp_(variance * count / (count - 1), step)
                if self.num_batches_tracked is not None:
                    self.num_batches_tracked.add_(1)
        y = centred * torch.rsqrt(variance + self.eps).view(wide)
        if self.weight is not None:
            y = y * self.weight.view(wide) + self.bias.view(wide)
        return y.to(input.dtype)


def join_batch_norms(network: nn.Module) -> None:
    """Make every batch normalisation inside ``network`` span all processes, in place."""
    for name, child in network.named_children():
        if isinstance(child, _BatchNorm) and not isinstance(child, JointBatchNorm):
            joint = JointBatchNorm(
                child.num_features,
                eps=child.eps,
                momentum=child.momentum,
                affine=child.affine,
                track_running_stats=child.track_running_stats,
            )
            joint.weight, joint.bias = child.weight, child.bias
            joint.running_mean, joint.running_var = child.running_mean, child.running_var
            joint.num_batches_tracked = child.num_batches_tracked
            joint.train(child.training)
            setattr(network, name, joint)
        else:
            join_batch_norms(child)


def agreed(flag: bool, device: torch.device) -> bool:  # noqa: FBT001 – a question, not an option
    """Whether the flag is up on any process."""
    if processes() == 1:
        return flag
    vote = torch.tensor(float(flag), device=device)
    dist.all_reduce(vote)
    return bool(vote.item() > 0)


def mean_values(values: Mapping[str, float], device: torch.device) -> dict[str, float]:
    """Mean over processes of each value."""
    if processes() == 1 or not values:
        return dict(values)
    joint = torch.tensor(list(values.values()), device=device)
    dist.all_reduce(joint)
    return dict(zip(values, (joint / processes()).tolist(), strict=True))


def gather_all(value: Any) -> list[Any]:
    """Return the value of every process, in the order of their ranks."""
    if processes() == 1:
        return [value]
    gathered: list[Any] = [None] * processes()
    dist.all_gather_object(gathered, value)
    return gathered

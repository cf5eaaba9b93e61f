"""Codes of real stacks: what they tell, and how volumes are held to them."""

import torch

from bonestudio.training.anchoring import Anchor, coarser


def stacks(count: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Stacks [n, 1, 4, 8, 8] of two independent patterns, and how much of each, [n, 2]."""
    random = torch.Generator().manual_seed(0)
    amounts = torch.randn(count, 2, generator=random)
    amounts = torch.linalg.qr(amounts - amounts.mean(0)).Q * count**0.5  # variance 1, uncorrelated
    patterns = torch.zeros(2, 4, 8, 8)
    patterns[0, :, :4], patterns[1, :2, 4:] = 0.3, 0.1
    return 0.5 + torch.einsum("nk,kabc->nabc", amounts, patterns)[:, None], amounts


def test_a_code_tells_what_stacks_differ_by_and_nothing_else():
    x, amounts = stacks()
    anchor = Anchor(coarser(x, 4), components=5)
    z = torch.zeros(60, 512) + torch.arange(512)
    codes = anchor.codes(x, z)
    told = codes[:, :2]  # two patterns, so two numbers, though five were allowed
    assert torch.equal(codes[:, 2:], z[:, 2:])
    torch.testing.assert_close(told.T @ told / 60, torch.eye(2), atol=1e-3, rtol=0)
    torch.testing.assert_close(told.abs(), amounts.abs(), atol=2e-3, rtol=0)
    torch.testing.assert_close(anchor.codes(coarser(x, 4), z), codes, atol=1e-4, rtol=0)


def test_volumes_are_pulled_with_a_slope_of_1_and_only_coarsely():
    x, _ = stacks()
    x = x.repeat_interleave(4, 3).repeat_interleave(4, 4).repeat_interleave(4, 2)  # third stage
    anchor = Anchor(coarser(x, 8), components=2)
    drawn = (
        x + 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    ).requires_grad_()
    (slope,) = torch.autograd.grad(anchor.strayed(drawn, x).sum(), drawn)
    torch.testing.assert_close(slope.flatten(1).norm(dim=1), torch.ones(60), atol=1e-3, rtol=0)
    finer = x.detach().clone()
    finer[..., ::2] += 0.2
    finer[..., 1::2] -= 0.2
    assert anchor.strayed(finer, x).max() < 2e-3

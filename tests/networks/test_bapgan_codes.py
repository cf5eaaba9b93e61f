"""Codes that go with age: what is learned is taken out and put in again, and nothing else moves."""

import torch

from bonestudio.networks.bapgan_codes import FADES, OVER, learned_drift, mean_code, moved


def bones(n: int = 400) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ages, sexes, and codes whose first number goes with age; the second is the patient's own."""
    drawn = torch.Generator().manual_seed(0)
    ages, male = 19 * torch.rand(n, generator=drawn), (torch.arange(n) % 2).float()
    own = 0.1 * torch.randn(n, generator=drawn)
    codes = torch.stack([0.04 * ages - 0.4 + 0.1 * male, own], 1)
    return ages, male, codes, own


def test_what_goes_with_age_is_learned() -> None:
    ages, male, codes, _ = bones()
    drift = learned_drift(codes, ages, male)
    usual = mean_code(drift, torch.tensor([5.0, 5.0]), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(usual[:, 0], torch.tensor([-0.2, -0.1]), atol=1e-4, rtol=0)
    unknown = mean_code(drift, torch.tensor([5.0]), torch.tensor([torch.nan]))
    torch.testing.assert_close(unknown[0], usual.mean(0))


def test_a_code_goes_along_and_stays_its_own() -> None:
    ages, male, codes, own = bones()
    drift = learned_drift(codes, ages, male)
    older = moved(codes, drift, now=ages, to=torch.full_like(ages, 15.0), male=male)
    torch.testing.assert_close(older[:, 0], 0.2 + 0.1 * male, atol=1e-3, rtol=0)
    near, far = (ages - 15).abs() < 0.5, (ages - 15).abs() > OVER
    assert (older[near, 1] - own[near]).abs().max() < 0.05
    torch.testing.assert_close(older[far, 1], (1 - FADES) * own[far], atol=0.03, rtol=0)
    stayed = moved(codes, drift, now=ages, to=ages, male=male)
    torch.testing.assert_close(stayed, codes, atol=1e-5, rtol=0)
    beyond = moved(codes, 50 * drift, now=ages, to=19 - ages, male=male)
    assert beyond.abs().max() <= 1

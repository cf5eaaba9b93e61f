"""Hands by a DCGAN: one for each seed, and the way from one to another."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from bonestudio.checkpoints.store import loaded
from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.models import GENERATOR, hand_model

MOST: Final = 64  # hands of one sheet
_TRUNCATION: Final = (0.2, 3.0)


@dataclass(frozen=True, kw_only=True)
class Hand:
    """One synthetic hand.

    Attributes
    ----------
    seed
        With the weights and the truncation it makes the same hand again.
    film
        [size, size] in [0, 1]; without a spacing, which the network does not know.
    """

    seed: int
    film: Radiograph


class HandGenerator:
    """The weights of one checkpoint, loaded on first use."""

    def __init__(self, model: str | None = None) -> None:
        self.card = hand_model(model)

    @torch.inference_mode()
    def draw(self, codes: Tensor) -> list[Radiograph]:
        """Draw hands [size, size] in [0, 1] from codes [n, 100]."""
        low, high = self.card.settings.get("range", (-1, 1))
        generator = loaded(self.card.id)[GENERATOR]
        images = ((generator(codes) - low) / (high - low)).clamp(0, 1)
        pixels = images[:, 0].float().numpy()
        return [Radiograph(pixels=np.ascontiguousarray(one), view="PA") for one in pixels]

    def sample(
        self, seed: int = 0, count: int = 16, *, truncation: float | None = None
    ) -> list[Hand]:
        """Draw the hands of ``count`` seeds from ``seed`` on.

        Parameters
        ----------
        truncation
            Codes stay within this many standard deviations (0.2 to 3): fewer odd hands, less
            variety (Brock et al. 2019, section 3.1). None leaves them as they were trained.
        """
        if not 1 <= count <= MOST:
            raise RequestError(f"A sheet has 1 to {MOST} hands, not {count}.")
        seeds = range(seed, seed + count)
        codes = torch.stack([code(one, truncation=truncation) for one in seeds])
        return [
            Hand(seed=one, film=film) for one, film in zip(seeds, self.draw(codes), strict=True)
        ]

    def walk(
        self, first: int, last: int, *, frames: int = 17, truncation: float | None = None
    ) -> list[Radiograph]:
        """Draw the way from the hand of one seed to that of another, both included."""
        if not 2 <= frames <= MOST:
            raise RequestError(f"A walk has 2 to {MOST} frames, not {frames}.")
        ends = code(first, truncation=truncation), code(last, truncation=truncation)
        shares = np.linspace(0, 1, frames)
        return self.draw(torch.stack([between(*ends, float(share)) for share in shares]))


def code(seed: int, *, truncation: float | None = None) -> Tensor:
    """Latent code [100] of a seed.

    Truncation squeezes each number into ±``truncation`` by its rank, so a hand changes smoothly
    with it and codes follow the truncated normal distribution exactly.
    """
    from scipy.special import ndtr, ndtri

    from bonestudio.networks.dcgan import LATENT
    from bonestudio.phantoms.chance import generator

    drawn = generator(seed, "fracture/hand").standard_normal(LATENT)
    if truncation is not None:
        low, high = _TRUNCATION
        if not low <= truncation <= high:
            raise RequestError(
                f"Truncation is from {low} to {high} standard deviations, not {truncation!r}."
            )
        least = ndtr(-truncation)
        drawn = ndtri(least + ndtr(drawn) * (1 - 2 * least))
    return torch.from_numpy(np.asarray(drawn, np.float32))


def between(first: Tensor, last: Tensor, share: float) -> Tensor:
    """Spherical interpolation (Shoemake 1985): codes of high dimension lie on a shell, not in it."""
    norms = first.norm(), last.norm()
    angle = torch.arccos(((first / norms[0]) @ (last / norms[1])).clamp(-1, 1))
    length = norms[0] + share * (norms[1] - norms[0])
    if angle < 1e-4:
        return torch.lerp(first, last, share)
    near, far = first / norms[0], last / norms[1]
    way = torch.sin((1 - share) * angle) * near + torch.sin(share * angle) * far
    met: Tensor = way * (length / torch.sin(angle))
    return met

"""What a network that ages bones does to bones that it has not seen: strips of ages, and errors."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bonestudio.networks.bapgan_codes import learned_drift
from bonestudio.training.growing import GrowingFilms

Label = Callable[[Tensor, Tensor], Tensor]
"""Ages in years and male (1, 0, NaN), each [n] → what the generator is told of them."""

STRIP = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0)
ROWS = 8
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


@torch.no_grad()
def aged_strips(
    encoder: nn.Module, generator: nn.Module, films: GrowingFilms, label: Label, device: Any
) -> Tensor:
    """Up to eight films, young to old: [rows, input · reconstruction · STRIP, 1, size, size]."""
    by_age = torch.argsort(films.ages).numpy()
    rows = by_age[np.linspace(0, len(films) - 1, min(ROWS, len(films))).round().astype(int)]
    batch = films.batch(rows)
    x, age, male = (batch[key].to(device) for key in ("image", "age", "male"))
    z = encoder(x)
    columns = [x, generator(z, label(age, male))]
    columns += [generator(z, label(torch.full_like(age, years), male)) for years in STRIP]
    return torch.stack([column.float() for column in columns], 1)


@torch.no_grad()
def held_out_errors(
    encoder: nn.Module, generator: nn.Module, films: GrowingFilms, label: Label, device: Any
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """How well unseen films are reconstructed, and how much the age changes them.

    Returns
    -------
    scores
        'error': mean root mean square error of a film's reconstruction at its own age, as a share
        of the grey range; 'ageing': mean root mean square difference between 2 and 18 years.
    quantiles
        Of the error over films: probability → error.
    """
    errors, ageing = [], []
    for x, age, male in _batches(films, device):
        z = encoder(x)
        errors.append(_apart(x, generator(z, label(age, male))))
        young, old = (
            generator(z, label(torch.full_like(age, years), male)) for years in (2.0, 18.0)
        )
        ageing.append(_apart(young, old))
    joint = torch.cat(errors)
    scores = {"error": float(joint.mean()), "ageing": float(torch.cat(ageing).mean())}
    quantiles = {f"{q:g}": float(torch.quantile(joint, q)) for q in QUANTILES}
    return scores, quantiles


@torch.no_grad()
def usual_codes(encoder: nn.Module, films: GrowingFilms, device: Any) -> list[list[float]]:
    """How codes of these films go with age and sex: a drift of :mod:`~bonestudio.networks.bapgan_codes`."""
    codes = torch.cat([encoder(x).float().cpu() for x, _, _ in _batches(films, device)])
    drift = learned_drift(codes, films.ages, films.male)
    return [[round(float(number), 4) for number in row] for row in drift]


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """Root mean square difference [n] of images in [-1, 1], as a share of the grey range."""
    return (a.float() - b.float()).square().flatten(1).mean(1).sqrt().cpu() / 2.0


def _batches(films: GrowingFilms, device: Any) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    for rows in np.array_split(np.arange(len(films)), -(-len(films) // 64)):
        batch = films.batch(rows)
        yield batch["image"].to(device), batch["age"].to(device), batch["male"].to(device)

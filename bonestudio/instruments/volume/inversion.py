"""From a scan to its code: the encoder's guess, then descent on equation 7 or 10 of paper 003."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

from bonestudio.instruments.volume.codes import Code, check
from bonestudio.instruments.volume.scan import Prepared

if TYPE_CHECKING:
    from bonestudio.instruments.volume.model import VolumeModel

UPDATES: Final = 100
RATE: Final = 7e-3
BETAS: Final = (0.5, 0.9)  # of the encoder; the paper says 'Adam again'
VOXELS: Final = {"3D-ProGAN": 1.0, "3D-StyleGAN": 0.0}
"""Weight of the squared voxel error in equations 7 and 10."""


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """How far an inversion is.

    Attributes
    ----------
    done, total
        Updates; 0 is the first guess.
    code
        The best code so far.
    objective
        Of the code just tried (equation 7 or 10), the mean over the stacks.
    rmse
        Root mean squared error of the voxels of that code, mg HA/cm³, within the window.
    guess
        'encoder', or 'mean' where there is none for these weights.
    """

    done: int
    total: int
    code: Code
    objective: float
    rmse: float
    guess: str


def invert(
    model: "VolumeModel",
    encoder: Any,
    scan: Prepared,
    *,
    updates: int = UPDATES,
    voxels: float | None = None,
) -> Iterator[Inversion]:
    """Look for the code of a scan, telling after each update how near it is.

    Closing the iterator stops within an update. ``voxels`` weighs the voxels' error; by default as
    the paper does.
    """
    check(updates, 0, 10_000, "The number of updates")
    x = torch.from_numpy(scan.stacks)[:, None]
    weight = VOXELS[model.kind] if voxels is None else voxels
    codes = _guess(model, encoder, x).requires_grad_()
    adam = torch.optim.Adam([codes], RATE, BETAS)
    with torch.no_grad():
        seen = torch.cat([model.f.features(one) for one in x.split(1)])
    pairs = [slice(k, k + 2) for k in range(0, len(x), 2)]
    best, least = codes.detach().clone(), float("inf")
    low, high = model.window
    for done in range(updates + 1):
        tried = codes.detach().clone()
        adam.zero_grad()
        objective, squared = 0.0, 0.0
        for some in pairs:  # two stacks at a time: memory stays that of two
            loss, error = _objective(model, codes[some], x[some], seen[some], weight)
            if done < updates:
                loss.sum().backward()
            objective += float(loss.detach().sum()) / len(x)
            squared += float(error.sum()) / len(x)
        if objective < least:
            best, least = tried, objective
        yield Inversion(
            done=done,
            total=updates,
            code=_code(model, best, scan.starts),
            objective=objective,
            rmse=float(np.sqrt(squared)) * (high - low),
            guess="mean" if encoder is None else "encoder",
        )
        if done < updates:
            adam.step()


@torch.no_grad()
def _guess(model: "VolumeModel", encoder: Any, x: Tensor) -> Tensor:
    if encoder is None:
        return model.mean_code.repeat(len(x), 1)
    return torch.cat([encoder(one) for one in x.split(1)]).float()


def _objective(
    model: "VolumeModel", codes: Tensor, x: Tensor, seen: Tensor, voxels: float
) -> tuple[Tensor, Tensor]:
    """Equation 7 (3D-ProGAN, codes likely under N(0, 1)) or 10 (3D-StyleGAN), and voxel errors, [n]."""
    n = len(codes)
    # torch takes its slow path for one volume of few channels (networks/equalised.py), but not for two.
    given = codes.expand(2, -1) if n == 1 and model.thin else codes
    y = model.forward(given[:, None].expand(-1, model.layers, -1))
    loss = _mean_square(seen - model.f.features(y))[:n]
    error = _mean_square(x - y)[:n]
    if voxels:
        loss = loss + voxels * error
    if not model.styled:
        loss = loss + _mean_square(codes)
    return loss, error.detach()


def _mean_square(values: Tensor) -> Tensor:
    return values.square().flatten(1).mean(1)


def _code(model: "VolumeModel", codes: Tensor, starts: tuple[int, ...]) -> Code:
    values = codes[:, None].expand(-1, model.layers, -1).numpy().astype(np.float32)
    return Code(np.ascontiguousarray(values), starts, 0.0)

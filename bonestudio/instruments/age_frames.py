"""All ages of one bone in one batch: encoder once, generator once."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio.checkpoints.store import Checkpoint
from bonestudio.imaging.types import Sex
from bonestudio.networks.bapgan_labels import CLASSES, SMOOTHING, condition

_READ = 20  # frames that the encoder reads again for the identity; between them it runs straight


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What the networks make of a film; images are [size, size] in [0, 1]."""

    frames: NDArray[np.float32]
    reconstruction: NDArray[np.float32]
    age: float
    identity: NDArray[np.float64]
    seconds: float


@torch.inference_mode()
def draw(
    weights: Checkpoint,
    film: NDArray[np.float32],
    ages: NDArray[np.float64],
    *,
    sex: Sex | None,
    age: float | None,
) -> Drawn:
    """Render ``ages`` (years, [n]) and the bone as it is now.

    When ``age`` is unknown, the reconstruction is the frame nearest to the film: the age at which
    the model redraws it with the least error.
    """
    started = time.perf_counter()
    encoder, generator = weights["encoder"], weights["generator"]
    image = torch.from_numpy(np.ascontiguousarray(film, np.float32))[None, None] * 2 - 1
    code = encoder(image)
    years = ages if age is None else np.append(ages, age)
    told = _labels(weights, years, sex)
    drawn = generator(code.expand(len(years), -1), told)[:, 0].float()
    if age is None:
        nearest = int((drawn - image[0]).square().mean((1, 2)).argmin())
        age, now = float(ages[nearest]), drawn[nearest]
    else:
        drawn, now = drawn[:-1], drawn[-1]
    return Drawn(
        frames=_unit(drawn),
        reconstruction=_unit(now),
        age=age,
        identity=_identity(encoder, code, drawn),
        seconds=time.perf_counter() - started,
    )


def _labels(weights: Checkpoint, years: NDArray[np.float64], sex: Sex | None) -> Tensor:
    settings = weights.card.settings
    config = weights.card.parts["generator"].config
    return condition(
        torch.from_numpy(years).float(),
        [sex] * len(years),
        classes=int(settings.get("classes", config.get("classes", CLASSES))),
        smoothing=float(settings.get("smoothing", SMOOTHING)),
        told_sex=bool(config.get("sexes", False)),
    )


def _identity(encoder: Any, code: Tensor, drawn: Tensor) -> NDArray[np.float64]:
    """Correlation of the encoder's reading of each frame with that of the film."""
    chosen = np.unique(np.linspace(0, len(drawn) - 1, min(_READ, len(drawn))).round().astype(int))
    read = encoder(drawn[chosen][:, None])
    centred, own = read - read.mean(1, keepdim=True), code - code.mean(1, keepdim=True)
    same = torch.nn.functional.cosine_similarity(centred, own).double().numpy()
    identity: NDArray[np.float64] = np.interp(np.arange(len(drawn)), chosen, same)
    return identity


def _unit(images: Tensor) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = ((images + 1) / 2).clamp(0, 1).numpy()
    return pixels

"""What a trained model of hip density must know of itself: how wrong it is, and which films it knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bonestudio.errors import ImageError
from bonestudio.measures.density_regions import THRESHOLD, corrected, equation_2, find_regions
from bonestudio.networks.familiar import Familiarity
from bonestudio.training.hip_films import HipFilms

SHARE = 0.9
VALUES = ("bmd", "total_hip", "neck")
"""Equation 2 over the proximal femur, and the areal density of two regions, g/cm²."""
_QUANTILES = 101  # of the errors, kept on the card
_FEWEST = 20  # films that a line is fitted to
_CHUNK = 16
_LEARNED = 1200  # films that familiarity is learned from, at most


@dataclass(frozen=True)
class Familiar:
    """The measure of how far a film lies from those learned from, and how to build it."""

    network: Familiarity
    config: dict[str, Any]


def calibrated(
    generator: Any, learned: HipFilms, calibration: HipFilms, *, device: torch.device
) -> tuple[Familiar, dict[str, Any]]:
    """Return the measure of familiarity and the card's settings: intervals, errors, distances.

    The density of a map is corrected by a line first, fitted on the calibration's patients, who were not
    learned from: a network leans towards the usual density. Intervals are split-conformal (Vovk et al. 2005; Lei et al. 2018): the truth of a new patient lies
    within estimate ± q in nine cases of ten, whatever the model is, if he is like the calibration's.
    """
    line = fitted_line(
        *(values[:, 0] for values in measured(generator, calibration, device=device))
    )
    true, found = measured(generator, calibration, device=device, line=line)
    settings: dict[str, Any] = {
        "correction": line,
        "interval": {},
        "errors": {},
        "threshold": THRESHOLD,
    }
    for i, name in enumerate(VALUES):
        known = np.isfinite(true[:, i]) & np.isfinite(found[:, i])
        errors = true[known, i] - found[known, i]
        settings["interval"][name] = half_width(errors)
        kept = np.quantile(errors, np.linspace(0, 1, _QUANTILES)) if len(errors) else []
        settings["errors"][name] = [round(float(error), 4) for error in kept]
    config = {"kinds": 1, "features": generator.encoder.described_by}
    network = Familiarity(**config)
    chosen = np.linspace(0, len(learned) - 1, min(len(learned), _LEARNED)).astype(int)
    network.learn(described(generator, learned.rows(chosen), device=device), 0)
    far = network(described(generator, calibration, device=device), 0).numpy()
    settings["distances"] = {
        str(share): float(np.quantile(far, share)) for share in (0.5, 0.95, 0.98, 0.99)
    }
    return Familiar(network, config), settings


def fitted_line(true: NDArray[np.float64], found: NDArray[np.float64]) -> list[float]:
    """Fit true densities to estimated ones, [n] each: (where it begins, slope); none where nothing was learned."""
    known = np.isfinite(true) & np.isfinite(found)
    if known.sum() < _FEWEST or np.ptp(found[known]) == 0:
        return [0.0, 1.0]
    slope, start = np.polyfit(found[known], true[known], 1)
    return [round(float(start), 4), round(float(slope), 4)] if slope > 0 else [0.0, 1.0]


def half_width(errors: NDArray[np.float64], *, share: float = SHARE) -> float | None:
    """Return q: the ⌈(n + 1) · share⌉-th smallest of the errors' sizes; None if there are too few."""
    n = len(errors)
    place = int(np.ceil((n + 1) * share))
    return float(np.sort(np.abs(errors))[place - 1]) if 0 < place <= n else None


@torch.no_grad()
def measured(
    generator: Any, films: HipFilms, *, device: torch.device, line: Sequence[float] = (0.0, 1.0)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return VALUES of the true and of the estimated maps, each [n, 3] in g/cm²; NaN where not found.

    ``line`` corrects the estimated ones.
    """
    true, found = [], []
    for rows in np.array_split(np.arange(len(films)), -(-len(films) // _CHUNK)):
        batch = films.batch(rows)
        maps = generator(batch["film"].to(device)).float().cpu()
        for truth, estimate in zip(batch["proximal"][:, 0], maps[:, 0], strict=True):
            true.append(values_of(truth.numpy()))
            found.append(values_of(corrected(estimate.numpy().clip(0), line)))
    return np.array(true), np.array(found)


def values_of(density: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return VALUES of one map [h, w], NaN where the map shows no femur."""
    try:
        whole = equation_2(density)
    except ImageError:
        return (np.nan, np.nan, np.nan)
    try:
        masks = find_regions(density).masks
    except ImageError:
        return (whole, np.nan, np.nan)
    return (
        whole,
        float(density[masks["total_hip"]].mean()),
        float(density[masks["neck"]].mean()),
    )


@torch.no_grad()
def described(generator: Any, films: HipFilms, *, device: torch.device) -> torch.Tensor:
    """Return what the encoder sees in each film, [n, features]."""
    parts = np.array_split(np.arange(len(films)), -(-len(films) // _CHUNK))
    seen = [
        generator.encoder.described(films.batch(rows)["film"].to(device)).float().cpu()
        for rows in parts
    ]
    return torch.cat(seen)

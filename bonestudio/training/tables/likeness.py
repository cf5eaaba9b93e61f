"""How alike two sets of images are, as cells of a table: FID, KID and shares, with intervals."""

import torch
from torch import Tensor

from bonestudio.metrics.distributions import frechet_distance, kernel_distance
from bonestudio.metrics.extractors import Extractor
from bonestudio.metrics.manifolds import manifold_scores
from bonestudio.training.tables.table import Cell

RESAMPLES = 20
SHARES = ["precision", "recall", "density", "coverage"]
INTERVALS = f"Intervals: 1.96 standard deviations over {RESAMPLES} random halves (FID) and 100 subsets (KID)."


def likeness_columns(extractor: Extractor) -> list[str]:
    """Names of the scores; the extractor and the hash of its weights belong to them."""
    return [f"FID {extractor}", f"KID × 1000 {extractor}", *SHARES]


def likeness(real: Tensor, made: Tensor, seed: int) -> list[Cell]:
    """Compare features [n, d] of real and of made images."""
    fid = frechet_distance(real, made)
    spread = torch.tensor(
        [
            frechet_distance(drawn(real, seed + i), drawn(made, seed - i - 1))
            for i in range(RESAMPLES)
        ]
    )
    # Half-samples without replacement vary as a mean of n does: sd of the half ≈ sd of the whole.
    reach = 1.96 * float(spread.std())
    size = max(2, min(1000, min(len(real), len(made)) // 2))
    kid, sd = kernel_distance(real, made, subset=size, seed=seed)
    shares = manifold_scores(real, made)
    return [
        (fid, max(0.0, fid - reach), fid + reach),
        (1000 * kid, 1000 * (kid - 1.96 * sd), 1000 * (kid + 1.96 * sd)),
        shares.precision,
        shares.recall,
        shares.density,
        shares.coverage,
    ]


def drawn(features: Tensor, seed: int) -> Tensor:
    """Half of the rows."""
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed % 2**31))
    return features[order[: max(2, len(features) // 2)]]


def halves(features: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Two halves of the rows that share none: what alike sets score."""
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    return features[order[: len(order) // 2]], features[order[len(order) // 2 :]]

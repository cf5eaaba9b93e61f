"""Where synthetic images lie beside the manifold of real ones, image by image.

The manifold of a set is the union of balls around its feature vectors, each reaching to its k-th
nearest neighbour (Kynkäänniemi 2019, 'Improved precision and recall').
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bonestudio.errors import RequestError


@dataclass(frozen=True)
class ManifoldScores:
    """Shares in [0, 1] (density can pass 1)."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(
    real: Float[Tensor, "n d"], synthetic: Float[Tensor, "m d"], *, neighbours: int = 3
) -> ManifoldScores:
    """Precision and recall (Kynkäänniemi 2019), density and coverage (Naeem 2020)."""
    radius_real = _reach(real, neighbours)
    radius_synthetic = _reach(synthetic, neighbours)
    distance = _distances(real, synthetic)  # [n, m]
    inside_real = distance < radius_real[:, None]
    inside_synthetic = distance < radius_synthetic[None, :]
    return ManifoldScores(
        precision=float(inside_real.any(0).double().mean()),
        recall=float(inside_synthetic.any(1).double().mean()),
        density=float(inside_real.sum(0).double().mean() / neighbours),
        coverage=float((distance.min(1).values < radius_real).double().mean()),
    )


def realism(
    real: Float[Tensor, "n d"], images: Float[Tensor, "m d"], *, neighbours: int = 3
) -> Float[Tensor, " m"]:
    """Realism score of each image (Kynkäänniemi 2019, eq. 3): at least 1 inside the manifold.

    The half of the real images with the largest balls is left out, as the paper does: in sparse
    regions a large ball would call anything real.
    """
    radius = _reach(real, neighbours)
    kept = radius <= radius.median()
    ratio = radius[kept, None] / _distances(real[kept], images).clamp_min(1e-12)
    return ratio.max(0).values


def _reach(features: Tensor, neighbours: int) -> Tensor:
    """Distance from each vector to its k-th nearest neighbour, itself not counted."""
    if len(features) <= neighbours:
        raise RequestError(
            f"A manifold with {neighbours} neighbours needs more than {neighbours} images, not {len(features)}."
        )
    return _distances(features, features).kthvalue(neighbours + 1, dim=1).values


def _distances(a: Tensor, b: Tensor) -> Tensor:
    if a.shape[1] != b.shape[1]:
        raise RequestError(f"Features must have the same width, not {a.shape[1]} and {b.shape[1]}.")
    # Differences, not dot products: identical vectors must be exactly 0 apart.
    return torch.cdist(
        a.detach().double(), b.detach().double(), compute_mode="donot_use_mm_for_euclid_dist"
    )

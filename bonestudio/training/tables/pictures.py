"""The images that a table compares: of a folder, of virtual patients, of a generator."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bonestudio.checkpoints import available
from bonestudio.checkpoints.store import load
from bonestudio.cohorts import Cohort, ImageFolder, Phantoms, Subset
from bonestudio.errors import RequestError
from bonestudio.networks.dcgan import LATENT
from bonestudio.training.films import open_cohort

CLEAN = "phantom-clean"


@dataclass(frozen=True)
class Pictures:
    """Films [height, width] in [0, 1] and what they are."""

    what: str
    films: list[NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.films)


def open_pictures(source: str, *, kind: Any, count: int, seed: int) -> Pictures:
    """Open at most ``count`` films: drawn from a folder, rendered, or generated."""
    if source in {"phantom", CLEAN}:
        style: Literal["natural", "synthetic"] = "synthetic" if source == CLEAN else "natural"
        cohort: Cohort = Phantoms(kind, count, seed=seed, ages=(1.0, 19.0), style=style)
        what = f"virtual {kind}s" + (", without grain" if source == CLEAN else "")
        return Pictures(what, _films(cohort))
    if Path(source).is_dir():
        cohort = _open_folder(source)
        chosen = np.random.default_rng(seed).permutation(len(cohort))[:count]
        return Pictures(
            Path(source).resolve().name, _films(Subset(cohort, sorted(chosen.tolist())))
        )
    return Pictures(source, generate(source, count=count, seed=seed))


def check_source(source: str) -> None:
    """Refuse a source that is nothing, before anything is rendered."""
    if source in {"phantom", CLEAN} or Path(source).is_dir() or available(source):
        return
    raise RequestError(
        f"'{source}' is neither a folder, nor 'phantom' or '{CLEAN}', nor a checkpoint that "
        "'bonestudio models' lists."
    )


@torch.no_grad()
def generate(checkpoint: str, *, count: int, seed: int) -> list[NDArray[np.float32]]:
    """Draw films from a generator's weights."""
    networks = load(checkpoint).networks
    if "generator" not in networks:
        raise RequestError(f"The checkpoint '{checkpoint}' has no generator of hands.")
    codes = torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed))
    made = torch.cat([networks["generator"](some) for some in codes.split(64)])
    return list(((made[:, 0] + 1.0) / 2.0).clamp(0, 1).numpy())


def _open_folder(source: str) -> Cohort:
    """Open any folder; an RSNA folder reads as one, other films need no table."""
    try:
        return open_cohort(source, phantom="hand", count=1)
    except RequestError:
        return ImageFolder(source)


def _films(cohort: Cohort) -> list[NDArray[np.float32]]:
    return [sample.image for sample in cohort]

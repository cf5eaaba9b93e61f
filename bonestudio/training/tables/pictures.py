"""The images that a table compares: of a folder, of virtual patients, of a generator."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bonestudio.checkpoints import available, find_card
from bonestudio.checkpoints.store import load
from bonestudio.cohorts import Cohort, ImageFolder, Phantoms, Subset
from bonestudio.errors import RequestError
from bonestudio.networks.dcgan import LATENT
from bonestudio.training.films import open_cohort

CLEAN = "phantom-clean"
Share = Literal["all", "held out", "learned from"]


@dataclass(frozen=True)
class Pictures:
    """Films [height, width] in [0, 1] and what they are."""

    what: str
    films: list[NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.films)


def open_pictures(
    source: str, *, kind: Any, count: int, seed: int, part: Share = "all"
) -> Pictures:
    """Open at most ``count`` films: drawn from a folder, rendered, or generated.

    ``part`` of a folder: the films that a generator's recipe holds out, the others, or all.
    """
    if source in {"phantom", CLEAN}:
        style: Literal["natural", "synthetic"] = "synthetic" if source == CLEAN else "natural"
        cohort: Cohort = Phantoms(kind, count, seed=seed, ages=(1.0, 19.0), style=style)
        what = f"virtual {kind}s" + (", without grain" if source == CLEAN else "")
        return Pictures(what, _films(cohort))
    if Path(source).is_dir():
        cohort = _open_folder(source)
        what = Path(source).resolve().name
        if part == "held out":
            cohort, what = cohort.split("test"), f"{what}, held out"
        elif part == "learned from":
            cohort, what = cohort.without("test"), f"{what}, learned from"
        chosen = np.random.default_rng(seed).permutation(len(cohort))[:count]
        return Pictures(what, _films(Subset(cohort, sorted(chosen.tolist()))))
    return Pictures(source, generate(source, count=count, seed=seed))


def has_held_out(source: str) -> bool:
    """Whether a generator's card says that it has not seen the test part of its films."""
    if source in {"phantom", CLEAN} or Path(source).is_dir():
        return False
    return find_card(source)[0].settings.get("held_out") == "test"


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
    draw: Any = networks["generator"]
    told = [torch.zeros(64, dtype=torch.long)] if getattr(draw, "classes", 0) else []  # normal
    made = torch.cat([draw(some, *(t[: len(some)] for t in told)) for some in codes.split(64)])
    return list(((made[:, 0] + 1.0) / 2.0).clamp(0, 1).numpy())


def _open_folder(source: str) -> Cohort:
    """Open any folder; an RSNA folder reads as one, other films need no table."""
    try:
        return open_cohort(source, phantom="hand", count=1)
    except RequestError:
        return ImageFolder(source)


def _films(cohort: Cohort) -> list[NDArray[np.float32]]:
    return [sample.image for sample in cohort]

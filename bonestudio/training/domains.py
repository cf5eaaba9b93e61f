"""The three domains of multi-CycleGAN: natural films, clean renderings, the bones on these."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from bonestudio.imaging import clahe
from bonestudio.imaging.types import Radiograph
from bonestudio.training.films import Pixels, open_cohort, read_films
from bonestudio.training.masked_films import open_masked
from bonestudio.training.order import Rows

NATURAL_SEED = 1_000_000  # natural-looking phantoms are other patients than the clean ones
HELD_OUT_SEED = 2_000_000


class Domain:
    """Films and, where they are known, their bones.

    A batch: 'film' and 'mask' [n, 1, size, size] float32 in [-1, 1]; bones are 1. An unknown mask is
    empty.
    """

    def __init__(self, films: Pixels, masks: Pixels | None = None) -> None:
        self.films = torch.from_numpy(films)
        self.masks = torch.zeros_like(self.films) if masks is None else torch.from_numpy(masks)

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, row: int) -> Mapping[str, Tensor]:
        return {name: value[0] for name, value in self.batch(np.array([row])).items()}

    def batch(self, rows: Rows) -> dict[str, Tensor]:
        """Return the films of these rows."""
        chosen = torch.from_numpy(rows)
        film = self.films[chosen].unsqueeze(1).float().div_(127.5).sub_(1.0)
        mask = self.masks[chosen].unsqueeze(1).ne(0).float().mul_(2.0).sub_(1.0)
        return {"film": film, "mask": mask}


def open_rendered(
    kind: str, count: int, *, size: int, seed: int = 0, style: str = "synthetic"
) -> Domain:
    """Open phantoms with their bones, equalised as the paper's films are (CLAHE, clip 3, 8 × 8)."""
    films = open_masked({kind: count}, size=size, seed=seed, style=style)
    return Domain(films.equalised.numpy(), films.bits.numpy())


def open_natural(source: str, kind: str, count: int, *, size: int) -> Domain:
    """Open a folder's films but for its test part, equalised; or natural-looking phantoms."""
    if source == "phantom":
        films = open_masked({kind: count}, size=size, seed=NATURAL_SEED)
        return Domain(films.equalised.numpy())
    cohort = open_cohort(source, phantom=kind, count=count)
    # One film would leave nothing to learn from; folders of a few are all learned from.
    kept = cohort.without("test") if len(cohort) >= 10 else cohort
    return Domain(np.stack([equalised(film) for film in read_films(kept, size=size)]))


def equalised(levels: Pixels) -> Pixels:
    """CLAHE of a film of 8 bits [size, size]."""
    film = Radiograph(pixels=levels.astype(np.float32) / np.float32(255))
    return np.rint(clahe(film).pixels * 255).astype(np.uint8)

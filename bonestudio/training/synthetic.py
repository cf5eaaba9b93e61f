"""Synthetic films that are added to a classifier's own: of a folder, a generator, or phantoms."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from bonestudio.checkpoints import available, find_card
from bonestudio.checkpoints.store import load
from bonestudio.cohorts import Cohort, ImageFolder
from bonestudio.errors import TrainingError
from bonestudio.imaging.prepared import prepared
from bonestudio.imaging.types import Radiograph
from bonestudio.networks.dcgan import LATENT
from bonestudio.training.arm_studies import EVENED
from bonestudio.training.arms import Arms, Prepared
from bonestudio.training.films import kept
from bonestudio.training.order import key_of
from bonestudio.training.studies import (
    StudyFilms,
    StudySource,
    open_labelled,
    read_studies,
    smaller,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bonestudio.phantoms.patient import Style

SEEDS = 7_000_000  # phantoms that are added count from here
_CHUNK = 50  # phantoms are rendered, and kept, so many at a time
VIRTUAL = ("phantom", "phantom-clean", "refined")


def check_synthetic(source: str) -> None:
    """Refuse a source that is nothing, before anything is trained."""
    if source not in VIRTUAL and not Path(source).is_dir() and not available(source):
        raise TrainingError(
            f"'{source}' is neither a folder of synthetic films, nor 'phantom', 'phantom-clean' or "
            "'refined', nor a generator's checkpoint that 'bonestudio models' lists."
        )


def read_synthetic(data: StudySource, *, size: int) -> StudyFilms:
    """Draw ``data.normal`` and ``data.abnormal`` films of ``data.synthetic`` at random.

    A folder may say which films are abnormal as MURA or a labelled folder does; where it says
    nothing they are normal. 'refined' are clean phantoms that went through the CycleGAN.
    """
    check_synthetic(data.synthetic)
    found: list[StudyFilms] = []
    folder = _folder(data, size) if Path(data.synthetic).is_dir() else None
    for abnormal, count in ((False, data.normal), (True, data.abnormal)):
        if not count:
            continue
        if folder is not None:
            pool = folder.chosen(folder.abnormal == float(abnormal))
        elif data.synthetic in VIRTUAL:
            pool = _phantoms(data, count, size, abnormal=abnormal)
        else:
            pool = _generated(data, count, size, abnormal=abnormal)
        if len(pool) < count:
            raise TrainingError(
                f"'{Path(data.synthetic).name}' has {len(pool)} "
                f"{'abnormal' if abnormal else 'normal'} synthetic films; {count} are asked for."
            )
        found.append(pool.some(count, seed=key_of(data.draw, "synthetic", abnormal)))
    return sum(found[1:], found[0])


def _folder(data: StudySource, size: int) -> StudyFilms:
    """Read all films of a folder; those that no label speaks of are normal."""
    folder = Path(data.synthetic)
    try:
        cohorts = open_labelled(folder, data.regions)
    except TrainingError:
        films = ImageFolder(folder)
        told(films, unsaid=0.0)
        cohorts = [films]
    some: Sequence[Cohort] = cohorts
    if data.evened:
        some = [Prepared(cohort, size=EVENED) for cohort in cohorts]
    return read_studies(some, size=size, evened=data.evened)


def _phantoms(data: StudySource, count: int, size: int, *, abnormal: bool) -> StudyFilms:
    """Render phantoms in chunks that are kept, so that another run finds them."""
    style: Style = "natural" if data.synthetic == "phantom" else "synthetic"
    chunks: list[Cohort] = [
        Arms(data.kinds, _CHUNK, style=style, abnormal=abnormal, seed=first, size=EVENED)
        for first in range(SEEDS, SEEDS + count, _CHUNK)
    ]
    films = read_studies(chunks, size=EVENED, evened=True)
    pixels = _refined(films.pixels, abnormal=abnormal) if data.synthetic == "refined" else None
    return StudyFilms(
        smaller(films.pixels if pixels is None else pixels, size), films.abnormal, films.studies
    )


def _refined(pixels: NDArray[np.uint8], *, abnormal: bool) -> NDArray[np.uint8]:
    """Give clean phantoms the look of archived films; the result is kept."""
    from bonestudio.instruments.fracture.refiner import Refiner

    refiner = Refiner(abnormal=abnormal)

    def redraw() -> NDArray[np.uint8]:
        films = [Radiograph(pixels=film.astype(np.float32) / np.float32(255)) for film in pixels]
        redrawn = refiner.refine(films, are_prepared=True)
        return np.stack([np.rint(film.pixels * 255).astype(np.uint8) for film in redrawn])

    key = hashlib.sha256(refiner.card.model_dump_json().encode() + pixels.tobytes())
    return kept("refined", key.hexdigest()[:24], redraw)


def _generated(data: StudySource, count: int, size: int, *, abnormal: bool) -> StudyFilms:
    """Draw from a DCGAN: of the class, where it was taught classes."""
    card, _ = find_card(data.synthetic)
    part = card.parts.get("generator")
    if part is None or part.architecture != "dcgan:Generator":
        raise TrainingError(f"The checkpoint '{card.id}' does not draw films from random numbers.")
    conditional = int(part.config.get("classes", 0)) > 1
    if abnormal and not conditional:
        raise TrainingError(f"The generator '{card.id}' draws normal films only.")
    key = key_of(data.draw, "generated", abnormal)
    codes = torch.randn(count, LATENT, generator=torch.Generator().manual_seed(key))
    kinds = torch.full((count,), int(abnormal)) if conditional else None
    pixels = _drawn(load(card.id)["generator"], codes, kinds)
    if data.evened:
        evened = [
            prepared(Radiograph(pixels=p.astype(np.float32) / 255.0), size=EVENED) for p in pixels
        ]
        pixels = np.stack([np.rint(film.pixels * 255).astype(np.uint8) for film in evened])
    names = tuple(f"{card.id}-{int(abnormal)}-{i}" for i in range(count))
    return StudyFilms(smaller(pixels, size), np.full(count, float(abnormal), np.float32), names)


@torch.no_grad()
def _drawn(network: Any, codes: torch.Tensor, kinds: torch.Tensor | None) -> NDArray[np.uint8]:
    """Draw films of 8 bits [n, side, side], 64 at a time."""
    batches = codes.split(64)
    asked = [None] * len(batches) if kinds is None else kinds.split(64)
    drawn = [
        network(z) if k is None else network(z, k) for z, k in zip(batches, asked, strict=True)
    ]
    films = torch.cat(drawn)[:, 0].float()
    levels: NDArray[np.uint8] = films.add(1.0).mul(127.5).round().clamp(0, 255).byte().numpy()
    return levels

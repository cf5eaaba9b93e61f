"""Whole cohorts of radiographs as one array in memory, which no training step waits for.

A film is read (or a phantom rendered) once, made square and small, and kept in the cache folder.
"""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Sequence
from functools import cache as cache_calls
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio import phantoms
from bonestudio.cohorts import Cohort, ImageFolder, Phantoms, RsnaBoneAge
from bonestudio.errors import BoneStudioError, TrainingError
from bonestudio.metrics.extractors import film_levels
from bonestudio.places import cache
from bonestudio.training.order import Rows
from bonestudio.training.terminal import watched
from bonestudio.training.virtual import OrderedPhantoms
from bonestudio.training.virtual_scans import RadiusStacks

Pixels = NDArray[np.uint8]


class Films:
    """Gray films [n, size, size] uint8; a batch is [n, 1, size, size] float32 in [-1, 1]."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = torch.from_numpy(np.ascontiguousarray(pixels))

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, row: int) -> Tensor:
        return self.batch(np.array([row]))[0]

    def batch(self, rows: Rows) -> Tensor:
        """Return the films of these rows."""
        return self.pixels[torch.from_numpy(rows)].unsqueeze(1).float().div_(127.5).sub_(1.0)


def open_cohort(
    source: str,
    *,
    phantom: Any,
    count: int,
    seed: int = 0,
    ages: tuple[float, float] = (0.0, 19.0),
) -> Cohort:
    """Open what --data names: virtual patients, an RSNA Bone Age folder, or any folder of films."""
    if source == "phantom":
        return Phantoms(phantom, count, seed=seed, ages=ages)
    if not source:
        raise TrainingError(
            "This recipe needs images; say where they are with --data FOLDER, or --data phantom."
        )
    folder = Path(source)
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}; give one of images with --data FOLDER.")
    if _mentions_bone_age(folder):
        return RsnaBoneAge(folder)
    return open_folder(folder)


def open_folder(folder: Path) -> ImageFolder:
    """Open a folder of films to learn from, and say once if its split cannot keep patients together."""
    films = ImageFolder(folder)
    if not films.patients_known:
        _say_once(
            "Nothing in the folder says which films are one patient's, so each counts as a patient of "
            "its own, and views of one may lie in both training and test; a labels.csv with the columns "
            "file and patient keeps them together."
        )
    return films


@cache_calls
def _say_once(sentence: str) -> None:
    logging.getLogger("bonestudio").warning(sentence)


def read_films(cohort: Cohort, *, size: int, what: str = "films") -> Pixels:
    """Read every film of a cohort: padded to a square with black, ``size`` pixels, 8 bits."""

    def read() -> Pixels:
        numbers = watched(range(len(cohort)), f"reading {len(cohort):,} {what}")
        return np.stack([_film(cohort, i, size) for i in numbers])

    return kept("films", cache_key(cohort, size), read)


def kept(folder: str, key: str, read: Callable[[], Pixels]) -> Pixels:
    """Return the array of this key in the cache folder; what is not there is read and kept."""
    path = cache() / folder / f"{key}.npy"
    if path.is_file():
        try:
            return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
        except (OSError, ValueError):
            pass  # damaged: read anew
    pixels = read()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
            np.save(scratch, pixels, allow_pickle=False)
        Path(scratch.name).replace(path)
    except OSError:
        pass  # a cache that cannot be written only costs time
    return pixels


def _film(cohort: Cohort, i: int, size: int) -> Pixels:
    try:
        return film_levels(cohort[i].image, size)
    except BoneStudioError as error:
        name = cohort.entries[i].name
        raise TrainingError(f"The film '{name}' cannot be used: {error}") from error


def known(values: Sequence[float | None]) -> NDArray[np.float32]:
    """Numbers, NaN where unknown."""
    return np.array([np.nan if value is None else value for value in values], np.float32)


def _mentions_bone_age(folder: Path) -> bool:
    for table in folder.glob("*.csv"):
        with table.open(encoding="utf-8", errors="replace") as file:
            if "boneage" in file.readline().lower().replace(" ", ""):
                return True
    return False


def cache_key(cohort: Cohort, seen_as: object) -> str:
    """Name what the images depend on: which they are, their files, and the code that renders them."""
    key = hashlib.sha256(f"{cohort.source}|{seen_as}".encode())
    for entry in cohort.entries:
        key.update(f"{entry.name}|{entry.age}".encode())
    whole = getattr(cohort, "whole", cohort)
    for file in getattr(getattr(whole, "scans", whole), "files", ()):  # stacks are of scans
        stat = file.stat()
        key.update(f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}".encode())
    if isinstance(whole, Phantoms | OrderedPhantoms | RadiusStacks):
        key.update(f"{whole.kind}|{sorted(whole.options.items())}".encode())
        for code in sorted(Path(phantoms.__path__[0]).glob("*.py")):
            key.update(code.read_bytes())
    return key.hexdigest()[:24]

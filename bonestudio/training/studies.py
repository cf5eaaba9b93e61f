"""Studies of one or more views, normal or abnormal: what the classifiers of fractures learn from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeInt, PositiveInt

from bonestudio.cohorts import Cohort, Mura
from bonestudio.cohorts.cohort import PARTS, Part
from bonestudio.cohorts.sample import Entry
from bonestudio.errors import TrainingError
from bonestudio.metrics.extractors import film_levels
from bonestudio.training.arm_studies import EVENED, ArmStudies
from bonestudio.training.arms import Arm, Prepared
from bonestudio.training.films import Films, cache_key, kept, open_folder, read_films
from bonestudio.training.order import Rows
from bonestudio.training.recipes import Source
from bonestudio.training.terminal import watched

GRID = 64  # cells along a side of the map that tells where a break is
UNKNOWN = 255  # in such a map: nobody knows whether the bone is broken here


class StudySource(Source):
    """MURA's ``regions``, any labelled folder, or ``count`` virtual patients of each of ``kinds``.

    ``evened``: films are evened out (CLAHE) at 256 pixels, as in paper 002. So many ``normal`` and
    ``abnormal`` films of ``synthetic`` (a folder, a generator's checkpoint or 'phantom') are added
    to the training part, drawn at random by the number ``draw``.
    """

    regions: tuple[str, ...] = ("XR_HAND",)
    kinds: tuple[Arm, ...] = ("wrist", "forearm")
    count: PositiveInt = 500
    evened: bool = False
    synthetic: str = ""
    normal: NonNegativeInt = 0
    abnormal: NonNegativeInt = 0
    draw: NonNegativeInt = 0


@dataclass(frozen=True)
class StudyFilms:
    """Films [n, size, size] uint8, 1 or 0 for each (abnormal or not) and the study that it is of.

    ``breaks`` [n, 64, 64] is 1 in the cells of a film where a bone is broken, 0 elsewhere; UNKNOWN
    all over a film that nobody has told about.
    """

    pixels: NDArray[np.uint8]
    abnormal: NDArray[np.float32]
    studies: tuple[str, ...]
    breaks: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def batches(self, size: int = 32) -> Iterator[torch.Tensor]:
        """All films in [-1, 1], [n, 1, size, size] at a time."""
        films = Films(self.pixels)
        for first, stop in pairwise([*range(0, len(self), size), len(self)]):
            yield films.batch(np.arange(first, stop))

    def __add__(self, other: "StudyFilms") -> "StudyFilms":
        return StudyFilms(
            np.concatenate([self.pixels, other.pixels]),
            np.concatenate([self.abnormal, other.abnormal]),
            self.studies + other.studies,
            np.concatenate([self.where(), other.where()]),
        )

    def where(self) -> NDArray[np.uint8]:
        """Return ``breaks``, UNKNOWN where there are none."""
        if self.breaks is None:
            return np.full((len(self), GRID, GRID), UNKNOWN, np.uint8)
        return self.breaks

    def some(self, count: int, *, seed: int) -> "StudyFilms":
        """Return so many of the films, drawn at random."""
        return self.chosen(np.sort(np.random.default_rng(seed).permutation(len(self))[:count]))

    def chosen(self, rows: NDArray[Any]) -> "StudyFilms":
        """Return some of the films, by numbers or by a yes or no for each."""
        numbers = np.arange(len(self))[rows]
        studies = tuple(self.studies[i] for i in numbers)
        breaks = None if self.breaks is None else self.breaks[numbers]
        return StudyFilms(self.pixels[numbers], self.abnormal[numbers], studies, breaks)

    def by_study(self, values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Mean over each study's views, and whether the study is abnormal."""
        _, number = np.unique(self.studies, return_inverse=True)
        count = np.bincount(number)
        truth = np.bincount(number, weights=self.abnormal) / count
        return np.bincount(number, weights=values) / count, truth > 0.5


class TrainingFilms(Films):
    """Films for the loop: 'image' [n, 1, size, size], 'abnormal' [n], 'breaks' [n, 1, 64, 64]."""

    def __init__(self, films: StudyFilms) -> None:
        super().__init__(films.pixels)
        self.abnormal = torch.from_numpy(films.abnormal)
        self.breaks = torch.from_numpy(films.where())

    def batch(self, rows: Rows) -> Any:
        """Return the films of these rows and what they show."""
        chosen = torch.from_numpy(rows)
        return {
            "image": super().batch(rows),
            "abnormal": self.abnormal[chosen],
            "breaks": self.breaks[chosen].unsqueeze(1).float(),
        }


def open_studies(data: StudySource) -> Mapping[Part, list[Cohort]]:
    """Open what --data names, in three parts by patient.

    MURA gives its own parts of ``regions``; any other folder says by the column ``abnormal`` of its
    ``labels.csv``, or by two folders 'normal' and 'abnormal', what its films show.
    """
    virtual = data.source == "phantom"
    if not data.source:
        raise TrainingError(
            "This recipe needs images; say where they are with --data FOLDER, or --data phantom."
        )
    whole: list[Cohort] = (
        [ArmStudies((kind,), data.count, evened=data.evened) for kind in data.kinds]
        if virtual
        else open_labelled(Path(data.source), data.regions)
    )
    parts: dict[Part, list[Cohort]] = {}
    for part in PARTS:
        some: list[Cohort] = [cohort.split(part) for cohort in whole]
        even = data.evened and not virtual  # phantoms even themselves out
        parts[part] = [Prepared(c, size=EVENED) for c in some] if even else some
    return parts


def open_labelled(folder: Path, regions: Sequence[str]) -> list[Cohort]:
    """Open a folder whose films are known to be normal or abnormal."""
    if not folder.is_dir():
        raise TrainingError(f"There is no folder {folder}; give one of images with --data FOLDER.")
    if any((root / "train").is_dir() for root in (folder, folder / "MURA-v1.1")):
        return [Mura(folder, region=region) for region in regions]
    cohort = open_folder(folder)
    if any("abnormal" not in entry.labels for entry in told(cohort)):
        raise TrainingError(
            f"The folder '{folder.name}' does not say which films are abnormal: give it a "
            "labels.csv with the column 'abnormal', or two folders 'normal' and 'abnormal'."
        )
    return [cohort]


def told(cohort: Cohort, *, unsaid: float | None = None) -> tuple[Entry, ...]:
    """Give a folder's entries the label 'abnormal', from two folders of that name if there are.

    ``unsaid`` is the label of those that nothing speaks of.
    """
    classes = getattr(cohort, "classes", ())
    number = float(classes.index("abnormal")) if set(classes) == {"abnormal", "normal"} else None

    def label(entry: Entry) -> float | None:
        if number is not None:
            return float(entry.labels["class"] == number)
        return entry.labels.get("abnormal", unsaid)

    labels = [label(entry) for entry in cohort.entries]
    cohort.entries = tuple(
        entry if found is None else replace(entry, labels={**entry.labels, "abnormal": found})
        for entry, found in zip(cohort.entries, labels, strict=True)
    )
    return cohort.entries


def read_studies(cohorts: Sequence[Cohort], *, size: int, evened: bool) -> StudyFilms:
    """Read films, evened out at 256 pixels (paper 002) or as they are, ``size`` pixels wide."""
    first = EVENED if evened else size
    read = [_with_breaks(c, first) for c in cohorts if len(c)]
    pixels = [smaller(films, size) for films, _ in read]
    entries = [(c.source, entry) for c in cohorts for entry in c.entries]
    return StudyFilms(
        np.concatenate(pixels) if pixels else np.empty((0, size, size), np.uint8),
        np.array([entry.labels["abnormal"] for _, entry in entries], np.float32),
        tuple(study_of(source, entry) for source, entry in entries),
        np.concatenate([breaks for _, breaks in read]) if read else None,
    )


def _with_breaks(cohort: Cohort, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read films, and where they are broken if they are virtual studies: both are rendered once."""
    if not isinstance(getattr(cohort, "whole", cohort), ArmStudies):
        return read_films(cohort, size=size), np.full((len(cohort), GRID, GRID), UNKNOWN, np.uint8)

    def render() -> NDArray[np.uint8]:
        rows = []
        for i in watched(range(len(cohort)), f"rendering {len(cohort):,} films"):
            sample = cohort[i]
            film = film_levels(sample.image, size).reshape(-1)
            rows.append(np.concatenate([film, cells(sample.masks.get("fracture")).reshape(-1)]))
        return np.stack(rows)

    together = kept("studies", cache_key(cohort, size), render)
    films, breaks = together[:, : size * size], together[:, size * size :]
    return films.reshape(-1, size, size), breaks.reshape(-1, GRID, GRID)


def cells(mask: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Mark the cells of a 64 × 64 grid that a square mask touches."""
    if mask is None:
        return np.zeros((GRID, GRID), np.uint8)
    side = mask.shape[0] // GRID
    touched: NDArray[np.uint8] = np.any(mask.reshape(GRID, side, GRID, side), axis=(1, 3)).astype(
        np.uint8
    )
    return touched


def smaller(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize films [n, side, side] of 8 bits to ``size`` pixels."""
    if pixels.shape[1] == size:
        return pixels
    return np.stack([film_levels(film.astype(np.float32) / 255.0, size) for film in pixels])


def study_of(source: str, entry: Entry) -> str:
    """Name a film's study: …/patient00001/study1_positive, forearm-1-whole; elsewhere the patient."""
    by_name = source.startswith(("mura", ArmStudies.source))
    return entry.name.rpartition("/")[0] if by_name else entry.patient

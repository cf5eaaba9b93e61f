"""What every cohort can do: count, give samples, be split by patient."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from bonestudio.cohorts import splits
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging.types import Radiograph, Volume

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")


class Cohort(ABC):
    """Samples in a fixed order; ``entries`` tell what is known before pixels are read."""

    source: str
    entries: tuple[Entry, ...]

    @abstractmethod
    def load(self, i: int) -> Sample:
        """Read sample ``i``, 0 … len − 1."""

    def sample(self, i: int, image: Radiograph | Volume, **known: Any) -> Sample:
        """Join pixels with what is known of sample ``i``; ``known`` stands before its entry's word."""
        pixels = image.pixels if isinstance(image, Radiograph) else image.voxels
        told = {**vars(self.entries[i]), "spacing": image.spacing, **known}
        return Sample(image=pixels, source=self.source, **told)

    def parts(self, *, seed: int = 0) -> dict[Part, list[int]]:
        """Sample numbers of train, validation and test: 70/10/20 % by patient (paper 000)."""
        _, validation, test = splits.sizes_70_10_20(len(self.entries))
        dealt = splits.take(self.patients, [test, validation], seed=seed)
        return {"train": dealt[2], "validation": dealt[1], "test": dealt[0]}

    def split(self, part: Part, *, seed: int = 0) -> "Subset":
        """One part of the cohort, as the paper that it belongs to splits it."""
        if part not in PARTS:
            raise RequestError(f"A part is 'train', 'validation' or 'test', not {part!r}.")
        return Subset(self, self.parts(seed=seed)[part])

    def without(self, part: Part, *, seed: int = 0) -> "Subset":
        """All but one part: what a generator may learn from when that part is to judge it."""
        held_out = set(self.split(part, seed=seed).numbers)
        return Subset(self, [i for i in range(len(self)) if i not in held_out])

    def fold(self, number: int, *, of: int = 4, seed: int = 0) -> tuple["Subset", "Subset"]:
        """(training, held-out) parts of cross-validation by patient; folds are numbered from 0."""
        dealt = splits.folds(self.patients, k=of, seed=seed)
        if not 0 <= number < of:
            raise RequestError(f"Folds are numbered 0 to {of - 1}, not {number}.")
        held_out = set(dealt[number])
        rest = [i for i in range(len(self)) if i not in held_out]
        return Subset(self, rest), Subset(self, dealt[number])

    @property
    def patients(self) -> list[str]:
        """The patient of each sample."""
        return [entry.patient for entry in self.entries]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, i: int) -> Sample:
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        return self.load(i % len(self))

    def __iter__(self) -> Iterator[Sample]:
        return (self.load(i) for i in range(len(self)))


class Subset(Cohort):
    """Some samples of another cohort."""

    def __init__(self, whole: Cohort, numbers: Sequence[int]) -> None:
        self.whole, self.numbers = whole, tuple(numbers)
        self.source = whole.source
        self.entries = tuple(whole.entries[i] for i in self.numbers)

    def load(self, i: int) -> Sample:
        """Read sample ``i`` of the subset."""
        return self.whole.load(self.numbers[i])


def existing_folder(folder: str | Path, what: str) -> Path:
    """Return the folder, or say in one sentence that it is not there."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ImageError(f"The folder '{path.name}' is not there; give the folder of {what}.")
    return path

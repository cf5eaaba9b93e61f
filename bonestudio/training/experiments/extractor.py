"""A network that reads films (kind of bone, age, sex, fracture, grade); its features serve FID."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional as F

from bonestudio.cohorts import Cohort
from bonestudio.training.experiment import Release, Released
from bonestudio.training.films import open_cohort, read_films
from bonestudio.training.moment import Moment
from bonestudio.training.reading import Kinds, Learning, Reading
from bonestudio.training.releases import family_of
from bonestudio.training.virtual import OrderedPhantoms

LIMITS = (
    "Made to compare sets of images, not to read one: its errors of age and sex are far above a "
    "radiologist's. Films of other bones, views or machines lie outside what it has seen. Scores of "
    "another extractor are not comparable. Not for diagnosis."
)


class Options(Learning):
    """Hyperparameters."""

    size: PositiveInt = 128


class Bones(Kinds):
    """Which bones are read: ``count`` phantoms of each kind, or a folder of the first kind."""

    kinds: tuple[str, ...] = ("hand",)
    count: PositiveInt = 1000
    ages: tuple[float, float] = (1.0, 19.0)


class Extractor(Reading[Options, Bones]):
    """Reads bones on films."""

    Options = Options
    Data = Bones
    dims = 2

    def cohorts(self, part: Any) -> Sequence[Cohort]:
        """Open a part (70 % 'train', 20 % 'test', by patient) of each kind."""
        d = self.data
        kinds = d.kinds if d.source == "phantom" else d.kinds[:1]
        return [self._open(kind).split(part) for kind in kinds]

    def read(self, cohort: Cohort) -> NDArray[np.uint8]:
        """Read films: [n, size, size]."""
        return read_films(cohort, size=self.options.size)

    def changed(self, images: Tensor, now: Moment) -> Tensor:
        """See them under other exposures."""
        return jittered(images, now)

    def release(self, now: Moment) -> Release:
        """Hand on the averaged network."""
        family, licence, citation = family_of(self.data.source)
        return Release(
            system="extractors",
            parts={
                "extractor": Released(
                    network=now.average("extractor"),
                    architecture="extractor:BoneExtractor",
                    config=self.config,
                )
            },
            trained_on=self._learned_from(family),
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Features for FID and its kind; a rough reading of age and sex.",
            limits=LIMITS,
            settings={"size": self.options.size, "range": [-1, 1]},
            metrics=self.scores(now),
        )

    def _learned_from(self, family: str) -> str:
        """Say what the network has seen: '840 films of hands (rsna)'."""
        told = {
            "phantom": "virtual patients",
            "rsna": "RSNA Bone Age challenge",
            "own": "own films",
        }
        return f"{self.seen} films ({', '.join(self.data.kinds)}), {told[family]}"

    def _open(self, kind: str) -> Cohort:
        d = self.data
        if d.source == "phantom":
            return OrderedPhantoms(kind, d.count, ages=d.ages)
        return open_cohort(d.source, phantom=kind, count=d.count, ages=d.ages)


def jittered(images: Tensor, now: Moment) -> Tensor:
    """Other exposures, sizes, angles and sides of the same films [n, 1, height, width]."""
    draws = now.rand(len(images), 6)
    contrast = (0.7 + 0.6 * draws[:, 0]).view(-1, 1, 1, 1)
    brightness = (0.3 * (draws[:, 1] - 0.5)).view(-1, 1, 1, 1)
    angle = (draws[:, 2] - 0.5) * (30.0 / 180.0 * torch.pi)
    zoom = 0.9 + 0.2 * draws[:, 3]
    side = torch.where(draws[:, 4] < 0.5, -1.0, 1.0)
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    zero = torch.zeros_like(cos)
    rows = torch.stack([cos * side, -sin, zero, sin * side, cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(rows, list(images.shape), align_corners=False)
    moved = F.grid_sample(images + 1.0, grid, align_corners=False) - 1.0  # black comes in
    return moved * contrast + brightness

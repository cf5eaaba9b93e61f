"""A network that reads HR-pQCT stacks (age, sex, visual grade); its features serve FID in 3D.

Paper 003 measures FID with a 3D network trained to give the visual grade; this one reads age and sex
as well, so its features tell bones apart and not only their motion.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor, nn

from bonestudio.cohorts import Cohort
from bonestudio.training.experiment import Parts, Release, Released
from bonestudio.training.moment import Moment
from bonestudio.training.reading import Kinds, Learning, Reading
from bonestudio.training.releases import family_of
from bonestudio.training.scans import Shape, open_scans, read_scans

ADULTS = 8.5  # where the age head begins, in its units: 10 + 5 · 8.5 = 52.5 years
REACH = 8  # voxels of the largest shift within a slice
LIMITS = (
    "Made to compare sets of stacks, not to read one: its errors of age and grade are far above an "
    "expert's. Other sites, scanners or voxel sizes lie outside what it has seen. Scores of another "
    "extractor are not comparable. Not for diagnosis."
)


class Options(Learning):
    """Hyperparameters; ``shape`` is the grid that a stack is brought to, ``window`` in mg HA/cm³."""

    width: PositiveInt = 16
    shape: Shape = (16, 144, 112)
    window: tuple[float, float] = (-400.0, 1400.0)


class Stacks(Kinds):
    """Stacks of the distal radius: ``count`` phantoms of ``ages`` (years), or a folder of scans."""

    kinds: tuple[str, ...] = ("radius",)
    count: PositiveInt = 800
    ages: tuple[float, float] = (20.0, 85.0)


class ScanExtractor(Reading[Options, Stacks]):
    """Reads bones in stacks."""

    Options = Options
    Data = Stacks
    dims = 3
    age_unit = 10.0

    def cohorts(self, part: Any) -> Sequence[Cohort]:
        """Open a part by patient; of a folder the 10 % that paper 003 holds out are the test."""
        d, o = self.data, self.options
        scans = open_scans(d.source, count=d.count, shape=o.shape, ages=d.ages)
        if d.source != "phantom" and part == "test":
            part = "validation"
        return [scans.split(part)]

    def read(self, cohort: Cohort) -> NDArray[np.uint8]:
        """Read stacks: [n, slices, rows, columns]."""
        return read_scans(cohort, shape=self.options.shape, window=self.options.window)

    def build(self) -> Parts:
        """Begin at the middle age of adults."""
        parts = super().build()
        age = self.network.heads["age"]
        assert isinstance(age, nn.Linear)  # noqa: S101 – as the network builds it
        nn.init.constant_(age.bias, ADULTS)
        return parts

    def changed(self, images: Tensor, now: Moment) -> Tensor:
        """See them mirrored and shifted; densities stay, for they tell age and sex."""
        return moved(images, now)

    def release(self, now: Moment) -> Release:
        """Hand on the averaged network."""
        family, licence, citation = family_of(self.data.source)
        patients = "virtual patients" if family == "phantom" else "own scans"
        return Release(
            system="extractors",
            parts={
                "extractor": Released(
                    network=now.average("extractor"),
                    architecture="extractor:BoneExtractor",
                    config=self.config,
                )
            },
            trained_on=f"{self.seen} stacks of the distal radius, {patients}",
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Features for FID and its kind on HR-pQCT stacks of 3.9 × 35 × 27 mm.",
            limits=LIMITS,
            settings={"scan": {"shape": self.options.shape, "window": self.options.window}},
            metrics=self.scores(now),
        )


def moved(stacks: Tensor, now: Moment) -> Tensor:
    """Mirror and shift stacks [n, 1, slices, rows, columns] in [-1, 1]; contrast ± 3 % at most."""
    draws = now.rand(len(stacks), 6)
    flips = [(3, 3), (4, 4), (2, 5)]  # axis, draw
    for axis, draw in flips:
        mirrored = draws[:, draw].view(-1, 1, 1, 1, 1) < 0.5
        stacks = torch.where(mirrored, stacks.flip(axis), stacks)
    shifts = ((2.0 * draws[:, 1:3] - 1.0) * REACH).round().int().tolist()
    stacks = torch.stack(
        [stack.roll(shift, (2, 3)) for stack, shift in zip(stacks, shifts, strict=True)]
    )
    return stacks * (0.97 + 0.06 * draws[:, 0]).view(-1, 1, 1, 1, 1)

"""The evaluations of papers 001 and 002: classifiers, and what synthetic films do for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from bonestudio.commands.evaluate_pages import Overrides, Pages

if TYPE_CHECKING:
    from bonestudio.training.tables.sweep import Sweep


def abnormality(
    *,
    checkpoint: str | None = None,
    data: str = "phantom",
    region: str = "XR_FOREARM",
    count: int = 100,
    pages: Pages,
) -> None:
    """How well a classifier tells normal from abnormal studies, and whether it looks at the break.

    Parameters
    ----------
    checkpoint
        A classifier ('fracture/densenet169-forearm-phantom'); by default every one that is here.
    data
        'phantom' (patients that no training has seen), a MURA folder (its validation set), or one
        with 'abnormal' in its labels.csv (a fifth of it).
    region
        Of MURA.
    count
        Virtual patients of each kind of arm, each whole and broken, in two views.
    """
    from bonestudio.training.tables.abnormality import abnormality_tables

    tables = abnormality_tables(checkpoint, data=data, region=region, count=count)
    pages.write(*tables)


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """What both sweeps ask.

    Attributes
    ----------
    data
        'phantom', a MURA folder, or one with 'abnormal' in its labels.csv.
    synthetic
        Folder of synthetic films, a generator's checkpoint, 'phantom', 'phantom-clean' or 'refined'
        (phantoms through the CycleGAN).
    recipe
        The classifier's; the paper's for a folder, a quick one for phantoms.
    runs
        Trainings of each row.
    set
        Change the recipe: --set training.epochs=5.
    seed
        Of the first run.
    workers
        Trainings at once, each in a process of its own.
    """

    data: str = "phantom"
    synthetic: str = "phantom-clean"
    recipe: str | None = None
    runs: int = 5
    set: Overrides = ()
    seed: int = 0
    workers: int = 1

    def sweep(self, papers: str) -> "Sweep":
        """Films are for the paper's recipe, phantoms for a quick one."""
        from bonestudio.training.tables.sweep import Sweep

        quick = "fracture/residual-forearm-phantom"
        return Sweep(
            recipe=self.recipe or (quick if self.data == "phantom" else papers),
            data=self.data,
            synthetic=self.synthetic,
            runs=self.runs,
            overrides=self.set,
            seed=self.seed,
        )


Asked = Annotated[Trainings, tyro.conf.arg(name="")]


def augmentation(*, asked: Asked, shares: Sequence[int] = (0, 10, 50, 100), pages: Pages) -> None:
    """Whether synthetic normals help a classifier (paper 001, figure 7): it is trained with each share.

    Parameters
    ----------
    shares
        Synthetic normals in percent of the normals.
    """
    from bonestudio.training.tables.augmentation import augmentation_table

    sweep = asked.sweep("fracture/densenet169-hands-paper")
    table = augmentation_table(sweep, shares=shares, workers=asked.workers, out=pages.out)
    pages.write(table)


def forearm_ablation(*, asked: Asked, scale: float = 1.0, pages: Pages) -> None:
    """Whether synthetic arms of both classes help a classifier (paper 002, table 2).

    Parameters
    ----------
    scale
        Multiplies the 5 000 and 10 000 films per class that are added.
    """
    from bonestudio.training.tables.forearm_ablation import ablation_table

    sweep = asked.sweep("fracture/residual-forearm-paper")
    table = ablation_table(sweep, scale=scale, workers=asked.workers, out=pages.out)
    pages.write(table)

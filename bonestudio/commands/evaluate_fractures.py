"""The evaluations of papers 001 and 002: classifiers, and what synthetic films do for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from bonestudio.commands.output import write_tables

Overrides = Annotated[
    tyro.conf.UseAppendAction[list[str]], tyro.conf.arg(name="set", metavar="KEY=VALUE")
]


def abnormality(
    *,
    checkpoint: str | None = None,
    data: str = "phantom",
    region: str = "XR_FOREARM",
    count: int = 100,
    out: Path = Path("evaluations"),
    json: bool = False,
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
        Virtual patients of each kind of arm, two views of each.
    out
        Folder for the Markdown, the CSV and the plots.
    json
        Answer in JSON.
    """
    from bonestudio.training.tables.abnormality import abnormality_tables

    tables = abnormality_tables(checkpoint, data=data, region=region, count=count)
    write_tables(*tables, out=out, json=json)


def augmentation(
    *,
    data: str = "phantom",
    synthetic: str = "phantom-clean",
    recipe: str | None = None,
    shares: Sequence[int] = (0, 10, 50, 100),
    runs: int = 5,
    set_: Overrides = [],  # noqa: B006 – tyro reads the default and changes nothing
    seed: int = 0,
    workers: int = 1,
    out: Path = Path("evaluations"),
    json: bool = False,
) -> None:
    """Whether synthetic normals help a classifier (paper 001, figure 7): it is trained with each share.

    Parameters
    ----------
    data
        'phantom', a MURA folder, or one with 'abnormal' in its labels.csv.
    synthetic
        Folder of synthetic films, a generator's checkpoint, 'phantom', 'phantom-clean' or 'refined'.
    recipe
        The classifier's; the paper's for a folder, a quick one for phantoms.
    shares
        Synthetic normals in percent of the normals.
    runs
        Trainings of each share.
    set_
        Change the recipe: --set training.epochs=5.
    seed
        Of the first run.
    workers
        Trainings at once, each in a process of its own.
    out
        Folder for the Markdown, the CSV, the plot and what an interrupted sweep has done.
    json
        Answer in JSON.
    """
    from bonestudio.training.tables.augmentation import augmentation_table
    from bonestudio.training.tables.sweep import Sweep

    chosen = recipe or _suited(data, "fracture/densenet169-hands-paper")
    sweep = Sweep(
        recipe=chosen, data=data, synthetic=synthetic, runs=runs, overrides=set_, seed=seed
    )
    write_tables(
        augmentation_table(sweep, shares=shares, workers=workers, out=out), out=out, json=json
    )


def forearm_ablation(
    *,
    data: str = "phantom",
    synthetic: str = "phantom-clean",
    recipe: str | None = None,
    scale: float = 1.0,
    runs: int = 5,
    set_: Overrides = [],  # noqa: B006 – tyro reads the default and changes nothing
    seed: int = 0,
    workers: int = 1,
    out: Path = Path("evaluations"),
    json: bool = False,
) -> None:
    """Whether synthetic arms of both classes help a classifier (paper 002, table 2).

    Parameters
    ----------
    data
        'phantom', a MURA folder, or one with 'abnormal' in its labels.csv.
    synthetic
        Folder of synthetic films, 'refined' (phantoms through the CycleGAN), 'phantom' or
        'phantom-clean'.
    recipe
        The classifier's; the paper's for a folder, a quick one for phantoms.
    scale
        Multiplies the 5 000 and 10 000 films per class that are added.
    runs
        Trainings of each row.
    set_
        Change the recipe: --set training.epochs=5.
    seed
        Of the first run.
    workers
        Trainings at once, each in a process of its own.
    out
        Folder for the Markdown, the CSV, the plot and what an interrupted sweep has done.
    json
        Answer in JSON.
    """
    from bonestudio.training.tables.forearm_ablation import ablation_table
    from bonestudio.training.tables.sweep import Sweep

    chosen = recipe or _suited(data, "fracture/residual-forearm-paper")
    sweep = Sweep(
        recipe=chosen, data=data, synthetic=synthetic, runs=runs, overrides=set_, seed=seed
    )
    write_tables(ablation_table(sweep, scale=scale, workers=workers, out=out), out=out, json=json)


def _suited(data: str, papers: str) -> str:
    """Films are for the paper's recipe, phantoms for a quick one."""
    return "fracture/residual-forearm-phantom" if data == "phantom" else papers

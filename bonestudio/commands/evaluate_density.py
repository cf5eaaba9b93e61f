"""``bonestudio evaluate density``: paper 004's table for given data, rows trained where they are asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from bonestudio.commands.output import write_tables

Overrides = tyro.conf.UseAppendAction[
    tuple[Annotated[str, tyro.conf.arg(metavar="KEY=VALUE")], ...]
]


def density(
    *,
    data: str = "phantom",
    rows: Sequence[str] = (),
    scale: Literal["quick", "256", "512", "1024"] = "quick",
    folds: Sequence[int] = (0, 1, 2, 3),
    count: int = 200,
    set: Overrides = (),  # noqa: A002 – as 'bonestudio train' calls it
    out: Path = Path("evaluations"),
    json: bool = False,
) -> None:
    """How well density is estimated from hip radiographs after each pretraining (paper 004, table 1).

    Parameters
    ----------
    data
        'phantom', or a folder of radiographs and maps with pairs.csv.
    rows
        Pretrainings to train and judge: none sr mp ps sc pac poc pc pi bd mp-bd. What is already trained
        in OUT is judged as it is. Without rows, the models that are here are judged, each on its own fold.
    scale
        Recipes of the paper at this size, or the quick ones.
    folds
        Of 0 to 3: which quarters of the patients are held out, in turn.
    count
        Virtual patients.
    set
        Change the recipes: --set training.epochs=1.
    out
        Folder for the Markdown, the CSV, the plots and the trained models.
    json
        Answer in JSON.
    """
    from bonestudio.training.hips import Hips
    from bonestudio.training.tables.density import density_table
    from bonestudio.training.tables.density_plot import write_plots

    table, judged = density_table(
        data=Hips(source=data, count=count), rows=rows, scale=scale, folds=folds, overrides=set, out=out
    )  # fmt: skip
    write_tables(table, out=out, json=json, more=[write_plots(judged, out)])

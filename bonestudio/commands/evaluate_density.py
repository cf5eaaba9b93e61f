"""``bonestudio evaluate density``: paper 004's table for given data, rows trained where they are asked for."""

from collections.abc import Sequence
from typing import Literal

from bonestudio.commands.evaluate_pages import Overrides, Pages


def density(
    *,
    data: str = "phantom",
    rows: Sequence[str] = (),
    scale: Literal["quick", "256", "512", "1024"] = "quick",
    folds: Sequence[int] = (0, 1, 2, 3),
    count: int = 200,
    set: Overrides = (),  # noqa: A002 – as 'bonestudio train' calls it
    pages: Pages,
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
    """
    from bonestudio.training.hips import Hips
    from bonestudio.training.tables.density import density_table
    from bonestudio.training.tables.density_plot import write_plots

    hips = Hips(source=data, count=count)
    table, judged = density_table(
        data=hips, rows=rows, scale=scale, folds=folds, overrides=set, out=pages.out
    )
    pages.write(table, more=[write_plots(judged, pages.out)])

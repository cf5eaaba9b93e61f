"""``bonestudio train``: a recipe in, a run folder with weights and their card out."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


def train(
    recipe: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RECIPE")],
    /,
    *,
    set_: Annotated[
        tyro.conf.UseAppendAction[list[str]], tyro.conf.arg(name="set", metavar="KEY=VALUE")
    ] = [],  # noqa: B006 – tyro reads the default and changes nothing
    data: str | None = None,
    resume: bool = False,
    dry_run: bool = False,
    out: Path = Path("runs"),
    json: bool = False,
) -> None:
    """Train a recipe, or go on with it.

    Parameters
    ----------
    recipe
        A TOML file, or the name of a shipped one ('extractors/bone2d-phantom').
    set_
        Change the recipe: --set training.steps=200 --set options.width=16.
    data
        A folder of images, or 'phantom' for virtual patients.
    resume
        Go on with the newest run of the recipe, as if it had never stopped.
    dry_run
        Take three steps, write nothing, and say what the whole would cost.
    out
        Folder that holds all runs.
    json
        Answer in JSON, once, at the end.
    """
    from bonestudio.commands.output import print_json
    from bonestudio.training import train as run
    from bonestudio.training.terminal import view_for

    found = run(
        recipe,
        overrides=set_,
        data=data,
        resume=resume,
        dry_run=dry_run,
        out=out,
        view=view_for(quiet=json),
    )
    if json:
        told = dataclasses.asdict(found)
        print_json({k: str(v) if isinstance(v, Path) else v for k, v in told.items()})
    else:
        print(found)


COMMAND = train

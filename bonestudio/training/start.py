"""Start, resume or rehearse a training: what the command line and a notebook call."""

from collections.abc import Sequence
from pathlib import Path

from bonestudio.errors import RecipeError
from bonestudio.training.experiments import find_experiment
from bonestudio.training.loop import Loop, Outcome
from bonestudio.training.recipes import Recipe, read_recipe
from bonestudio.training.rehearsal import Estimate, rehearse
from bonestudio.training.releases import write_release
from bonestudio.training.runs import check_same, last_run, new_run, read_options, write_options
from bonestudio.training.terminal import View, view_for
from bonestudio.training.trouble import sentences


def train(
    recipe_path: Path | str,
    *,
    overrides: Sequence[str] = (),
    data: str | None = None,
    resume: bool | Path | str = False,
    dry_run: bool = False,
    out: Path | str = "runs",
    view: View | None = None,
) -> Outcome | Estimate:
    """Train a recipe.

    Parameters
    ----------
    recipe_path
        A TOML file, or the name of a shipped recipe ('fracture/dcgan-hands-fast').
    overrides
        'training.steps=200' and the like, written over the recipe.
    data
        A folder of images, or 'phantom'.
    resume
        True goes on with the newest run of the recipe, a path with that run.
    dry_run
        Take a few steps, write nothing, and return what the whole would cost.
    out
        Folder that holds all runs.

    Returns
    -------
    The outcome of the run, or the :class:`Estimate` of a dry run; both can be printed.
    """
    recipe = read_recipe(recipe_path, overrides=overrides, data=data)
    return run_recipe(recipe, resume=resume, dry_run=dry_run, out=Path(out), view=view)


def run_recipe(
    recipe: Recipe,
    *,
    resume: bool | Path | str = False,
    dry_run: bool = False,
    out: Path = Path("runs"),
    view: View | None = None,
) -> Outcome | Estimate:
    """Train a recipe that has been read."""
    experiment = find_experiment(recipe.experiment)(recipe.options, recipe.data)
    view = view or view_for()
    if dry_run:
        with sentences(out, batch=lambda: recipe.training.batch):
            return rehearse(Loop(recipe, experiment, out))
    loop = Loop(recipe, experiment, Path())
    loop.folder = _folder(loop, recipe, resume, out)
    outcome = loop.run(resume=bool(resume), view=view)
    if outcome.finished and loop.first:
        place = loop.plan.at(outcome.step - 1)
        release = experiment.release(loop.moment(place, purpose="release"))
        if release is not None:
            card = write_release(release, recipe, steps=outcome.step, folder=outcome.folder)
            view.say(f"Weights and card of {card.id} are in {outcome.folder / 'checkpoints'}.")
    return outcome


def _folder(loop: Loop, recipe: Recipe, resume: bool | Path | str, out: Path) -> Path:  # noqa: FBT001 – a path or a switch
    """Make or find the folder of the run, once for all processes."""
    folder: Path | None = None
    trouble: Exception | None = None
    if loop.first:
        try:
            if resume is False:
                folder = new_run(recipe, out)
            else:
                folder = last_run(recipe.name, out) if resume is True else Path(resume)
                check_same(read_options(folder), recipe, folder)
                write_options(recipe, folder)
        except Exception as error:  # noqa: BLE001 – told to every process before it is raised
            trouble = error
    folder, trouble = loop.fabric.broadcast((folder, trouble))
    if trouble is not None:
        raise trouble
    if folder is None:
        raise RecipeError("No process has made a run folder.")
    return folder

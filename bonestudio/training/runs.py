"""The folder of a run: runs/<recipe>/<NNN>/ with everything that happened in it.

options.json (recipe, versions, machine) · metrics.jsonl (a line per log) · samples/ (sheets) ·
states (to resume) · checkpoints/ (weights and card, once the run is done).
"""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bonestudio.errors import RecipeError, StorageError, TrainingError
from bonestudio.training.recipes import Recipe, parse_recipe

MAY_CHANGE = ("training.steps", "training.epochs", "training.workers", "data.source", "run.")
"""What a resumed run may do otherwise than the killed one: how long, where from, how often told."""


def new_run(recipe: Recipe, out: Path) -> Path:
    """Make the next numbered folder for a recipe, and write down what will be done."""
    home = out / recipe.name
    try:
        home.mkdir(parents=True, exist_ok=True)
        taken = [int(p.name) for p in home.iterdir() if p.name.isdigit()]
        folder = home / f"{max(taken, default=0) + 1:03d}"
        folder.mkdir()  # fails if another run took the number in this instant
    except OSError as error:
        raise StorageError(f"No run folder can be made in {home}: {error.strerror}.") from error
    write_options(recipe, folder)
    return folder


def last_run(recipe_name: str, out: Path) -> Path:
    """Return the newest run of a recipe."""
    found = sorted(p for p in (out / recipe_name).glob("[0-9]*") if p.name.isdigit())
    if not found:
        raise TrainingError(f"There is no run of {recipe_name} in {out} to go on with.")
    return found[-1]


def write_options(recipe: Recipe, folder: Path) -> None:
    """Write options.json: enough to do it again."""
    told = {
        "recipe": recipe.model_dump(mode="json"),
        "recipe_hash": recipe.hash,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    (folder / "options.json").write_text(text, encoding="utf-8")


def read_options(folder: Path) -> Recipe:
    """Read the recipe that a run was started with."""
    if not folder.is_dir():
        raise TrainingError(f"There is no run folder {folder} to go on with.")
    try:
        told = json.loads((folder / "options.json").read_text(encoding="utf-8"))
        return parse_recipe(told["recipe"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"The run {folder} cannot go on: its options.json is missing or damaged."
        ) from error


def check_same(old: Recipe, new: Recipe, folder: Path) -> None:
    """Refuse to go on with another recipe than the run was started with."""
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and not key.startswith((*MAY_CHANGE, "summary")):
            raise RecipeError(
                f"The run {folder} was started with {key} = {before.get(key)!r} and cannot go on "
                f"with {after.get(key)!r}; start a new run, or leave it as it was."
            )


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        pairs: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, list):
        pairs = iter(enumerate(value))
    else:
        return {path: value}
    flat: dict[str, Any] = {}
    for key, inner in pairs:
        flat |= _flat(inner, f"{path}.{key}" if path else str(key))
    return flat


def hardware() -> str:
    """Name what this process computes on."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} × {torch.cuda.get_device_name()}"
    return f"CPU {platform.machine()}, {os.cpu_count()} cores"

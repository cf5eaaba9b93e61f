"""Recipes: what an experiment is trained with, written in TOML, typed and frozen.

An unknown key is refused, with the nearest known ones named: a typing error in a recipe must not
quietly train something else.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from bonestudio.errors import RecipeError
from bonestudio.training.recipe_files import hint, override, read_tables

ModelT = TypeVar("ModelT", bound=BaseModel)


class Frozen(BaseModel):
    """Settings that nothing changes once they are read, and that take no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where the images come from: a folder, or 'phantom' for virtual patients."""

    source: str = ""


class Stage(Frozen):
    """One stage of a progressive model.

    ``samples`` images are shown in it, the first ``fade`` of them while the stage fades in;
    ``rate`` multiplies every learning rate.
    """

    samples: PositiveInt
    fade: NonNegativeInt = 0
    batch: PositiveInt
    rate: PositiveFloat = 1.0


class Training(Frozen):
    """How long, how many at once, and in which arithmetic.

    ``batch`` is the batch of one step over all processes, so that a recipe means the same on one
    device and on eight. ``channels_last`` is on for GPUs, where it is faster, unless the recipe
    says otherwise. ``steps``, ``epochs`` or ``stages``: one of them says how long.
    """

    steps: PositiveInt | None = None
    epochs: PositiveFloat | None = None
    batch: PositiveInt = 32
    stages: tuple[Stage, ...] = ()
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    channels_last: bool | None = None
    kernel: Literal["fused", "foreach", "plain"] = "fused"
    compile: tuple[str, ...] = ()
    workers: NonNegativeInt = 0
    deterministic: bool = False

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        given = [self.steps is not None, self.epochs is not None, bool(self.stages)]
        if sum(given) != 1:
            raise ValueError("give exactly one of steps, epochs and stages")
        return self


class Run(Frozen):
    """What is written while training runs: every so many steps, 0 for never."""

    log_every: PositiveInt = 50
    save_every: PositiveInt = 500
    draw_every: NonNegativeInt = 500
    evaluate_every: NonNegativeInt = 0
    tensorboard: bool = False


class Recipe(Frozen):
    """A whole recipe; ``data`` and ``options`` are typed by the experiment that it names."""

    name: str
    summary: str
    experiment: str
    seed: NonNegativeInt = 0
    data: Any
    options: Any
    training: Training
    run: Run = Run()

    @property
    def hash(self) -> str:
        """SHA-256 of what decides the result: not where the images lie, nor what is logged."""
        told = self.model_dump(mode="json", exclude={"run": True, "data": {"source"}})
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def read_recipe(
    path: Path | str,
    tables: Mapping[str, type[Frozen]] | None = None,
    *,
    overrides: Sequence[str] = (),
    data: str | None = None,
) -> Recipe:
    """Read a recipe; ``overrides`` are 'training.steps=100', ``data`` a folder or 'phantom'.

    ``tables`` types the tables 'data' and 'options'; without it the experiment that the recipe
    names does. A relative path is looked for here first, then among the shipped recipes. What a
    recipe extends is part of it before anything is checked or hashed.
    """
    raw = read_tables(Path(path))
    for change in overrides:
        override(raw, change)
    if data is not None:
        override(raw, f"data.source={json.dumps(data)}")
    return parse_recipe(raw, tables)


def parse_recipe(raw: dict[str, Any], tables: Mapping[str, type[Frozen]] | None = None) -> Recipe:
    """Turn plain tables into a recipe, or say in one sentence what is wrong with them."""
    name = str(raw.get("name", "recipe"))
    _refuse_unknown(Recipe, raw, name, "")
    if tables is None:
        from bonestudio.training.experiments import find_experiment

        experiment = find_experiment(str(raw.get("experiment", "")))
        tables = {"data": experiment.Data, "options": experiment.Options}
    typed = dict(raw)
    for table, model in tables.items():
        given = raw.get(table, {})
        _refuse_unknown(model, given, name, f"{table}.")
        typed[table] = _validate(model, given, name, f"{table}.")
    return _validate(Recipe, typed, name, "")


def _refuse_unknown(model: type[BaseModel], table: object, recipe: str, path: str) -> None:
    if not isinstance(table, Mapping):
        raise RecipeError(f"The recipe {recipe} should have a table at '{path.rstrip('.')}'.")
    for key, value in table.items():
        if key not in model.model_fields:
            near = hint(key, list(model.model_fields))
            raise RecipeError(f"The recipe {recipe} has an unknown key '{path}{key}'{near}")
        kind = model.model_fields[key].annotation
        for inner in (kind, *get_args(kind)):
            if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
                continue
            if not isinstance(value, BaseModel):
                for one in value if isinstance(value, list | tuple) else [value]:
                    _refuse_unknown(inner, one, recipe, f"{path}{key}.")


def _validate(model: type[ModelT], given: object, recipe: str, path: str) -> ModelT:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = path + ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        got = "" if first["type"] in {"missing", "value_error"} else f", not {first['input']!r}"
        raise RecipeError(
            f"The recipe {recipe} is wrong at '{where.rstrip('.') or 'top'}': {what}{got}."
        ) from error

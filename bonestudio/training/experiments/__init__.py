"""One experiment per paper. The module's name is what a recipe calls it: experiment = "dcgan"."""

import importlib
import pkgutil
from typing import Any

from bonestudio.errors import RecipeError
from bonestudio.training.experiment import Experiment
from bonestudio.training.recipe_files import hint


def known_experiments() -> list[str]:
    """Names of all experiments."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find_experiment(name: str) -> type[Experiment[Any, Any]]:
    """Return the experiment that a module of this folder defines."""
    known = known_experiments()
    if name not in known:
        raise RecipeError(f"There is no experiment '{name}'{hint(name, known)}")
    module = importlib.import_module(f"{__name__}.{name}")
    (found,) = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Experiment)
        and value.__module__ == module.__name__
    ]
    return found

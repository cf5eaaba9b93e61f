"""Many trainings of one classifier that differ in what is added to its images, and their scores."""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bonestudio import batch
from bonestudio.errors import RequestError, TrainingError
from bonestudio.metrics.classification import classify
from bonestudio.training.experiments.abnormality import Abnormality
from bonestudio.training.loop import Loop
from bonestudio.training.recipes import Recipe, parse_recipe, read_recipe
from bonestudio.training.studies import open_studies
from bonestudio.training.tables.table import Cell
from bonestudio.training.terminal import Silence

LEDGER = "trainings.jsonl"
SCORES = ("accuracy", "kappa", "auc", "sensitivity", "specificity")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One row of a sweep: what is added to the training films."""

    name: str
    normal: int = 0
    abnormal: int = 0


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A recipe, its images, a source of synthetic ones, and how often each row is trained."""

    recipe: str
    data: str
    synthetic: str
    runs: int
    overrides: Sequence[str]
    seed: int = 0

    def read(self, plan: Plan, run: int) -> Recipe:
        """Read the recipe of one run: seeds of weights, order and draw are the run's."""
        added = [f"data.{what}={getattr(plan, what)}" for what in ("normal", "abnormal")]
        draw = [f"data.draw={self.seed + run}", f"seed={self.seed + run}"]
        source = [f"data.synthetic={json.dumps(self.synthetic)}"]
        found = read_recipe(
            self.recipe, overrides=[*self.overrides, *added, *draw, *source], data=self.data
        )
        if found.experiment != "abnormality":
            raise RequestError(f"The recipe {found.name} does not train a classifier of studies.")
        return found

    def notes(self) -> list[str]:
        """Say what was compared, and how its scores are to be read."""
        changed = ", ".join(self.overrides) or "unchanged"
        of = f"Images: {self.data}; synthetic: {self.synthetic}; recipe {self.recipe} ({changed})"
        means = f"Means of {self.runs} trainings that differ in weights, order and drawn films"
        return [
            f"{of}; seeds from {self.seed}.",
            f"{means}, with the 95 % interval of the mean (Student's t).",
            "Scored on test studies that no training has seen; none of them is synthetic.",
        ]

    def counts(self) -> tuple[int, int]:
        """How many normal and abnormal films the recipe trains on, before anything is added."""
        parts = open_studies(self.read(Plan(name=""), 0).data)["train"]
        labels = [entry.labels["abnormal"] for cohort in parts for entry in cohort.entries]
        return labels.count(0.0), labels.count(1.0)


def train_all(
    sweep: Sweep, plans: Sequence[Plan], *, workers: int, out: Path
) -> dict[str, list[dict[str, float]]]:
    """Train every row ``runs`` times and score it on the test studies.

    What LEDGER in ``out`` holds, of an interrupted sweep or of another one, is not trained again.
    """
    if sweep.runs < 1:
        raise RequestError(f"Each row is trained at least once, not {sweep.runs} times.")
    asked = {_key(recipe): (plan.name, recipe) for plan, recipe in _recipes(sweep, plans)}
    items = {key: recipe.model_dump(mode="json") for key, (_, recipe) in asked.items()}
    found: dict[str, list[dict[str, float]]] = {plan.name: [] for plan in plans}
    outcomes = {o.key: o for o in batch.run(train_one, items, ledger=out / LEDGER, workers=workers)}
    for key, (name, _) in asked.items():
        if outcomes[key].error:
            raise TrainingError(str(outcomes[key].error))
        found[name].append(outcomes[key].value)
    return found


def train_one(recipe: Mapping[str, Any]) -> dict[str, float]:
    """Train a classifier and score it on its test studies; nothing else is kept."""
    read = parse_recipe(dict(recipe))
    experiment = Abnormality(read.options, read.data)
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(read, experiment, Path(folder))
        outcome = loop.run(view=Silence())
        moment = loop.moment(loop.plan.at(outcome.step - 1), purpose="release")
        warmth, logits = experiment.scores(moment)
    p, truth = experiment.test.by_study(1.0 / (1.0 + np.exp(-logits / warmth)))
    scores = classify(p, truth)
    return {name: getattr(scores, name).value for name in SCORES} | {"studies": float(len(p))}


def mean(runs: Sequence[Mapping[str, float]], score: str) -> Cell:
    """Mean over runs with its 95 % interval (Student's t); the value alone of a single run."""
    from scipy.stats import t

    values = np.array([run[score] for run in runs])
    if len(values) < 2:
        return float(values[0])
    reach = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    centre = float(values.mean())
    return centre, centre - reach, centre + reach


def deviation(runs: Sequence[Mapping[str, float]], score: str) -> float | None:
    """Return the standard deviation over runs."""
    values = [run[score] for run in runs]
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _recipes(sweep: Sweep, plans: Sequence[Plan]) -> Iterator[tuple[Plan, Recipe]]:
    for plan in plans:
        for run in range(sweep.runs):
            yield plan, sweep.read(plan, run)


def _key(recipe: Recipe) -> str:
    """Name a run by its recipe and its images."""
    source = recipe.data.source
    where = source if source == "phantom" else str(Path(source).resolve())
    return f"{recipe.hash[:16]}-{hashlib.sha256(where.encode()).hexdigest()[:8]}"

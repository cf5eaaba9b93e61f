"""Models of hip density, trained fold by fold where they are not there yet, and judged on who was held out."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from bonestudio.checkpoints import Card, available, find_card
from bonestudio.checkpoints.store import load
from bonestudio.cohorts import XrayBmdPairs
from bonestudio.cohorts.bmd_pairs import TARGET
from bonestudio.errors import RequestError, StorageError, TrainingError
from bonestudio.measures.density_regions import THRESHOLD, corrected
from bonestudio.metrics.images import psnr, ssim
from bonestudio.training.density_calibration import values_of
from bonestudio.training.experiments import find_experiment
from bonestudio.training.hips import Hips, open_hips
from bonestudio.training.loop import Loop
from bonestudio.training.recipes import Recipe, read_recipe
from bonestudio.training.releases import write_release
from bonestudio.training.state import read_state, states
from bonestudio.training.terminal import Silence, watched

PEAK = 2.0
"""g/cm² that PSNR and SSIM take for the brightest; the paper does not tell its own."""
CHAINS: dict[str, tuple[str, ...]] = {
    "none": (),
    **{task: (task,) for task in ("sr", "mp", "ps", "sc", "pac", "poc", "pc", "pi", "bd")},
    "mp-bd": ("mp", "mp-bd"),
}
"""Rows of table 1, and the pretrainings that each of them takes."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One model on the patients that its fold held out; densities in g/cm², images at the film's size.

    ``true`` and ``found`` are equation 2's densities [n]; ``likeness`` holds 'PSNR', 'SSIM', 'PSNR_roi'
    and 'SSIM_roi', each [n].
    """

    card: Card
    fold: int
    true: NDArray[np.float64]
    found: NDArray[np.float64]
    likeness: dict[str, NDArray[np.float64]]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Whether the 90 % interval holds the truth, [n]; nowhere where the card has none."""
        half = self.card.settings.get("interval", {}).get("bmd")
        apart = np.abs(self.true - self.found)
        return apart <= half if half is not None else np.zeros(len(apart), bool)


def judge(checkpoint: str, data: Hips) -> Judged:
    """Estimate every film of the held-out patients as they are; maps are brought to the film's size.

    Densities are corrected as the model's card says, and as whoever uses it gets them.
    """
    weights = load(checkpoint)
    told = weights.card.settings
    fold, folds = told["fold"]
    chosen = data.model_copy(update={"fold": fold, "folds": folds})
    size = int(told["size"])
    films = open_hips(chosen, size=size)
    held = films.fold(fold, of=folds)[2].themselves()
    if not len(held):
        raise TrainingError(f"Nobody is held out of fold {fold} of {folds}; give more patients.")
    truths = _own_size(chosen, films, held)
    true, found = [], []
    scores: dict[str, list[float]] = {"PSNR": [], "SSIM": [], "PSNR_roi": [], "SSIM_roi": []}
    for i in watched(range(len(held)), f"judging {checkpoint}"):
        batch = held.batch(np.array([i]))
        with torch.inference_mode():
            map_ = weights["generator"](batch["film"]).clamp(min=0)
        truth = batch["proximal"][0, 0].numpy() if truths is None else truths(i)
        if tuple(truth.shape) != tuple(map_.shape[2:]):
            map_ = F.interpolate(map_, truth.shape, mode="bilinear", align_corners=False)
        estimate = corrected(map_[0, 0].numpy(), told.get("correction", (0.0, 1.0)))
        true.append(values_of(truth)[0])
        found.append(values_of(estimate)[0])
        region = truth > THRESHOLD
        scores["PSNR"].append(psnr(estimate, truth, peak=PEAK))
        scores["SSIM"].append(ssim(estimate, truth, peak=PEAK))
        scores["PSNR_roi"].append(psnr(estimate, truth, peak=PEAK, region=region))
        scores["SSIM_roi"].append(ssim(estimate, truth, peak=PEAK, region=region))
    return Judged(
        card=weights.card, fold=fold, true=np.array(true), found=np.array(found),
        likeness={name: np.array(values) for name, values in scores.items()},
    )  # fmt: skip


def trained(
    row: str, scale: str, data: Hips, fold: int, *, overrides: Sequence[str], out: Path
) -> Judged:
    """Judge the model of one row and fold; what is not there yet in ``out`` is trained first."""
    if row not in CHAINS:
        raise RequestError(f"A row is one of {', '.join(CHAINS)}, not '{row}'.")
    room = out / f"fold-{fold}"
    with _searched_first(room / "checkpoints"):
        for task in CHAINS[row]:
            _train(f"density/pretrain-{task}-{scale}", data, fold, overrides=overrides, room=room)
        _train(f"density/map-{row}-{scale}", data, fold, overrides=overrides, room=room)
        return judge(f"density/map-{row}-{scale}", data)


def _train(name: str, data: Hips, fold: int, *, overrides: Sequence[str], room: Path) -> None:
    told = data.model_dump(exclude={"source", "fold"})
    changes = [f"data.{key}={value}" for key, value in told.items()] + [f"data.fold={fold}"]
    # Lengths are of both experiments; options that only one of them has are for that one.
    recipe = read_recipe(name, overrides=[*changes, *_suited(name, overrides)], data=data.source)
    if available(name) and find_card(name)[0].recipe_hash == recipe.hash:
        return
    experiment: Any = find_experiment(recipe.experiment)(recipe.options, recipe.data)
    folder = room / name.rpartition("/")[2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    loop = Loop(recipe, experiment, folder)
    outcome = loop.run(view=Silence(), resume=_begun(recipe, folder))
    if not outcome.finished:
        raise TrainingError(f"The training of {name} was stopped; the table is not whole.")
    release = experiment.release(loop.moment(loop.plan.at(outcome.step - 1), purpose="release"))
    write_release(release, recipe, steps=outcome.step, folder=room)


def _begun(recipe: Recipe, folder: Path) -> bool:
    """Whether a training of just this recipe was stopped here and can go on."""
    return bool(states(folder)) and read_state(folder)["recipe"] == recipe.hash


def _suited(name: str, overrides: Sequence[str]) -> list[str]:
    """Leave out overrides of options that the recipe's experiment does not have."""
    plain: Recipe = read_recipe(name)
    known = set(type(plain.options).model_fields)
    kept = []
    for change in overrides:
        key = change.partition("=")[0].strip()
        if key.startswith("options.") and key.removeprefix("options.") not in known:
            continue
        kept.append(change)
    return kept


@contextmanager
def _searched_first(folder: Path) -> Iterator[None]:
    """Let a folder of checkpoints be the user's own for a while."""
    before = os.environ.get("BONESTUDIO_CHECKPOINTS")
    os.environ["BONESTUDIO_CHECKPOINTS"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["BONESTUDIO_CHECKPOINTS"]
        else:
            os.environ["BONESTUDIO_CHECKPOINTS"] = before


def _own_size(data: Hips, films: Any, held: Any) -> Any:
    """Return a function from a held-out film's number to its true map at the film's own size.

    Virtual films are rendered at the size that is learned from: None.
    """
    if data.source == "phantom":
        return None
    cohort = XrayBmdPairs(data.source)
    patients = set(held.fact("patient").tolist())
    rows = [i for i, of in enumerate(films.fact("patient").tolist()) if of in patients]

    def truth(i: int) -> NDArray[np.float32]:
        map_ = cohort[rows[i]].maps[TARGET]
        right = cohort.words[rows[i]].get("side", "L").upper().startswith("R")
        return np.ascontiguousarray(map_[:, ::-1]) if right else map_

    return truth

"""Whole cohorts of scans as one array in memory, which no training step waits for.

A scan is read (or a phantom rendered) once, in processes of one thread each, brought to the
network's grid and window of densities, and kept in the cache folder with 8 bits.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bonestudio.cohorts import Cohort, HrPqct
from bonestudio.errors import BoneStudioError, TrainingError
from bonestudio.metrics.extractors import scan_levels
from bonestudio.training.films import cache_key, kept
from bonestudio.training.virtual_scans import RadiusStacks

Shape = tuple[int, int, int]
Levels = NDArray[np.uint8]
FEW = 12  # so few scans are read here; more are shared out over processes
COARSEST = (12, 108, 84)  # 0.32 mm: on a coarser grid trabeculae of 0.2 mm cannot be drawn


def open_scans(
    source: str,
    *,
    count: int,
    shape: Shape,
    ages: tuple[float, float],
    grades: tuple[int, ...] = (1, 2, 3, 4, 5),
) -> Cohort:
    """Open what --data names: virtual patients, or stacks of a folder of HR-pQCT scans.

    ``grades``: visual grades of motion that are kept.
    """
    if source == "phantom":
        grid = shape if shape[1] >= COARSEST[1] else COARSEST
        return RadiusStacks(count, ages=ages, shape=grid, grades=grades)
    if not source:
        raise TrainingError(
            "This recipe needs scans; say where they are with --data FOLDER, or --data phantom."
        )
    if not Path(source).is_dir():
        raise TrainingError(f"There is no folder {source}; give one of scans with --data FOLDER.")
    return HrPqct(source, worst=max(grades)).stacks()


def read_scans(cohort: Cohort, *, shape: Shape, window: tuple[float, float]) -> Levels:
    """Read every scan of a cohort: [n, *shape], ``window`` (mg HA/cm³) in 0 … 255."""
    one = partial(_levels, cohort, shape, window)

    def read() -> Levels:
        numbers = range(len(cohort))
        if len(cohort) <= FEW:
            return np.stack([one(i) for i in numbers])
        workers = min(os.cpu_count() or 1, len(cohort) // FEW + 1)
        with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
            return np.stack(list(pool.map(one, numbers, chunksize=8)))

    return kept("scans", cache_key(cohort, (shape, window)), read)


def _levels(cohort: Cohort, shape: Shape, window: tuple[float, float], i: int) -> Levels:
    try:
        return scan_levels(cohort[i].image, shape=shape, window=window)
    except BoneStudioError as error:
        name = cohort.entries[i].name
        raise TrainingError(f"The scan '{name}' cannot be used: {error}") from error


def _one_thread() -> None:
    """Several processes on a few cores: threads of each would only wait for one another."""
    torch.set_num_threads(1)

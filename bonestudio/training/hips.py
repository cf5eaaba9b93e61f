"""Where hips come from: a folder of radiographs with maps, or virtual patients; and how they are moved."""

import hashlib
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from bonestudio.cohorts import XrayBmdPairs
from bonestudio.cohorts.bmd_pairs import TARGET, WHOLE
from bonestudio.cohorts.sample import Sample
from bonestudio.errors import TrainingError
from bonestudio.places import cache
from bonestudio.training.hip_films import HipFilms, virtual_hips
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Source
from bonestudio.training.terminal import watched


class Hips(Source):
    """Half radiographs and maps: a folder as XrayBmdPairs reads it, or ``count`` virtual patients.

    ``fold`` of ``folds`` is held out, by patient; pretraining and target share these folds.
    """

    count: PositiveInt = 200
    poses: PositiveInt = 2
    exposures: PositiveInt = 8
    fold: NonNegativeInt = 0
    folds: PositiveInt = 4


def open_hips(data: Hips, *, size: int) -> HipFilms:
    """Open all films, ``size`` pixels high and half as wide."""
    if data.source == "phantom":
        return virtual_hips(data.count, size=size, poses=data.poses, exposures=data.exposures)
    if not data.source:
        raise TrainingError(
            "This recipe needs radiographs with maps of their mineral; say where they are with "
            "--data FOLDER, or --data phantom."
        )
    return read_pairs(Path(data.source), size=size)


def read_pairs(folder: Path, *, size: int) -> HipFilms:
    """Read a folder of pairs once and keep it in the cache folder; maps of all bone may be missing."""
    places = ["bmd", "bmd_whole"] if (folder / "bmd_whole").is_dir() else ["bmd"]
    cohort = XrayBmdPairs(folder, maps="both" if len(places) > 1 else "target")
    path = cache() / "hip-films" / f"pairs-{_key(cohort, places, size)}.npz"
    if not path.is_file():
        parts = [
            _pair(
                cohort[i], size, mirrored=cohort.words[i].get("side", "L").upper().startswith("R")
            )
            for i in watched(range(len(cohort)), f"reading {len(cohort):,} hips")
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
            np.savez(scratch, films=[p[0] for p in parts], maps=[p[1] for p in parts])
        Path(scratch.name).replace(path)
    with np.load(path, allow_pickle=False) as kept:
        films, maps = torch.from_numpy(kept["films"]), torch.from_numpy(kept["maps"])
    numbers = {patient: i for i, patient in enumerate(sorted(set(cohort.patients)))}
    facts = []
    for entry in cohort.entries:
        told = [entry.age, {"M": 1.0, "F": 0.0, None: None}[entry.sex]]
        told += [entry.labels.get(name) for name in ("height_cm", "weight_kg")]
        told += [None, numbers[entry.patient], 1.0, None, None]
        facts.append([math.nan if value is None else float(value) for value in told])
    table = torch.tensor(facts, dtype=torch.float32)
    for i, words in enumerate(cohort.words):
        if "pose" in words:
            table[i, 4] = cohort.poses.index(words["pose"])
    return HipFilms(
        films=films, proximal=maps[:, 0], bone=maps[:, 1], geometry=torch.arange(len(films)),
        factor=torch.ones(len(films)), facts=table, poses=cohort.poses,
    )  # fmt: skip


def _key(cohort: XrayBmdPairs, places: list[str], size: int) -> str:
    """Name what the arrays depend on: which films and maps, and the state of their files."""
    key = hashlib.sha256(f"{size}|{cohort.folder.resolve()}".encode())
    for file, words in zip(cohort.files, cohort.words, strict=True):
        key.update(f"{file}|{words.get('side')}".encode())
        maps = [Path(place, file).with_suffix(".npy") for place in places]
        for path in [Path("xray", file), *maps]:
            state = (cohort.folder / path).stat()
            key.update(f"{state.st_size}|{state.st_mtime_ns}".encode())
    return key.hexdigest()[:24]


def _pair(sample: Sample, size: int, *, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """Film [h, w] uint8 and maps [2, h, w] float16 of the wanted size, as a left hip lies."""
    blank = np.zeros_like(sample.image)
    whole = sample.maps.get(WHOLE, np.full_like(blank, np.nan))
    three = np.stack([sample.image, sample.maps[TARGET], whole])
    small = F.interpolate(torch.from_numpy(three)[None], (size, size // 2), mode="area")[0].numpy()
    if mirrored:
        small = small[:, :, ::-1]
    return (small[0].clip(0, 1) * 255 + 0.5).astype(np.uint8), small[1:].astype(np.float16)


def nudged(films: Tensor, maps: Tensor, now: Moment) -> tuple[Tensor, Tensor]:
    """Turn (5 degrees), resize (6 %) and shift (5 %) films [n, 1, h, w] in [-1, 1] and maps alike."""
    draw = now.rand(len(films), 4) * 2 - 1
    angle, zoom = draw[:, 0] * math.radians(5), torch.exp(draw[:, 1] * 0.06)
    tall = films.shape[2] / films.shape[3]
    cos, sin, shift = zoom * angle.cos(), zoom * angle.sin(), 0.1 * draw[:, 2:]
    rows = torch.stack(
        [cos, -sin * tall, shift[:, 0], sin / tall, cos, shift[:, 1] / tall], 1
    ).view(-1, 2, 3)
    grid = F.affine_grid(rows, list(films.shape), align_corners=False)
    # What comes in from outside is the film's own edge; no mineral comes in.
    return (
        F.grid_sample(films, grid, padding_mode="border", align_corners=False),
        F.grid_sample(maps, grid, align_corners=False),
    )

"""Films of hips with maps of their bone mineral, as arrays in memory: what paper 004 learns from.

Virtual patients are posed once and filmed several times: first as themselves, then with their bones in
other people (another age, density, weight and exposure), since posing a volume takes a second and filming it
a hundredth. All hips lie as left ones do, the midline at the left edge; right ones are mirrored.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio.cohorts import splits
from bonestudio.errors import TrainingError
from bonestudio.phantoms.hip import _build, _film, _posed, project, soft_tissue
from bonestudio.phantoms.hip_anatomy import hip_anatomy
from bonestudio.phantoms.hip_body import build_hip
from bonestudio.phantoms.hip_reference import person
from bonestudio.phantoms.hip_regions import hip_regions
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.places import cache
from bonestudio.training.masked_films import code_of_phantoms, render_blocks
from bonestudio.training.order import Rows

POSES = ("standing", "supine", "resting", "adduction")
"""Abduction is left out: the virtual shaft leaves its volume there."""
BLOCK = 10  # patients of a file
FACTS = ("age", "male", "height", "weight", "pose", "patient", "own", "total_hip", "neck")


@dataclass(frozen=True)
class HipFilms:
    """Films and maps; several films can share a map but for a factor on its mineral.

    Attributes
    ----------
    films
        [n, height, width] uint8.
    proximal, bone
        [m, height, width] float16 in g/cm²: of the proximal femur, and of all bone.
    geometry, factor
        [n]: film i shows map ``geometry[i]`` times ``factor[i]``.
    facts
        [n, len(FACTS)] float32, NaN where unknown: years, 1 for men, cm, kg, number of the pose and of
        the patient, 1 for films of the patient as he is; areal BMD of total hip and neck in g/cm².
    poses
        Names of the poses.
    """

    films: Tensor
    proximal: Tensor
    bone: Tensor
    geometry: Tensor
    factor: Tensor
    facts: Tensor
    poses: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: value[0] for name, value in self.batch(np.array([row])).items()}

    def batch(self, rows: Rows) -> dict[str, Tensor]:
        """Return 'film' [n, 1, h, w] in [-1, 1], 'proximal' and 'bone' in g/cm², and each of FACTS [n]."""
        at = torch.from_numpy(np.asarray(rows))
        factor, shown = self.factor[at].view(-1, 1, 1, 1), self.geometry[at]
        return {
            "film": self.films[at].unsqueeze(1).float().div_(127.5).sub_(1.0),
            "proximal": self.proximal[shown].unsqueeze(1).float() * factor,
            "bone": self.bone[shown].unsqueeze(1).float() * factor,
            **{name: self.facts[at, i] for i, name in enumerate(FACTS)},
        }

    def fact(self, name: str) -> Tensor:
        """Return one of FACTS for every film, [n]."""
        return self.facts[:, FACTS.index(name)]

    def rows(self, chosen: NDArray[np.int64]) -> "HipFilms":
        """Return some of the films; they share the maps with the others."""
        at = torch.from_numpy(chosen)
        return HipFilms(
            self.films[at], self.proximal, self.bone, self.geometry[at], self.factor[at], self.facts[at], self.poses
        )  # fmt: skip

    def themselves(self) -> "HipFilms":
        """Return the films of patients as they are, not of their bones in other people."""
        return self.rows(np.flatnonzero(self.fact("own").numpy() == 1))

    def fold(self, number: int, *, of: int = 4) -> tuple["HipFilms", "HipFilms", "HipFilms"]:
        """(training, calibration, held-out) films of cross-validation by patient.

        A fifth of the patients who are not held out calibrate the interval; folds are the same for
        pretraining and target, so a pretrained encoder has not seen who is held out, either.
        """
        whose = np.array([f"{value:.0f}" for value in self.fact("patient").tolist()])
        if not 0 <= number < of:
            raise TrainingError(f"Folds are numbered 0 to {of - 1}, not {number}.")
        patients = sorted(set(whose.tolist()))
        held = {patients[i] for i in splits.folds(patients, k=of)[number]}
        others = splits.in_order(sorted(set(patients) - held), seed=1)
        calibrating = set(others[: max(1, len(others) // 5)])
        parts = (set(others) - calibrating, calibrating, held)
        training, interval, unseen = (
            self.rows(np.flatnonzero(np.isin(whose, list(part)))) for part in parts
        )
        return training, interval, unseen


def virtual_hips(
    count: int, *, size: int, poses: int = 2, exposures: int = 6, seed: int = 0
) -> HipFilms:
    """Render, or take from the cache, ``count`` patients in so many poses, ``size`` pixels high."""
    if not 1 <= poses <= len(POSES):
        raise TrainingError(f"Virtual hips have 1 to {len(POSES)} poses, not {poses}.")
    folder = cache() / "hip-films"
    folder.mkdir(parents=True, exist_ok=True)
    code = code_of_phantoms()
    blocks: dict[str, dict[str, Any]] = {}
    for first in range(seed, seed + count, BLOCK):
        many = min(BLOCK, seed + count - first)
        key = f"{size}-{poses}-{exposures}-{first}-{many}-{code}"
        blocks[key] = {
            "first": first, "count": many, "size": size, "poses": poses, "exposures": exposures,
            "file": str(folder / f"{key}.npz"),
        }  # fmt: skip
    missing = {key: block for key, block in blocks.items() if not Path(block["file"]).is_file()}
    if missing:
        render_blocks(write_block, missing)
    parts = []
    for block in blocks.values():
        with np.load(block["file"], allow_pickle=False) as kept:
            parts.append({name: kept[name] for name in kept.files})
    shift = np.cumsum([0, *(len(part["proximal"]) for part in parts[:-1])])
    for part, by in zip(parts, shift, strict=True):
        part["geometry"] = part["geometry"] + by
    joined = {name: torch.from_numpy(np.concatenate([p[name] for p in parts])) for name in parts[0]}
    return HipFilms(**joined, poses=POSES)


def write_block(block: dict[str, Any]) -> None:
    """Render some patients into a file of HipFilms' arrays."""
    films, geometry, factors, facts = [], [], [], []
    maps: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    for seed in range(block["first"], block["first"] + block["count"]):
        for turn in range(block["poses"]):
            pose = POSES[(seed + turn) % len(POSES)]
            shown = film_hip(seed, pose, size=block["size"], exposures=block["exposures"])
            geometry += [len(maps)] * len(shown.films)
            maps.append((shown.proximal, shown.bone))
            films += shown.films
            factors += shown.factors
            facts += shown.facts
    arrays = {
        "films": np.stack(films),
        "proximal": np.stack([a for a, _ in maps]).astype(np.float16),
        "bone": np.stack([b for _, b in maps]).astype(np.float16),
        "geometry": np.array(geometry),
        "factor": np.array(factors, np.float32),
        "facts": np.array(facts, np.float32),
    }
    file = Path(block["file"])
    scratch = file.with_suffix(f".{os.getpid()}.npz")  # two runs may render the same at once
    np.savez(scratch, **arrays)  # type: ignore[arg-type]
    scratch.replace(file)


@dataclass(frozen=True)
class Filmed:
    """One posed hip, filmed several times; maps [h, w] in g/cm² for a factor of 1."""

    films: list[NDArray[np.uint8]]
    proximal: NDArray[np.float32]
    bone: NDArray[np.float32]
    factors: list[float]
    facts: list[list[float]]


def film_hip(seed: int, pose: str, *, size: int, exposures: int) -> Filmed:
    """Pose a left hip once and film it: first the patient, then the same bones in other people."""
    patient = VirtualPatient(seed, "M" if seed % 2 else "F")
    shape = (size, size // 2)
    random = patient.random("hip/person")
    years = float(random.uniform(22, 90))  # drawn as VirtualPatient.hip draws it
    traits = patient.traits
    himself = person(patient.sex, years, size=traits.size, density=traits.density, random=random)
    volume = build_hip(
        hip_anatomy(), _build(patient, himself), _posed(patient, pose, "L"), patient.random("hip/texture/L")
    )  # fmt: skip
    rays = project(volume, shape)
    proximal = rays.proximal.numpy()
    bone = rays.pelvis + rays.proximal + rays.shaft
    regions, _ = hip_regions(proximal, volume.landmarks, rays.source, rays.pitch)
    plain = {name: float(proximal[mask].mean()) for name, mask in regions.items()}
    aside = 1 + 0.02 * float(patient.random("hip/side/L").normal())
    films, factors, facts = [], [], []
    for number in range(exposures):
        someone, purpose = himself, f"{pose}/L"
        if number:
            purpose += f"/{number}"
            random = patient.random(f"hip/person/{purpose}")
            someone = person(
                patient.sex,
                float(np.clip(years + random.uniform(-10, 10), 20, 95)),
                size=traits.size,
                density=float(np.clip(random.standard_normal(), -2.3, 2.3)),
                random=random,
            )
        factor = someone.total_hip * aside / plain["total_hip"]
        soft = soft_tissue(
            someone, shape, rays, volume.landmarks, patient.random(f"hip/soft/{purpose}")
        )
        film = _film(patient, bone * factor, soft, "natural", f"hip/{purpose}")
        films.append((film * 255 + 0.5).astype(np.uint8))
        factors.append(factor)
        told = [someone.age, float(patient.sex == "M"), someone.height, someone.weight]
        told += [float(POSES.index(pose)), float(seed), float(not number)]
        facts.append([*told, plain["total_hip"] * factor, plain["neck"] * factor])
    return Filmed(films, proximal, bone.numpy(), factors, facts)

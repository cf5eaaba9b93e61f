"""Left hip of the LLP26 shape atlas: mean bones as distance volumes, and how people differ.

The atlas (package musculoskeletal-models, MPL-2.0; Zhang et al. 2016) gives the mean surfaces of pelvis and leg and
26 modes of their variation. Its frame in mm: x to the left, y to the back, z up. Bones are voxelised once
and kept, with the nodes' modes, in the cache folder.
"""

import importlib
import json
import pickle
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bonestudio.errors import StorageError
from bonestudio.places import cache

VERSION = 1
STEP = 1.25  # mm
# First voxel's centre (x, y, z) in mm: a little across the midline, in front of the pubis, at mid-thigh.
ORIGIN = np.array([22.0, -72.0, 990.0])
SIZE = (304, 140, 132)  # z, y, x
MIDLINE = 37.3
MODES = 10


@dataclass(frozen=True)
class HipAnatomy:
    """Mean bones and modes of shape.

    Attributes
    ----------
    femur, pelvis
        [304, 140, 132] float32, mm to the surface, positive inside, on the grid of STEP and ORIGIN.
    nodes
        [2580, 3] points of the mean surfaces, mm; the first 1946 on the pelvis.
    modes
        [10, 2580, 3]: displacement in mm of one standard deviation of each mode.
    head, neck, shaft
        (x, y, z) in mm: centre of the femoral head, of the neck, and of the shaft below the trochanters.
    head_radius
        mm.
    """

    femur: Tensor
    pelvis: Tensor
    nodes: Tensor
    modes: Tensor
    head: np.ndarray
    neck: np.ndarray
    shaft: np.ndarray
    head_radius: float


@lru_cache(maxsize=1)
def hip_anatomy() -> HipAnatomy:
    """Load the mean hip; the first call on a machine makes it (some seconds)."""
    path = cache() / "hip" / f"v{VERSION}.npz"
    if not path.exists():
        _store(path)
    with np.load(path, allow_pickle=False) as kept:
        femur, pelvis = (kept[name].astype(np.float32) for name in ("femur", "pelvis"))
        nodes, modes = kept["nodes"].astype(np.float32), kept["modes"].astype(np.float32)
    head, radius = _deepest(femur, z_above=1185.0, x=(90.0, 120.0))
    neck, _ = _deepest(femur, z_above=1180.0, x=(126.0, 128.0))
    low = femur[int((1130.0 - ORIGIN[2]) / STEP)]
    y, x = np.unravel_index(int(np.argmax(low)), low.shape)
    shaft = ORIGIN + STEP * np.array([x, y, int((1130.0 - ORIGIN[2]) / STEP)])
    return HipAnatomy(
        torch.from_numpy(femur), torch.from_numpy(pelvis), torch.from_numpy(nodes), torch.from_numpy(modes),
        head, neck, shaft, radius,
    )  # fmt: skip


def _deepest(
    distance: np.ndarray, *, z_above: float, x: tuple[float, float]
) -> tuple[np.ndarray, float]:
    """Centre (x, y, z) and radius in mm of the largest ball in a part of a bone."""
    low = int((z_above - ORIGIN[2]) / STEP)
    sides = [round((v - ORIGIN[0]) / STEP) for v in x]
    part = distance[low:, :, sides[0] : sides[1] + 1]
    k, j, i = np.unravel_index(int(np.argmax(part)), part.shape)
    return ORIGIN + STEP * np.array([i + sides[0], j, k + low]), float(part.max())


def _store(path: Path) -> None:
    """Voxelise the mean bones and write them with the modes, in one move."""
    nodes, modes = _shape_model()
    arrays = {
        "femur": _voxelised("femur").astype(np.float16),
        "pelvis": _voxelised("pelvis").astype(np.float16),
        "nodes": nodes,
        "modes": modes,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            np.savez_compressed(part, allow_pickle=False, **arrays)
        Path(part.name).replace(path)
    except OSError as error:
        raise StorageError(
            f"The hip cannot be kept in {path.parent} ({error.strerror}); "
            "free some space or set BONESTUDIO_CACHE to a folder that can be written."
        ) from error


def _voxelised(name: str) -> np.ndarray:
    """Distance volume [z, y, x] of one bone on the hip's grid."""
    import pyvista as pv
    from scipy.ndimage import affine_transform

    from bonestudio.phantoms.atlas import read_atlas_surface
    from bonestudio.phantoms.voxelise import signed_distance

    points, faces = read_atlas_surface(name, per_patch=8)
    surface = pv.PolyData.from_regular_faces(points, faces)
    distance, origin = signed_distance(surface, STEP, pad=8.0)
    offset = ((ORIGIN - origin) / STEP)[::-1]
    placed: np.ndarray = affine_transform(
        distance, np.ones(3), offset=offset, output_shape=SIZE, order=1, cval=-8.0
    )
    return placed


class _ArraysOnly(pickle.Unpickler):
    """Unpickler that makes numpy arrays and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module.removeprefix("numpy.").replace("_core", "core"), name) == (
            "core.multiarray",
            "_reconstruct",
        ):
            return importlib.import_module("numpy._core.multiarray")._reconstruct  # noqa: SLF001
        if module == "numpy" and name in {"ndarray", "dtype"}:
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no array")


def _shape_model() -> tuple[np.ndarray, np.ndarray]:
    """Read nodes [2580, 3] of pelvis and femur and modes [10, 2580, 3], scaled to one deviation."""
    import musculoskeletal.models

    folder = Path(musculoskeletal.models.__file__).parent
    with (folder / "shape_models" / "LLP26_rigid.pc").open("rb") as file:
        model = _ArraysOnly(file).load()
    members = _count(folder, "pelvis_combined_cubic_mean_rigid_LLP26") + _count(
        folder, "femur_left_mean_rigid_LLP26"
    )
    nodes = model["mean"].reshape(3, -1).T[:members]
    modes = model["modes"][:, :MODES].T.reshape(MODES, 3, -1).transpose(0, 2, 1)[:, :members]
    spread = model["projectedWeights"][:MODES].std(axis=1)
    return nodes.astype(np.float32), (modes * spread[:, None, None]).astype(np.float32)


def _count(folder: Path, name: str) -> int:
    return len(
        json.loads((folder / "atlas_meshes" / f"{name}.geof").read_text())["field_parameters"]
    )

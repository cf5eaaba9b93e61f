"""Bones of the hand, arm and leg as signed distance volumes, from meshes that packages carry.

Hand and arm: `myo-sim` (Apache-2.0), a right arm. Leg: the LLP26 atlas of `musculoskeletal-models`
(MPL-2.0), a left leg. A bone is voxelised on first use and kept in the cache folder; from then on
neither package is needed. The other side of the body is the mirror image in x.
"""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError, StorageError
from bonestudio.places import cache

if TYPE_CHECKING:
    from pyvista import PolyData

VERSION = 1  # part of the cache key: raise it when a bone would come out differently

_CARPALS = (
    "scaphoid", "lunate", "triquetrum", "pisiform", "trapezium", "trapezoid", "capitate", "hamate"
)  # fmt: skip
_LONG_ARM = ("radius", "ulna", "humerus")
_LEG = ("femur", "tibia", "fibula", "patella")


def _hand_meshes() -> dict[str, str]:
    """Name of each hand bone → file name in myo-sim."""
    digits = {f"metacarpal_{d}": f"{d}mc" for d in range(1, 6)}
    digits |= {"proximal_phalanx_1": "thumbprox", "distal_phalanx_1": "thumbdist"}
    for d in range(2, 6):
        for place, short in (("proximal", "prox"), ("middle", "mid"), ("distal", "dist")):
            digits[f"{place}_phalanx_{d}"] = f"{d}{short}ph"
    return digits | {name: name for name in _CARPALS}


_MESHES = _hand_meshes() | {name: name for name in _LONG_ARM}
HAND_BONES = tuple(_hand_meshes())
BONES = (*_MESHES, *_LEG)


@dataclass(frozen=True, kw_only=True)
class Bone:
    """One bone in its own upright frame.

    The frame is right-handed: z runs along the bone from its proximal to its distal end, x to the
    thumb's side (hand and arm; a right one) or to the outer side (leg; a left one), y to the back
    of the hand (hand and arm) or to the front (leg). Round bones keep the limb's axes.

    Attributes
    ----------
    distance
        [z, y, x] float32, mm to the surface, positive inside.
    spacing
        Edge of a voxel in mm.
    origin
        (x, y, z) of voxel [0, 0, 0] in mm; the frame's zero is the bone's centre of mass.
    axes
        [3, 3]: rows are the frame's x, y, z in the mesh's coordinates.
    centre
        [3]: the frame's zero in the mesh's coordinates, mm.
    landmarks
        'proximal' and 'distal' → (x, y, z) in mm: middle of the outermost 3 % at either end.
    """

    name: str
    distance: NDArray[np.float32]
    spacing: float
    origin: NDArray[np.float64]
    axes: NDArray[np.float64]
    centre: NDArray[np.float64]
    landmarks: dict[str, tuple[float, float, float]]

    @property
    def length(self) -> float:
        """Length along z in mm."""
        return self.landmarks["distal"][2] - self.landmarks["proximal"][2]

    @property
    def rim(self) -> float:
        """Empty space around the bone in its volume, mm."""
        return _rim(self.spacing)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """The bone's voxels [z, y, x]."""
        return self.distance > 0

    def to_mesh(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move points [..., 3] (x, y, z) from the bone's frame to the mesh's coordinates, mm."""
        return points @ self.axes + self.centre

    def from_mesh(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move points [..., 3] from the mesh's coordinates (mm) to the bone's frame (x, y, z)."""
        return (points - self.centre) @ self.axes.T


@lru_cache(maxsize=48)
def load_bone(name: str) -> Bone:
    """Return a bone by name ('middle_phalanx_2', 'scaphoid', 'radius', 'femur' …; see BONES)."""
    if name not in BONES:
        raise RequestError(f"There is no bone called {name!r} here; there are {', '.join(BONES)}.")
    path = cache() / "bones" / f"v{VERSION}" / f"{name}.npz"
    if not path.exists():
        _store(_voxelised(name), path)
    with np.load(path, allow_pickle=False) as kept:
        ends = {end: _triple(kept[end]) for end in ("proximal", "distal")}
        return Bone(
            name=name,
            distance=kept["distance"].astype(np.float32),
            spacing=float(kept["spacing"]),
            origin=kept["origin"],
            axes=kept["axes"],
            centre=kept["centre"],
            landmarks=ends,
        )


def _store(bone: Bone, path: Path) -> None:
    """Write to the cache in one move, so that a second process never meets half a bone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            np.savez(
                part,
                distance=bone.distance.astype(np.float16),
                spacing=bone.spacing,
                origin=bone.origin,
                axes=bone.axes,
                centre=bone.centre,
                proximal=bone.landmarks["proximal"],
                distal=bone.landmarks["distal"],
            )
        Path(part.name).replace(path)
    except OSError as error:
        raise StorageError(
            f"The bones cannot be kept in {path.parent} ({error.strerror}); "
            "free some space or set BONESTUDIO_CACHE to a folder that can be written."
        ) from error


def _voxelised(name: str) -> Bone:
    """Turn a bone's mesh into its signed distance volume (a third of a second to a few seconds)."""
    from bonestudio.phantoms.voxelise import signed_distance

    surface, axes = (_leg_surface if name in _LEG else _arm_surface)(name)
    centre = np.array(surface.center_of_mass())
    surface.points = (np.asarray(surface.points, dtype=float) - centre) @ axes.T
    spacing = (
        0.15 if name in HAND_BONES else {"humerus": 0.6, "radius": 0.4, "ulna": 0.4}.get(name, 0.5)
    )
    distance, origin = signed_distance(surface, spacing, pad=_rim(spacing))
    return Bone(
        name=name,
        distance=distance,
        spacing=spacing,
        origin=origin,
        axes=axes,
        centre=centre,
        landmarks=_ends(distance > 0, spacing, origin),
    )


def _rim(spacing: float) -> float:
    """Width in mm of the empty rim around a bone."""
    return max(1.5, 5 * spacing)


def _arm_surface(name: str) -> tuple["PolyData", NDArray[np.float64]]:
    """Read a hand or arm mesh, rounded, in mm, and the axes of its frame.

    In myo-sim's frames of the right arm x points to the thumb, y up the arm, z to the hand's back.
    """
    import pyvista as pv

    try:
        import myo_sim
    except ImportError as error:
        raise RequestError(
            f"The mesh of {name!r} comes with the package myo-sim; install it once (pip install myo-sim)."
        ) from error
    path = Path(myo_sim.__file__).parent / "models" / "meshes" / f"{_MESHES[name]}.stl"
    surface = pv.read(path).clean(tolerance=1e-6, absolute=True).triangulate()
    surface.points = np.asarray(surface.points, dtype=float) * 1000.0
    if name in _LONG_ARM:
        surface = _rounded(surface)
    else:
        surface = surface.smooth_taubin(n_iter=20, pass_band=0.1)
    limb = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
    return surface, limb if name in _CARPALS else _along_bone(np.asarray(surface.points), limb)


def _rounded(surface: "PolyData") -> "PolyData":
    """Give 400 flat, cracked facets the roundness of bone: a fine closed skin, then smoothed."""
    import pyvista as pv

    from bonestudio.phantoms.voxelise import signed_distance

    step = 0.8
    distance, origin = signed_distance(surface, step, pad=4.0)
    grid = pv.ImageData(dimensions=distance.shape[::-1], spacing=(step,) * 3, origin=origin)
    skin = grid.contour([0.0], scalars=distance.ravel())
    # Taubin's two-step filter does not shrink; this pass band removes what is shorter than a facet.
    return skin.smooth_taubin(n_iter=200, pass_band=0.004)


def _leg_surface(name: str) -> tuple["PolyData", NDArray[np.float64]]:
    """Evaluate a leg bone of the atlas, in mm, and the axes of its frame."""
    import pyvista as pv

    from bonestudio.phantoms.atlas import read_atlas_surface

    points, faces = read_atlas_surface("tibia_fibula" if name in {"tibia", "fibula"} else name)
    surface = pv.PolyData.from_regular_faces(points, faces).clean(tolerance=1e-3, absolute=True)
    if name in {"tibia", "fibula"}:
        bodies = sorted(
            (b.extract_surface(algorithm=None) for b in surface.split_bodies()),
            key=lambda b: b.volume,
        )
        surface = bodies[-1] if name == "tibia" else bodies[0]
    # The atlas stands: x to the left, y backwards, z up. Distal is down.
    limb = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]])
    return surface, limb if name == "patella" else _along_bone(np.asarray(surface.points), limb)


def _along_bone(points: NDArray[np.float64], limb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn the limb's axes so that z follows the bone's long axis (least moment of inertia)."""
    _, vectors = np.linalg.eigh(np.cov(points.T))
    z = vectors[:, -1] * np.sign(vectors[:, -1] @ limb[2])
    x = limb[0] - (limb[0] @ z) * z
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def _ends(
    inside: NDArray[np.bool_], spacing: float, origin: NDArray[np.float64]
) -> dict[str, tuple[float, float, float]]:
    """Find the two ends of the bone along z."""
    filled = np.flatnonzero(inside.any(axis=(1, 2)))
    first, last = int(filled[0]), int(filled[-1])
    depth = max(1, round(0.03 * (last - first)))
    found = {}
    for end, z, rows in (
        ("proximal", first, slice(first, first + depth)),
        ("distal", last, slice(last - depth + 1, last + 1)),
    ):
        _, y, x = (float(np.mean(axis)) for axis in np.nonzero(inside[rows]))
        found[end] = _triple(np.array([x, y, z]) * spacing + origin)
    return found


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return x, y, z

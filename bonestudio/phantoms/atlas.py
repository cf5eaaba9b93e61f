"""Surfaces of the leg and pelvis from the mean of the LLP26 shape atlas (mm, left side).

The atlas (package musculoskeletal-models, MPL-2.0) keeps a surface as curved patches: quadrilaterals
and triangles with Lagrange nodes of third or fourth order, in three JSON files. A patch is a
polynomial through its nodes, so it is evaluated on as fine a lattice as wanted.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FILES = {
    "femur": ("femur_left_mean_rigid_LLP26", "femur_left_quartic_flat"),
    "tibia_fibula": ("tibia_fibula_cubic_left_mean_rigid_LLP26", "tibia_fibula_left_cubic_flat"),
    "patella": ("patella_left_mean_rigid_LLP26", "patella_11_left"),
    "pelvis": ("pelvis_combined_cubic_mean_rigid_LLP26", "pelvis_combined_cubic_flat"),
}


def read_atlas_surface(
    name: str, *, per_patch: int = 12
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return points [n, 3] in mm (the atlas' frame) and triangles [m, 3] of one bone.

    ``per_patch`` is the number of steps along a patch's side.
    """
    import musculoskeletal.models

    folder = Path(musculoskeletal.models.__file__).parent / "atlas_meshes"
    geometry, topology = _FILES[name]
    nodes = _nodes(json.loads((folder / f"{geometry}.geof").read_text()))
    mesh = json.loads((folder / f"{topology}.mesh").read_text())
    points: list[NDArray[np.float64]] = []
    faces: list[NDArray[np.int64]] = []
    start = 0
    for kind, members in _patches(mesh):
        inside, triangles = _patch(kind, nodes[members], per_patch)
        points.append(inside)
        faces.append(triangles + start)
        start += len(inside)
    return np.concatenate(points), np.concatenate(faces)


def _nodes(field: dict[str, dict[str, dict[str, str]]]) -> NDArray[np.float64]:
    """Read node positions [n, 3]."""
    rows = field["field_parameters"]
    return np.array([[float(rows[key][f"dim {d}"]) for d in range(3)] for key in sorted(rows)])


def _patches(mesh: dict[str, dict[str, str]]) -> list[tuple[str, list[int]]]:
    """List (kind, global node numbers) of each patch; shared nodes are numbered where first met."""
    elements = mesh["elements"]
    number: dict[str, int] = {}
    patches = []
    count = 0
    for element in sorted(elements, key=int):
        kind = elements[element].split()[-1]
        members = []
        for local in range(len(_exponents(kind))):
            own = f"{element}_{local}"
            met = [number[o] for o in mesh["connectivity"][own].split() if o in number]
            number[own] = met[0] if met else count
            count += not met
            members.append(number[own])
        patches.append((kind, members))
    return patches


def _exponents(kind: str) -> list[tuple[int, int]]:
    """List the (i, j) of a patch's polynomial terms uⁱvʲ, which are its nodes' places too."""
    if kind.startswith("quad"):
        across, along = int(kind[4]), int(kind[5])
        return [(i, j) for j in range(along) for i in range(across)]
    order = {"tri10": 3, "tri15": 4}[kind]
    return [(i, j) for j in range(order + 1) for i in range(order + 1 - j)]


def _patch(
    kind: str, nodes: NDArray[np.float64], steps: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Evaluate one patch on a lattice: points [k, 3] and triangles [t, 3]."""
    quad = kind.startswith("quad")
    powers = np.array(_exponents(kind))

    def monomials(at: NDArray[np.float64]) -> NDArray[np.float64]:
        terms: NDArray[np.float64] = np.prod(at[:, None, :] ** powers, axis=-1)
        return terms

    rows = [(i, j) for j in range(steps + 1) for i in range(steps + 1 if quad else steps + 1 - j)]
    coefficients = np.linalg.solve(monomials(powers / powers.max(axis=0)), nodes)
    points = monomials(np.array(rows) / steps) @ coefficients
    first = np.cumsum([0] + [steps + 1 if quad else steps + 1 - j for j in range(steps)])
    triangles = []
    for j in range(steps):
        for i in range(steps if quad else steps - j):
            a, b, c = first[j] + i, first[j] + i + 1, first[j + 1] + i
            triangles.append((a, b, c))
            if quad or i < steps - j - 1:
                triangles.append((b, c + 1, c))
    return points, np.array(triangles)

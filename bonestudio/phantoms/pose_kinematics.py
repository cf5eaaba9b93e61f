"""The arm as a tree of rigid bones: who hangs on whom, where, and about which axes it turns.

Read once from the MuJoCo arm of the ``myo_sim`` package (Apache-2.0; Wang et al., MyoSim, ICRA
2022), kept as one small file in the user's cache; MuJoCo is not needed afterwards.
"""

import os
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bonestudio import places

Array = NDArray[np.float64]

# Parent before child; the first is the root.
BODIES = {
    "humerus_r": "humerus", "ulna_r": "ulna", "radius_r": "radius", "lunate_r": "lunate",
    "scaphoid_r": "scaphoid", "pisiform_r": "pisiform", "triquetrum_r": "triquetrum",
    "capitate_r": "capitate", "trapezium_r": "trapezium", "trapezoid_r": "trapezoid",
    "hamate_r": "hamate",
    "firstmc_r": "metacarpal_1", "secondmc_r": "metacarpal_2", "thirdmc_r": "metacarpal_3",
    "fourthmc_r": "metacarpal_4", "fifthmc_r": "metacarpal_5",
    "proximal_thumb_r": "proximal_phalanx_1", "distal_thumb_r": "distal_phalanx_1",
    "2proxph_r": "proximal_phalanx_2", "midph2_r": "middle_phalanx_2",
    "distph2_r": "distal_phalanx_2",
    "3proxph_r": "proximal_phalanx_3", "midph3_r": "middle_phalanx_3",
    "distph3_r": "distal_phalanx_3",
    "4proxph_r": "proximal_phalanx_4", "midph4_r": "middle_phalanx_4",
    "distph4_r": "distal_phalanx_4",
    "5proxph_r": "proximal_phalanx_5", "midph5_r": "middle_phalanx_5",
    "distph5_r": "distal_phalanx_5",
}  # fmt: skip

BONES = tuple(BODIES.values())
CARPALS = (
    "scaphoid", "lunate", "triquetrum", "pisiform", "trapezium", "trapezoid", "capitate", "hamate",
)  # fmt: skip
METACARPALS = tuple(f"metacarpal_{i}" for i in range(1, 6))
PHALANGES = tuple(bone for bone in BONES if "phalanx" in bone)


def finger_chain(finger: int) -> tuple[str, ...]:
    """Bones of a ray from the hand outwards: metacarpal, then its phalanges (1 is the thumb)."""
    rows = ("proximal", "distal") if finger == 1 else ("proximal", "middle", "distal")
    return (f"metacarpal_{finger}", *(f"{row}_phalanx_{finger}" for row in rows))


@dataclass(frozen=True)
class Kinematics:
    """The tree at rest (right arm hanging, palm to the thigh, fingers straight).

    A bone's joint frame is the frame of its mesh file: what is measured on the mesh (× 1000: mm)
    can be placed by these transforms as it is.

    Attributes
    ----------
    parent
        Name of each bone's parent; the humerus has none.
    rest
        [4, 4] from each bone's joint frame to its parent's joint frame, mm.
    centre
        [3] centre of mass of each bone in its joint frame, mm.
    joints
        Bone → {joint: axis [3] in the bone's joint frame}, in the order in which they turn.
    """

    parent: dict[str, str | None]
    rest: dict[str, Array]
    centre: dict[str, Array]
    joints: dict[str, dict[str, Array]]


@cache
def kinematics() -> Kinematics:
    """Return the arm's tree, from the cache or, the first time, from MuJoCo."""
    path = places.cache() / "arm-kinematics-1.npz"
    if not path.is_file():
        _write(path, _from_mujoco())
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    parent: dict[str, str | None] = dict.fromkeys(BONES)
    joints: dict[str, dict[str, Array]] = {bone: {} for bone in BONES}
    for name, array in arrays.items():
        kind, *rest = name.split("/")
        if kind == "parent":
            parent[rest[0]] = rest[1]
        elif kind == "axis":
            joints[rest[0]][rest[1]] = array
    return Kinematics(
        parent=parent,
        rest={bone: arrays[f"rest/{bone}"] for bone in BONES},
        centre={bone: arrays[f"centre/{bone}"] for bone in BONES},
        joints=joints,
    )


def _write(path: Path, arrays: dict[str, Array]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    with os.fdopen(descriptor, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    Path(name).replace(path)  # whole or not at all, also when two processes write at once


def _from_mujoco() -> dict[str, Array]:
    import mujoco
    import myo_sim

    # MuJoCo says on every load that the composed arm could not be saved; nobody saves it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, _ = myo_sim.load("myoarm_r")

    arrays: dict[str, Array] = {}
    for body, bone in BODIES.items():
        index = model.body(body).id
        parent = BODIES.get(model.body(model.body_parentid[index]).name)
        arrays[f"rest/{bone}"] = _rigid(mujoco, model.body_pos[index], model.body_quat[index])
        if parent:
            arrays[f"parent/{bone}/{parent}"] = np.zeros(0)
        geom = next(
            g
            for g in range(model.ngeom)
            if model.geom_bodyid[g] == index and model.geom_type[g] == mujoco.mjtGeom.mjGEOM_MESH
        )
        # MuJoCo moves each mesh into its principal axes about its centre of mass, and the geometry
        # back; the arm's files have no other offset, so the geometry's place is that centre.
        arrays[f"centre/{bone}"] = model.geom_pos[geom] * 1000
        first = model.body_jntadr[index]
        for joint in range(first, first + model.body_jntnum[index]):
            name = model.joint(joint).name.removesuffix("_r")
            axis = model.jnt_axis[joint]
            arrays[f"axis/{bone}/{name}"] = axis / np.linalg.norm(axis)
    return arrays


def _rigid(mujoco: object, position: Array, quaternion: Array) -> Array:
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, np.asarray(quaternion, dtype=np.float64))  # type: ignore[attr-defined]
    transform = np.eye(4)
    transform[:3, :3] = turn.reshape(3, 3)
    transform[:3, 3] = position * 1000
    return transform

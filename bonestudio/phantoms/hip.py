"""Cone-beam radiograph of one hip with the BMD maps of its bones.

The film is the outer half of an AP view of the pelvis: source 1.1 m from the detector, the hip 0.13 m in
front of it. Maps hold the mineral along each ray in g/cm², in the film's own geometry.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Laterality, Radiograph
from bonestudio.phantoms import chance
from bonestudio.phantoms.film import Bench, develop, looks
from bonestudio.phantoms.hip_anatomy import MIDLINE, MODES, ORIGIN, STEP, hip_anatomy
from bonestudio.phantoms.hip_body import (
    COMPACT,
    PELVIS,
    PROXIMAL_FEMUR,
    SHAFT,
    Build,
    HipVolume,
    Pose,
    build_hip,
)
from bonestudio.phantoms.hip_reference import Person, person
from bonestudio.phantoms.hip_regions import hip_regions
from bonestudio.phantoms.materials import HIP_BEAM
from bonestudio.phantoms.physics import transmission
from bonestudio.phantoms.truth import Phantom, Truth

if TYPE_CHECKING:
    from bonestudio.phantoms.patient import Style, VirtualPatient

# Degrees of abduction, internal rotation and forward tilt of the pelvis. Resting feet fall outwards; a
# standing pelvis leans back.
POSES = {
    "standing": Pose(0.0, 2.0, -5.0),
    "supine": Pose(2.0, 13.0, 2.0),
    "resting": Pose(5.0, -18.0, 2.0),
    "abduction": Pose(24.0, 4.0, 2.0),
    "adduction": Pose(-13.0, 6.0, 2.0),
}
SOURCE_MM, BEHIND_MM = 1100.0, 130.0
FIELD_MM = (430.0, 215.0)  # film height and width at the detector
_BENCH = Bench(
    black=(-0.5, 0.1), white=(-0.35, 0.1), scatter=(0.08, 0.3), quanta=(60_000.0, 600_000.0),
    blur_px=(0.5, 0.8), toe=(0.85, 1.15), shade=(-0.02, 0.02), lift=(0.0, 0.06),
)  # fmt: skip


@dataclass(frozen=True)
class Projection:
    """Mineral along each ray of pelvis, proximal femur and shaft, g/cm², and the film's geometry."""

    pelvis: Tensor
    proximal: Tensor
    shaft: Tensor
    source: np.ndarray
    pitch: float


def hip(
    patient: "VirtualPatient",
    pose: int | str = "supine",
    side: Laterality = "L",
    *,
    size: tuple[int, int] = (512, 256),
    age: float | None = None,
    style: "Style" = "natural",
) -> Phantom[Radiograph]:
    """Radiograph of one hip [height, width] and its truth.

    ``pose``: 'standing', 'supine', 'resting', 'abduction', 'adduction', or 0 to 4. ``size``: height twice
    the width. Truth: maps 'proximal_femur_bmd_g_cm2' and 'bone_bmd_g_cm2'; masks of the bones and of the regions
    'neck', 'trochanter', 'total_hip'; areal BMD of the regions, height and weight among the measures.
    """
    name = _pose(pose)
    if side not in {"L", "R"}:
        raise RequestError(f"A hip is 'L' or 'R', not {side!r}.")
    height, width = size
    if height != 2 * width or width < 32:
        raise RequestError(
            f"A half film is twice as high as wide (512, 256), 32 or more wide, not {size}."
        )
    random = patient.random("hip/person")
    drawn = float(random.uniform(22, 90))
    years = drawn if age is None else float(age)
    if not 18 <= years <= 105:
        raise RequestError(f"Hips are of adults, 18 to 105 years, not {years:g}.")
    someone = person(
        patient.sex, years, size=patient.traits.size, density=patient.traits.density, random=random
    )
    volume = build_hip(
        hip_anatomy(),
        _build(patient, someone),
        _posed(patient, name, side),
        patient.random(f"hip/texture/{side}"),
    )
    rays = project(volume, size)
    regions, landmarks = hip_regions(
        rays.proximal.numpy(), volume.landmarks, rays.source, rays.pitch
    )
    # One factor on all mineral gives this person's total hip; the left and right differ by 3 %.
    wanted = someone.total_hip * (1 + 0.02 * float(patient.random(f"hip/side/{side}").normal()))
    factor = wanted / float(rays.proximal.numpy()[regions["total_hip"]].mean())
    bone = (rays.pelvis + rays.proximal + rays.shaft) * factor
    soft = soft_tissue(
        someone, size, rays, volume.landmarks, patient.random(f"hip/soft/{name}/{side}")
    )
    image = _film(patient, bone, soft, style, f"hip/{name}/{side}")
    maps = {
        "proximal_femur_bmd_g_cm2": (rays.proximal * factor).numpy(),
        "bone_bmd_g_cm2": bone.numpy(),
    }
    masks = {
        "pelvis": rays.pelvis.numpy() > 0.01,
        "proximal_femur": rays.proximal.numpy() > 0.01,
        "femur": (rays.proximal + rays.shaft).numpy() > 0.01,
        **regions,
    }
    measures = {"height_cm": someone.height, "weight_kg": someone.weight}
    for region, mask in regions.items():
        measures[f"areal_bmd_{region}_g_cm2"] = float(maps["proximal_femur_bmd_g_cm2"][mask].mean())
    if side == "R":  # the other side is the mirror image of a left one
        image = image[:, ::-1]
        maps = {key: np.ascontiguousarray(value[:, ::-1]) for key, value in maps.items()}
        masks = {key: np.ascontiguousarray(value[:, ::-1]) for key, value in masks.items()}
        landmarks = {key: (row, width - 1 - column) for key, (row, column) in landmarks.items()}
    return Phantom(
        image=Radiograph(
            pixels=np.ascontiguousarray(image), spacing=(rays.pitch, rays.pitch), view="AP", laterality=side,
            age=years, sex=patient.sex,
        ),
        truth=Truth(
            kind="hip", seed=patient.seed, sex=patient.sex, age=years, masks=masks, landmarks=landmarks,
            measures=measures, maps=maps, labels={"pose": name, "side": side, "style": style},
        ),
    )  # fmt: skip


def _pose(pose: int | str) -> str:
    names = list(POSES)
    if isinstance(pose, str) and pose in POSES:
        return pose
    if isinstance(pose, int) and not isinstance(pose, bool) and 0 <= pose < len(names):
        return names[pose]
    raise RequestError(
        f"A hip's pose is one of {', '.join(names)} (or 0 to {len(names) - 1}), not {pose!r}."
    )


def _posed(patient: "VirtualPatient", name: str, side: Laterality) -> Pose:
    """Return the pose as this person takes it: some degrees off."""
    off = patient.random(f"hip/pose/{name}/{side}").normal(0, [2.0, 3.5, 3.0])
    usual = POSES[name]
    return Pose(usual.abduction + off[0], usual.internal + off[1], usual.tilt + off[2])


def _build(patient: "VirtualPatient", someone: Person) -> Build:
    shape = patient.random("hip/shape").standard_normal(MODES).clip(-2, 2)
    shape[0] *= 0.3  # the first mode is mostly size, which height gives
    usual = 162.0 if patient.sex == "F" else 175.5
    scale = (0.955 if patient.sex == "F" else 1.03) * (1 + 0.6 * (someone.height / usual - 1))
    thin = 1 - 0.004 * max(0.0, someone.age - 45)
    return Build(
        shape, scale, (1 + 0.08 * patient.traits.cortex) * thin, 1 + 0.15 * patient.traits.texture
    )


def project(volume: HipVolume, size: tuple[int, int]) -> Projection:
    """Cast cone-beam rays through the mineral with nanodrr: one path integral per bone."""
    from nanodrr.camera import make_k_inv
    from nanodrr.data import Subject
    from nanodrr.drr import render

    pitch = FIELD_MM[0] / size[0]
    head = volume.landmarks["head"]
    source = np.array([MIDLINE, head[1] + BEHIND_MM - SOURCE_MM, head[2] + 18.0])
    affine = torch.diag(torch.tensor([STEP, STEP, STEP, 1.0]))
    affine[:3, 3] = torch.tensor(ORIGIN)
    mineral, label = volume.mineral[None, None], volume.label[None, None]
    subject = Subject(
        mineral, label, affine, affine.inverse(), Subject._make_voxel_to_grid(mineral.shape),  # noqa: SLF001
        torch.zeros(3), max_label=SHAFT, convert_to_mu=False,
    )  # fmt: skip
    # Camera to body: columns of the film run to the patient's left, rows down, rays to the back.
    pose = torch.tensor(
        [[1.0, 0, 0, source[0]], [0, 0, 1, source[1]], [0, -1, 0, source[2]], [0, 0, 0, 1]]
    )[None]
    # The film's inner edge is the midline, so the beam's axis meets it there.
    k_inv = make_k_inv(SOURCE_MM, pitch, pitch, -FIELD_MM[1] / 2, 0.0, *size)
    with torch.no_grad():
        paths = (
            render(subject, k_inv, pose.float(), torch.tensor([SOURCE_MM]), *size, n_samples=130)[0]
            / 10.0
        )
    return Projection(paths[PELVIS], paths[PROXIMAL_FEMUR], paths[SHAFT], source, pitch)


def soft_tissue(
    someone: Person,
    size: tuple[int, int],
    rays: Projection,
    landmarks: dict[str, np.ndarray],
    random: np.random.Generator,
) -> Tensor:
    """Millimetres of soft tissue along each ray [h, w]: trunk, thigh, and what fills the pelvis."""
    pitch = rays.pitch * (SOURCE_MM - BEHIND_MM) / SOURCE_MM  # in the plane of the hip
    z = rays.source[2] - (torch.arange(size[0]) + 0.5 - size[0] / 2)[:, None] * pitch
    x = (torch.arange(size[1]) + 0.5)[None] * pitch
    bmi = someone.weight / (someone.height / 100) ** 2
    half_width, half_depth = 168.0 * (bmi / 25) ** 0.35, 98.0 * (bmi / 25) ** 0.55
    trunk = 2 * half_depth * (1 - (x / half_width) ** 2).clamp(min=0).sqrt()
    crotch = float(landmarks["head"][2]) - 72.0
    leg_x = float(landmarks["shaft"][0]) - MIDLINE - 8 + 0.12 * (z - crotch)
    radius = 84.0 * (bmi / 25) ** 0.45
    leg = 2 * radius * (1 - ((x - leg_x) / (radius * 1.04)) ** 2).clamp(min=0).sqrt()
    share = torch.sigmoid((z - crotch + 0.25 * (x - 60)) / 13)
    path = leg * (1 - share) + torch.maximum(trunk, leg) * share
    muscle = torch.from_numpy(random.standard_normal((1, 1, 10, 6), dtype=np.float32))
    uneven = torch.nn.functional.interpolate(muscle, size=size, mode="bicubic", align_corners=True)[
        0, 0
    ]
    path = path * (1 + 0.018 * uneven)
    # Gas in the bowel: soft-edged pockets above the hip, towards the middle.
    drawn = torch.from_numpy(random.standard_normal((1, 1, 24, 12), dtype=np.float32))
    pockets = torch.nn.functional.interpolate(drawn, size=size, mode="bicubic", align_corners=True)[
        0, 0
    ]
    bowel = torch.sigmoid((z - float(landmarks["head"][2]) - 45) / 8) * torch.sigmoid((95 - x) / 9)
    gas = 22.0 * (pockets - 0.7).clamp(min=0) * bowel
    path = path - torch.where(path > 60, gas, torch.zeros(()))
    filled: Tensor = path.clamp(min=0)
    return filled


def _film(
    patient: "VirtualPatient", bone: Tensor, soft: Tensor, style: "Style", purpose: str
) -> np.ndarray:
    """Develop mineral (g/cm²) and soft tissue (mm) into pixels [h, w]."""
    bone_mm = bone * (10.0 / COMPACT)
    primary = transmission(
        {"bone": bone_mm[None], "soft": (soft - bone_mm).clamp(min=0)[None]}, HIP_BEAM
    )
    look = looks([patient.seed], purpose, bench=_BENCH, style=style)
    # Automatic windowing, as a detector's software does it: from thin soft tissue to dense bone.
    body = -primary[0][soft > 40].log()
    thin, dense = torch.quantile(body[::7], torch.tensor([0.04, 0.998])).tolist()
    look = replace(look, black=look.black + thin, white=look.white + dense)
    noise = chance.normal(patient.seed, f"{purpose}/noise", *bone.shape)[None]
    return develop(primary, noise, look, scatter_px=24.0 * bone.shape[0] / 512)[0].numpy()

"""Lower end of the left femur, AP, 128 × 128, from birth to 19 years.

The frame is tied to the bone: its side is 1.55 times the width of the (future) condyles, so that
the metaphysis, the plate, the epiphysis and the joint fill it alike at all ages, as in the paper's
crops of "the lower extremity of femur" resized to 128 × 128. Lateral is to the right. The upper end
of the tibia and the patella's shadow are in the picture as they are in a knee's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.phantoms import chance
from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.bone_matter import Growing, per_ray
from bonestudio.phantoms.femur_pose import (
    SIZE,
    Knee,
    condyles,
    pixel_of,
    pose_knees,
    rays,
    soft_tissue,
    tibia_middle,
)
from bonestudio.phantoms.film import Bench, develop, looks, own_level
from bonestudio.phantoms.growth import FEMUR, Stage, check_ages, stage
from bonestudio.phantoms.materials import LEG_BEAM
from bonestudio.phantoms.ossify import Paths, paths_in_frame
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.phantoms.physics import areal_bmd, transmission
from bonestudio.phantoms.truth import Phantom, Truth

PLATE = 26.0  # mm of the adult bone from the condyles to the middle of the growth plate
TIBIA_PLATE = 15.0
CHUNK = 8
BENCH = Bench(black=(0.38, 0.52), white=(0.98, 1.08), scatter=(0.2, 0.5), quanta=(40000, 400000))


@dataclass(frozen=True)
class Femora:
    """A batch of rendered femora: fields as in `phalange.Phalanges`."""

    pixels: Tensor
    bmd: Tensor
    masks: dict[str, Tensor]
    spacing: Tensor
    stage: Stage


def render_femora(
    patients: Sequence[VirtualPatient],
    ages: Sequence[float],
    *,
    style: Style = "natural",
    device: torch.device | str = "cpu",
) -> Femora:
    """Render one distal femur per patient and age (years)."""
    if len(patients) != len(ages) or not patients:
        raise RequestError(
            f"Each patient needs one age: {len(patients)} patients came with {len(ages)} ages."
        )
    if style not in {"synthetic", "natural"}:
        raise RequestError(f"The style is 'synthetic' or 'natural', not {style!r}.")
    check_ages(ages)
    parts = [
        _render(patients[i : i + CHUNK], ages[i : i + CHUNK], style, torch.device(device))
        for i in range(0, len(patients), CHUNK)
    ]
    stages = {k: np.concatenate([getattr(p.stage, k) for p in parts]) for k in vars(parts[0].stage)}
    return Femora(
        pixels=torch.cat([p.pixels for p in parts]),
        bmd=torch.cat([p.bmd for p in parts]),
        masks={key: torch.cat([p.masks[key] for p in parts]) for key in parts[0].masks},
        spacing=torch.cat([p.spacing for p in parts]),
        stage=Stage(**stages),
    )


def femur(patient: VirtualPatient, age: float, *, style: Style = "natural") -> Phantom[Radiograph]:
    """Render one patient's distal femur with its truth."""
    batch = render_femora([patient], [age], style=style)
    grown, spacing = batch.stage, float(batch.spacing[0])
    knee = pose_knees([patient], grown, [age], style)
    heights = {"condyles": 0.0, "tibia": -float(knee.joint[0])}
    if grown.fusion[0] < 1:
        heights["physis"] = PLATE * float(knee.scale[0])
    size = 1 + 0.045 * patient.traits.size
    truth = Truth(
        kind="femur",
        seed=patient.seed,
        sex=patient.sex,
        age=age,
        masks={name: mask[0].numpy() for name, mask in batch.masks.items()},
        landmarks={name: pixel_of(knee, height) for name, height in heights.items()},
        angles={"tilt": float(knee.tilt.rad2deg()[0]), "roll": float(knee.roll.rad2deg()[0])},
        measures={
            "length_mm": float(grown.length[0]) * size,
            "condylar_width_mm": float(condyles()[1] * knee.scale[0]),
            "gap_mm": float(grown.gap[0]) if grown.fusion[0] < 1 else 0.0,
            "width_ratio": float(grown.width_ratio[0]),
            "fusion": float(grown.fusion[0]),
            "bone_age_years": float(grown.bone_age[0]),
            "spacing_mm": spacing,
        },
        maps={"areal_bmd_g_cm2": batch.bmd[0].numpy()},
        labels={"style": style},
    )
    image = Radiograph(
        pixels=batch.pixels[0].numpy(),
        spacing=(spacing, spacing),
        view="AP",
        laterality="L",
        age=age,
        sex=patient.sex,
    )
    return Phantom(image=image, truth=truth)


def _render(
    patients: Sequence[VirtualPatient], ages: Sequence[float], style: Style, device: torch.device
) -> Femora:
    """Render one chunk."""
    traits = [p.traits for p in patients]
    grown = stage(FEMUR, ages, [p.sex for p in patients], [t.tempo for t in traits])
    knee = pose_knees(patients, grown, ages, style)
    up, side = rays(knee)  # mm over the condyles' ends, mm to the outer side of the knee's middle
    scale, middle = per_ray(knee.scale), condyles()[0]
    thigh = _bone("femur", patients, grown, knee)
    upper = paths_in_frame(thigh, load_bone("femur").length * scale - up, side + middle * scale)
    shin = _bone("tibia", patients, grown, knee)
    below = -up - per_ray(knee.joint)
    lower = paths_in_frame(shin, below, side + tibia_middle() * scale)
    cap = _patella(patients, grown, knee, up, side)
    masks = {
        "femur": upper["volume"] > 1.0,
        "epiphysis": upper["epiphysis"] > 1.0,
        "tibia": lower["volume"] > 1.0,
        "patella": cap["volume"] > 1.0,
    }
    bone = upper["bone"] + lower["bone"] + cap["bone"]
    volume = upper["volume"] + lower["volume"] + cap["volume"]
    skin = soft_tissue(knee, up, side, patients)
    marrow, soft = (volume - bone).clamp(min=0), (skin - volume).clamp(min=0)
    primary = transmission({"bone": bone, "marrow": marrow, "soft": soft}, LEG_BEAM).to(device)
    noise = torch.stack(
        [
            chance.normal(p.seed, f"noise/femur/{age:.4f}", SIZE, SIZE)
            for p, age in zip(patients, ages, strict=True)
        ]
    ).to(device)
    look = looks([p.seed for p in patients], "femur", bench=BENCH, style=style)
    pixels = develop(primary, noise, look, level=own_level(primary))
    return Femora(pixels, areal_bmd(bone), masks, knee.pixel, grown)


def _bone(name: str, patients: Sequence[VirtualPatient], grown: Stage, knee: Knee) -> Growing:
    """Describe femur or tibia for this batch."""
    traits = [p.traits for p in patients]
    maturity = torch.tensor(grown.maturity, dtype=torch.float32)
    thigh = name == "femur"
    return Growing(
        name=name,
        plate=PLATE if thigh else TIBIA_PLATE,
        end="distal" if thigh else "proximal",
        stretch=knee.scale,
        breadth=knee.scale,
        width_ratio=torch.tensor(grown.width_ratio, dtype=torch.float32),
        height_ratio=torch.tensor(grown.height_ratio, dtype=torch.float32),
        gap=torch.tensor(grown.gap, dtype=torch.float32),
        fusion=torch.tensor(grown.fusion, dtype=torch.float32),
        scar=torch.tensor(grown.scar, dtype=torch.float32),
        cortex=torch.tensor([5.2 * (1 + 0.09 * t.cortex) for t in traits]) * maturity.pow(1.1),
        trabecular=torch.tensor([0.2 * (1 + 0.08 * t.density) for t in traits]),
        contrast=torch.tensor([1.3 * (1 + 0.15 * t.texture) for t in traits]),
        mineral=torch.tensor([1 + 0.05 * t.density for t in traits]) * (0.82 + 0.18 * maturity),
        roll=knee.roll,
        shape=torch.stack([torch.from_numpy(t.shape) for t in traits]),
        place=torch.stack([chance.uniform(p.seed, f"trabeculae/{name}", 3) for p in patients]),
        waves=0.07,
        visible=0.27 if thigh else 0.12,
        pixel=0.9,
        depth_samples=40,
    )


def _patella(
    patients: Sequence[VirtualPatient], grown: Stage, knee: Knee, up: Tensor, side: Tensor
) -> Paths:
    """Compute the kneecap's paths: it ossifies from 3 (girls) or 4 years (boys) to 12 years."""
    start = torch.tensor([3.0 if p.sex == "F" else 4.0 for p in patients])
    age = torch.tensor(grown.bone_age, dtype=torch.float32)
    share = ((age - start) / 8).clamp(0, 1).sqrt()
    mesh = load_bone("patella")
    scale = knee.scale * share.clamp(min=0.02)
    middle = mesh.length / 2 * per_ray(scale)
    cap = _bone("femur", patients, grown, knee)
    flat = torch.zeros_like(share)
    cap = replace(
        cap,
        name="patella",
        plate=-50.0,  # a bone without a growth plate: the plate lies beyond it
        end="proximal",
        stretch=scale,
        breadth=scale,
        gap=flat,
        width_ratio=flat,
        fusion=flat,
        cortex=cap.cortex * 0.25,
        visible=1.0,
        depth_samples=16,
    )
    # Its middle lies over the condyles, a third of the frame above the joint.
    height = per_ray(38.0 * knee.scale)
    paths = paths_in_frame(cap, middle - (up - height), side)
    present = per_ray((share > 0).float())
    return {key: path * present for key, path in paths.items()}

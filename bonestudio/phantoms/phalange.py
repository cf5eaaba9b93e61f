"""Middle phalanx of a finger, 128 × 128, upright, from birth to 19 years.

The frame is tied to the finger, not to millimetres: its side is 1.35 times the distance between
the two joints that bound the bone (PIP and DIP), its centre midway between them. So the bone fills
the frame alike at all ages, as in the paper's crops ("resized to 128 × 128", with growth "smaller
on the images" than the femur's) and as boxes around the joints of real films give; the millimetres
stay in the radiograph's spacing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.phantoms import chance
from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.bone_matter import Growing, per_ray
from bonestudio.phantoms.film import Bench, develop, looks, own_level
from bonestudio.phantoms.growth import PHALANX, Stage, check_ages, stage
from bonestudio.phantoms.materials import HAND_BEAM
from bonestudio.phantoms.ossify import Paths, paths_in_frame
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.phantoms.phalange_pose import (
    PLATE,
    SIZE,
    Finger,
    beside_it,
    landmarks,
    pose_fingers,
    rays,
    soft_tissue,
)
from bonestudio.phantoms.physics import areal_bmd, transmission
from bonestudio.phantoms.truth import Phantom, Truth

CHUNK = 8  # patients rendered at once: their samples stay in the processor's cache
BENCH = Bench(
    black=(-0.12, 0.03),
    white=(0.95, 1.2),
    blur_px=(0.4, 0.85),
    quanta=(9000.0, 120000.0),
    enhance=(0.0, 0.8),
)
_ADULT_LENGTH = PHALANX["M"].length[1][-1]


@dataclass(frozen=True)
class Phalanges:
    """A batch of rendered phalanges.

    Attributes
    ----------
    pixels
        [batch, 128, 128] float32, 0 to 1.
    bmd
        [batch, 128, 128] areal mineral density in g/cm².
    masks
        Name of a part → [batch, 128, 128] bool.
    spacing
        [batch] mm per pixel.
    stage
        Where each bone stands in its growth.
    """

    pixels: Tensor
    bmd: Tensor
    masks: dict[str, Tensor]
    spacing: Tensor
    stage: Stage


def render_phalanges(
    patients: Sequence[VirtualPatient],
    ages: Sequence[float],
    *,
    style: Style = "natural",
    finger: int = 2,
    device: torch.device | str = "cpu",
) -> Phalanges:
    """Render one middle phalanx per patient and age (years)."""
    if len(patients) != len(ages):
        raise RequestError(
            f"Each patient needs one age: {len(patients)} patients came with {len(ages)} ages."
        )
    if finger not in {2, 3, 4, 5}:
        raise RequestError(f"Fingers 2 (index) to 5 have a middle phalanx, not {finger}.")
    if style not in {"synthetic", "natural"}:
        raise RequestError(f"The style is 'synthetic' or 'natural', not {style!r}.")
    check_ages(ages)
    parts = []
    for start in range(0, len(patients), CHUNK):
        part = slice(start, start + CHUNK)
        parts.append(_render(patients[part], ages[part], style, finger, torch.device(device)))
    return _joined(parts)


def phalange(
    patient: VirtualPatient, age: float, *, style: Style = "natural", finger: int = 2
) -> Phantom[Radiograph]:
    """Render one patient's middle phalanx with its truth."""
    batch = render_phalanges([patient], [age], style=style, finger=finger)
    spacing = float(batch.spacing[0])
    grown = batch.stage
    geometry = pose_fingers([patient], grown, [age], style)
    truth = Truth(
        kind="phalange",
        seed=patient.seed,
        sex=patient.sex,
        age=age,
        masks={name: mask[0].numpy() for name, mask in batch.masks.items()},
        landmarks=landmarks(geometry, grown, finger),
        angles={
            "tilt": float(geometry.tilt.rad2deg()[0]),
            "roll": float(geometry.roll.rad2deg()[0]),
        },
        measures={
            "length_mm": float(geometry.length[0]),
            "gap_mm": float(grown.gap[0] * (1 - (grown.fusion[0] >= 1))),
            "width_ratio": float(grown.width_ratio[0]),
            "fusion": float(grown.fusion[0]),
            "bone_age_years": float(grown.bone_age[0]),
            "spacing_mm": spacing,
        },
        maps={"areal_bmd_g_cm2": batch.bmd[0].numpy()},
        labels={"style": style, "finger": str(finger)},
    )
    image = Radiograph(
        pixels=batch.pixels[0].numpy(),
        spacing=(spacing, spacing),
        view="PA",
        laterality="L",
        age=age,
        sex=patient.sex,
    )
    return Phantom(image=image, truth=truth)


def _render(
    patients: Sequence[VirtualPatient],
    ages: Sequence[float],
    style: Style,
    finger: int,
    device: torch.device,
) -> Phalanges:
    """Render one chunk."""
    traits = [p.traits for p in patients]
    grown = stage(PHALANX, ages, [p.sex for p in patients], [t.tempo for t in traits])
    hand = pose_fingers(patients, grown, ages, style)
    up, side = rays(hand)
    empty = torch.zeros_like(up)
    paths: Paths = {"bone": empty.clone(), "volume": empty.clone()}
    masks = {}
    half, joint = (hand.joints_apart / 2)[:, None, None], (hand.joint / 2)[:, None, None]
    for part, base in (
        ("middle_phalanx", -half + joint),
        ("proximal_phalanx", None),
        ("distal_phalanx", half + joint),
    ):
        bone = _bone(part, finger, patients, grown, hand)
        reach = per_ray(load_bone(bone.name).length * bone.stretch)
        found = paths_in_frame(bone, up - (-half - joint - reach if base is None else base), side)
        masks[part] = found["volume"] > 0.35
        if part == "middle_phalanx":
            masks["epiphysis"] = found["epiphysis"] > 0.35
        paths["bone"] += found["bone"]
        paths["volume"] += found["volume"]
    skin = soft_tissue(hand, up, side, patients)
    masks["soft_tissue"] = skin > 0
    marrow = (paths["volume"] - paths["bone"]).clamp(min=0)
    soft = (torch.maximum(skin, beside_it(hand, side)) - paths["volume"]).clamp(min=0)
    primary = transmission({"bone": paths["bone"], "marrow": marrow, "soft": soft}, HAND_BEAM)
    keys = [f"phalange/{age:.4f}/{finger}" for age in ages]
    noise = torch.stack(
        [
            chance.normal(p.seed, f"noise/{k}", SIZE, SIZE)
            for p, k in zip(patients, keys, strict=True)
        ]
    )
    seeds = [p.seed for p in patients]
    look = looks(seeds, "phalange", bench=BENCH, style=style)
    pixels = develop(primary, noise.to(device), look, level=own_level(primary))
    return Phalanges(pixels, areal_bmd(paths["bone"]), masks, hand.pixel, grown)


def _bone(
    part: str, finger: int, patients: Sequence[VirtualPatient], grown: Stage, hand: Finger
) -> Growing:
    """Describe one of the three bones in the frame for this batch."""
    name = f"{part}_{finger}"
    traits = [p.traits for p in patients]
    f32 = torch.float32
    stretch = hand.length / load_bone(f"middle_phalanx_{finger}").length
    maturity = torch.tensor(grown.maturity, dtype=f32)
    # Young bones are plumper: width follows length to the power 0.72,
    # and their bases flare more.
    plump = maturity.pow(-0.28)
    breadth = stretch * plump * torch.tensor([1.1 + 0.04 * t.breadth for t in traits])
    cortex = torch.tensor([1.3 * (1 + 0.09 * t.cortex) for t in traits]) * maturity.pow(1.6)
    return Growing(
        name=name,
        plate=PLATE if part == "middle_phalanx" else 2.6,
        end="proximal",
        rim=0.0 if part == "proximal_phalanx" else -0.1,
        crown=0.22,
        waves=0.13,
        flare=0.025 + 0.16 * (1 - maturity),
        hollow=0.28,
        even=0.6,
        lean=hand.lean * (0.5 if part == "proximal_phalanx" else 1.0),
        stretch=stretch,
        breadth=breadth,
        width_ratio=torch.tensor(grown.width_ratio, dtype=f32),
        height_ratio=torch.tensor(grown.height_ratio, dtype=f32),
        gap=torch.tensor(grown.gap, dtype=f32),
        fusion=torch.tensor(grown.fusion, dtype=f32),
        scar=torch.tensor(grown.scar, dtype=f32),
        cortex=cortex,
        trabecular=torch.tensor([0.27 * (1 + 0.08 * t.density) for t in traits]),
        contrast=torch.tensor([1.9 * (1 + 0.15 * t.texture) for t in traits]),
        mineral=torch.tensor([1 + 0.05 * t.density for t in traits])
        * (0.66 + 0.2 * maturity + 0.14 * torch.tensor(grown.bone_age / 19, dtype=f32)),
        roll=hand.roll,
        shape=torch.stack(
            [torch.from_numpy(np.roll(t.shape, 3 * ("proximal" in part))) for t in traits]
        ),
        place=torch.stack([chance.uniform(p.seed, f"trabeculae/{name}", 3) for p in patients]),
    )


def _joined(parts: list[Phalanges]) -> Phalanges:
    """Join rendered chunks."""
    if not parts:
        raise RequestError("At least one patient is needed to render a phalanx.")

    def stages(key: str) -> NDArray[np.float64]:
        joined: NDArray[np.float64] = np.concatenate([getattr(p.stage, key) for p in parts])
        return joined

    return Phalanges(
        pixels=torch.cat([p.pixels for p in parts]),
        bmd=torch.cat([p.bmd for p in parts]),
        masks={key: torch.cat([p.masks[key] for p in parts]) for key in parts[0].masks},
        spacing=torch.cat([p.spacing for p in parts]),
        stage=Stage(**{key: stages(key) for key in Stage.__dataclass_fields__}),
    )

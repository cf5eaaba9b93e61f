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
from bonestudio.phantoms.film import Bench, develop, looks, own_level
from bonestudio.phantoms.growth import PHALANX, Stage, check_ages, stage
from bonestudio.phantoms.materials import HAND_BEAM
from bonestudio.phantoms.ossify import Growing, Paths, paths_in_frame
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.phantoms.physics import areal_bmd, transmission
from bonestudio.phantoms.truth import Phantom, Truth

SIZE = 128
FRAME = 1.35  # side of the frame over the distance from PIP to DIP joint
PLATE = 2.9  # mm of the adult bone from its base to the middle of the growth plate
CHUNK = 25  # patients rendered at once: 25 × 128 × 64 × 18 samples stay in the cache
BENCH = Bench(black=(0.0, 0.1), white=(0.95, 1.3))
LEVEL = 1.3  # log-attenuation of a grown finger: the synthetic style shows every age by it
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


@dataclass(frozen=True)
class _Finger:
    """Geometry of a batch of fingers; tensors [batch], mm and radians."""

    length: Tensor
    joint: Tensor
    width: Tensor
    tilt: Tensor
    shift: Tensor
    roll: Tensor

    @property
    def joints_apart(self) -> Tensor:
        return self.length + self.joint

    @property
    def pixel(self) -> Tensor:
        return FRAME * self.joints_apart / SIZE


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
    geometry = _fingers([patient], grown, [age], style)
    truth = Truth(
        kind="phalange",
        seed=patient.seed,
        sex=patient.sex,
        age=age,
        masks={name: mask[0].numpy() for name, mask in batch.masks.items()},
        landmarks=_landmarks(geometry, grown, finger),
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
    hand = _fingers(patients, grown, ages, style)
    up, side = _rays(hand)
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
        reach = _per_ray(load_bone(bone.name).length * bone.stretch)
        found = paths_in_frame(bone, up - (-half - joint - reach if base is None else base), side)
        masks[part] = found["volume"] > 0.35
        if part == "middle_phalanx":
            masks["epiphysis"] = found["epiphysis"] > 0.35
        paths["bone"] += found["bone"]
        paths["volume"] += found["volume"]
    skin = _soft_tissue(hand, up, side, patients)
    masks["soft_tissue"] = skin > 0
    marrow = (paths["volume"] - paths["bone"]).clamp(min=0)
    soft = (skin - paths["volume"]).clamp(min=0)
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
    level = own_level(primary) if style == "natural" else LEVEL
    pixels = develop(primary, noise.to(device), look, level=level)
    return Phalanges(pixels, areal_bmd(paths["bone"]), masks, hand.pixel, grown)


def _fingers(
    patients: Sequence[VirtualPatient], grown: Stage, ages: Sequence[float], style: Style
) -> _Finger:
    """Size and pose of each finger: pose is drawn anew for each film, within what is left after rotation correction."""
    traits = [p.traits for p in patients]
    size = torch.tensor([1 + 0.05 * t.size for t in traits])
    length = torch.tensor(grown.length, dtype=torch.float32) * size
    grown_up = torch.tensor(grown.maturity, dtype=torch.float32)
    # From end to end of two bones. Cartilage keeps the young joint wide; in the grown one the
    # ridge of the base reaches into the groove of the head.
    joint = 0.3 + 1.1 * (1 - grown_up).clamp(0, 1)
    adult = torch.tensor([15.6 if p.sex == "F" else 17.2 for p in patients])
    soft = torch.tensor([1 + 0.09 * t.soft_tissue + 0.03 * t.breadth for t in traits])
    # Diameters of index fingers from 3 to 10 years grow by 20 % to 15 mm on average.
    width = adult * soft * (0.64 + 0.36 * ((grown_up - 0.35) / 0.65).clamp(0, 1))
    pose = torch.stack(
        [
            chance.normal(p.seed, f"pose/phalange/{a:.4f}", 4)
            for p, a in zip(patients, ages, strict=True)
        ]
    ) * (1.0 if style == "natural" else 0.0)
    pose = pose.clamp(-2.5, 2.5)
    return _Finger(
        length=length,
        joint=joint,
        width=width,
        tilt=pose[:, 0] * 0.02,
        shift=pose[:, 1] * 0.012 * length,
        roll=pose[:, 2] * 0.08,
    )


def _rays(hand: _Finger) -> tuple[Tensor, Tensor]:
    """Position of each ray from the frame's centre: (towards the fingertip, to the thumb) in mm."""
    offset = torch.arange(SIZE) - (SIZE - 1) / 2
    rows, columns = torch.meshgrid(-offset, offset, indexing="ij")
    pixel, tilt = _per_ray(hand.pixel), _per_ray(hand.tilt)
    up = (rows * tilt.cos() - columns * tilt.sin()) * pixel
    side = (columns * tilt.cos() + rows * tilt.sin()) * pixel - _per_ray(hand.shift)
    return up, side


def _bone(
    part: str, finger: int, patients: Sequence[VirtualPatient], grown: Stage, hand: _Finger
) -> Growing:
    """Describe one of the three bones in the frame for this batch."""
    name = f"{part}_{finger}"
    traits = [p.traits for p in patients]
    f32 = torch.float32
    stretch = hand.length / load_bone(f"middle_phalanx_{finger}").length
    maturity = torch.tensor(grown.maturity, dtype=f32)
    # Young bones are plumper: width follows length to the power 0.8.
    plump = maturity.pow(-0.2)
    breadth = stretch * plump * torch.tensor([1.05 + 0.04 * t.breadth for t in traits])
    cortex = torch.tensor([1.3 * (1 + 0.09 * t.cortex) for t in traits]) * maturity.pow(1.6)
    return Growing(
        name=name,
        plate=PLATE if part == "middle_phalanx" else 2.6,
        end="proximal",
        rim=0.0 if part == "proximal_phalanx" else 0.35,
        stretch=stretch,
        breadth=breadth,
        width_ratio=torch.tensor(grown.width_ratio, dtype=f32),
        height_ratio=torch.tensor(grown.height_ratio, dtype=f32),
        gap=torch.tensor(grown.gap, dtype=f32),
        fusion=torch.tensor(grown.fusion, dtype=f32),
        scar=torch.tensor(grown.scar, dtype=f32),
        cortex=cortex,
        trabecular=torch.tensor([0.24 * (1 + 0.08 * t.density) for t in traits]),
        contrast=torch.tensor([2.0 * (1 + 0.15 * t.texture) for t in traits]),
        mineral=torch.tensor([1 + 0.05 * t.density for t in traits]) * (0.8 + 0.2 * maturity),
        roll=hand.roll,
        shape=torch.stack(
            [torch.from_numpy(np.roll(t.shape, 3 * ("proximal" in part))) for t in traits]
        ),
        place=torch.stack([chance.uniform(p.seed, f"trabeculae/{name}", 3) for p in patients]),
    )


def _soft_tissue(
    hand: _Finger, up: Tensor, side: Tensor, patients: Sequence[VirtualPatient]
) -> Tensor:
    """Path through the finger in mm: elliptic cross-sections, wider at the joints."""
    reach = up / _per_ray(hand.joints_apart)  # -0.5 at the PIP joint, 0.5 at the DIP joint
    wave = torch.stack([chance.normal(p.seed, "finger outline", 5) for p in patients]).clamp(-2, 2)
    a, b, c, lean, asym = (w[:, None, None] for w in wave.T)
    width = 1 - (0.13 + 0.03 * a) * reach
    width = width + (0.05 + 0.015 * b) * torch.exp(-(((reach + 0.5) / 0.22) ** 2))
    width = width + (0.03 + 0.015 * c) * torch.exp(-(((reach - 0.5) / 0.2) ** 2))
    half = _per_ray(hand.width) / 2 * width
    x = side - half * (0.05 * lean * reach + 0.04 * asym)
    path: Tensor = 2 * 0.86 * half * (1 - (x / half).square()).clamp(min=0).sqrt()
    return path


def _landmarks(hand: _Finger, grown: Stage, finger: int) -> dict[str, tuple[float, float]]:
    """Landmarks (row, column) in pixels, from the geometry and not from the picture."""
    half, joint = float(hand.joints_apart[0]) / 2, float(hand.joint[0]) / 2
    stretch = float(hand.length[0]) / load_bone(f"middle_phalanx_{finger}").length
    heights = {"pip": -half, "base": -half + joint, "head": half - joint, "dip": half}
    if grown.fusion[0] < 1:
        heights["physis"] = -half + joint + PLATE * stretch
    return {name: _pixel(hand, up, 0.0) for name, up in heights.items()}


def _pixel(hand: _Finger, up: float, side: float) -> tuple[float, float]:
    """Find the pixel of a point of the finger (mm): the inverse of `_rays`."""
    cos, sin = float(hand.tilt.cos()[0]), float(hand.tilt.sin()[0])
    side, pixel = side + float(hand.shift[0]), float(hand.pixel[0])
    middle = (SIZE - 1) / 2
    return middle - (up * cos + side * sin) / pixel, middle + (side * cos - up * sin) / pixel


def _per_ray(value: Tensor) -> Tensor:
    """[batch] → [batch, 1, 1]."""
    return value[:, None, None]


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

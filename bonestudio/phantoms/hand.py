"""The left hand on a cassette, PA, at any age from 1 to 20 years, with its truth."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.phantoms import chance
from bonestudio.phantoms.film import Bench, develop, looks
from bonestudio.phantoms.hand_bones import full_place, grown_pieces, sizes
from bonestudio.phantoms.hand_growth import breadth_factor, check_age
from bonestudio.phantoms.hand_marker import framed_beams, side_marks
from bonestudio.phantoms.hand_pose import hand_on_cassette
from bonestudio.phantoms.hand_tissue import flesh
from bonestudio.phantoms.materials import HAND_BEAM
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.phantoms.physics import transmission
from bonestudio.phantoms.pose_kinematics import BONES
from bonestudio.phantoms.pose_marks import Marks, flesh_marks, joint_marks, on_bone
from bonestudio.phantoms.pose_pieces import Canvas
from bonestudio.phantoms.pose_projection import Paths, project
from bonestudio.phantoms.truth import Phantom, Truth

FILM_BONES = tuple(bone for bone in BONES if bone != "humerus")
BENCH = Bench(
    black=(-0.05, 0.15),
    scatter=(0.08, 0.3),
    white=(1.7, 3.1),
    blur_px=(0.4, 0.8),
    noise_px=(0.4, 0.8),
    quanta=(8e3, 8e4),
    toe=(0.8, 1.2),
)
MASKED = 0.3  # mm of bone along a ray that make a pixel bone
ASPECT = 0.8125  # width to height of a film: 416 to 512


def hand(
    patient: VirtualPatient, age: float, *, style: Style = "natural", height: int = 512
) -> Phantom[Radiograph]:
    """Whole left hand, PA; ``height`` pixels from 128 to 1024."""
    return render_hands([patient], [age], style=style, height=height)[0]


def render_hands(
    patients: Sequence[VirtualPatient],
    ages: Sequence[float],
    *,
    style: Style = "natural",
    height: int = 512,
    device: str = "cpu",
) -> list[Phantom[Radiograph]]:
    """Render many hands at once, each as it comes out alone."""
    check_style(style)
    if len(patients) != len(ages):
        raise RequestError(
            f"There are {len(patients)} patients but {len(ages)} ages; give each its own."
        )
    ages = [check_age(age) for age in ages]
    if not patients:
        return []
    if not 128 <= height <= 1024:
        raise RequestError(f"A hand phantom is 128 to 1024 pixels high, not {height}.")
    few = batch_of(height * height)
    if device == "cpu" and len(patients) > few:
        parts = (
            render_hands(patients[i : i + few], ages[i : i + few], style=style, height=height)
            for i in range(0, len(patients), few)
        )
        return [phantom for part in parts for phantom in part]
    with torch.inference_mode():
        scale = sizes(patients, ages)
        placed = hand_on_cassette(patients, scale)
        whole = {bone: full_place(bone, placed, scale) for bone in FILM_BONES}
        marks = joint_marks(whole, placed)
        canvas = _framed(marks, whole, patients, height)
        pieces = grown_pieces(FILM_BONES, placed, scale, patients, ages)
        paths = project(pieces, canvas, device=device)
        girth = torch.tensor(
            [
                breadth_factor(a, p.sex) * (1 + 0.05 * p.traits.size)
                for p, a in zip(patients, ages, strict=True)
            ]
        )
        plump = torch.tensor(
            [
                (1 + 0.06 * p.traits.soft_tissue) * (1.10 - 0.006 * min(a, 17))
                for p, a in zip(patients, ages, strict=True)
            ]
        )
        soft = flesh(canvas, flesh_marks(whole, marks), girth=girth * plump).to(device)
        pixels = expose(paths, soft, patients, ages, canvas, style=style)
    return [
        _phantom(pixels[i], paths, marks, canvas, i, patient, ages[i], style)
        for i, patient in enumerate(patients)
    ]


def check_style(style: str) -> None:
    """Refuse a style that there is not, in one sentence."""
    if style not in {"synthetic", "natural"}:
        raise RequestError(f"A style is 'synthetic' (clean) or 'natural', not {style!r}.")


def batch_of(pixels: int) -> int:
    """How many films of so many pixels to march at once on a CPU: their samples fill about 200 MB."""
    return max(1, 600_000 // pixels)


def expose(
    paths: Paths,
    soft: Tensor,
    patients: Sequence[VirtualPatient],
    ages: Sequence[float],
    canvas: Canvas,
    *,
    style: Style,
) -> Tensor:
    """Turn path lengths into films [B, H, W]."""
    marrow = paths.marrow
    behind = {
        "bone": paths.compact,
        "marrow": marrow,
        "soft": (soft - paths.compact - marrow).clamp(min=0),
    }
    natural = style == "natural"
    if natural:
        behind |= side_marks(soft, patients, canvas, "L", purpose="hand")
        behind["soft"] = behind["soft"] + behind.pop("plastic")
    passed = transmission(behind, HAND_BEAM)
    seeds = [p.seed for p in patients]
    purposes = [f"hand/{age:.3f}" for age in ages]
    look = looks(seeds, "hand", bench=BENCH, style=style)
    noise = torch.stack(
        [
            chance.normal(s, f"{w}/noise", *passed.shape[1:])
            for s, w in zip(seeds, purposes, strict=True)
        ]
    ).to(passed.device)
    films = develop(passed, noise, look, scatter_px=40 * canvas.height / 512)
    return framed_beams(films, patients, purpose="hand") if natural else films


def _framed(
    marks: Marks, whole: dict[str, Tensor], patients: Sequence[VirtualPatient], height: int
) -> Canvas:
    """Choose the film: fingertips near the top, a piece of forearm at the bottom."""
    draw = torch.stack([chance.uniform(p.seed, "hand/frame", 4) for p in patients]).double()
    points = torch.stack([marks[m] for m in marks], 1)[..., :2]
    top, left = points[..., 1].amin(1), points[..., 0].amin(1)
    right = points[..., 0].amax(1)
    share = 0.84 - 0.22 * draw[:, 0]
    bottom = torch.stack([on_bone(whole, "radius", float(s))[i, 1] for i, s in enumerate(share)])
    tall = (bottom - top) * (1.08 + 0.12 * draw[:, 1])
    wide = (right - left) * (1.22 + 0.2 * draw[:, 2]) / ASPECT
    side = torch.maximum(tall, wide)
    pixel = side / height
    width = round(height * ASPECT / 8) * 8
    centre = (left + right) / 2 + (draw[:, 3] - 0.5) * 0.06 * side
    origin = torch.stack([centre - pixel * (width - 1) / 2, bottom - pixel * (height - 1)], -1)
    return Canvas(height=height, width=width, pixel=pixel, origin=origin)


def _phantom(
    pixels: Tensor,
    paths: Paths,
    marks: Marks,
    canvas: Canvas,
    index: int,
    patient: VirtualPatient,
    age: float,
    style: Style,
) -> Phantom[Radiograph]:
    spacing = float(canvas.pixel[index])
    masks = {bone: (thick[index] > MASKED).cpu().numpy() for bone, thick in paths.whole.items()}
    at = {name: canvas.pixels(point)[index] for name, point in marks.items()}
    return Phantom(
        image=Radiograph(
            pixels=pixels.cpu().numpy().astype(np.float32),
            spacing=(spacing, spacing),
            view="PA",
            laterality="L",
            age=age,
            sex=patient.sex,
        ),
        truth=Truth(
            kind="hand",
            seed=patient.seed,
            sex=patient.sex,
            age=age,
            masks={name: mask for name, mask in masks.items() if mask.any()},
            landmarks={name: (float(p[0]), float(p[1])) for name, p in at.items()},
            measures={"skeletal_age_years": age + patient.traits.tempo},
            labels={"style": style},
        ),
    )

"""From the scene of a forearm or wrist to its films and their truth."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Laterality, Radiograph
from bonestudio.phantoms import angles as wrist_angles
from bonestudio.phantoms import chance
from bonestudio.phantoms.film import Bench, develop, looks
from bonestudio.phantoms.forearm_scene import Scene, build_scene, checked_view
from bonestudio.phantoms.fracture import Fracture
from bonestudio.phantoms.hand import MASKED, batch_of, check_style
from bonestudio.phantoms.hand_marker import framed_beams, side_marks
from bonestudio.phantoms.hand_tissue import flesh
from bonestudio.phantoms.hardware import Hardware, metal_path
from bonestudio.phantoms.materials import FOREARM_BEAM
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.phantoms.physics import transmission
from bonestudio.phantoms.pose_marks import flesh_marks
from bonestudio.phantoms.pose_pieces import Canvas
from bonestudio.phantoms.pose_projection import Paths, project
from bonestudio.phantoms.truth import Phantom, Truth

BENCH = Bench(
    black=(0.0, 0.3),
    white=(2.4, 4.2),
    blur_px=(0.35, 0.7),
    noise_px=(0.4, 0.8),
    quanta=(6e3, 6e4),
    toe=(0.85, 1.3),
)
_VISIBLE = {"PA": ("radial_inclination", "ulnar_variance"), "LL": ("volar_tilt",), "OB": ()}
_YOUNGEST, _OLDEST = 18.0, 95.0


def render_arms(
    patients: Sequence[VirtualPatient],
    *,
    kind: str,
    view: str,
    asked: Mapping[str, float | None],
    fracture: Fracture | None,
    hardware: Hardware | None,
    style: Style,
    age: float,
    side: Laterality | None,
    size: int,
    device: str,
) -> list[Phantom[Radiograph]]:
    """Render films of one kind ('wrist' or 'forearm') for a batch of patients."""
    check_style(style)
    if not patients:
        return []
    few = batch_of(size * size) if isinstance(size, int) and size > 0 else 1
    if device == "cpu" and len(patients) > few:
        parts = (
            render_arms(
                patients[i : i + few],
                kind=kind,
                view=view,
                asked=asked,
                fracture=fracture,
                hardware=hardware,
                style=style,
                age=age,
                side=side,
                size=size,
                device=device,
            )
            for i in range(0, len(patients), few)
        )
        return [phantom for part in parts for phantom in part]
    view = checked_view(view, oblique=kind == "wrist")
    side = _checked_side(side, fracture)
    if not isinstance(age, int | float) or not _YOUNGEST <= age <= _OLDEST:
        raise RequestError(
            f"A {kind} phantom is a grown person's, {_YOUNGEST:.0f} to {_OLDEST:.0f} years, not {age!r}."
        )
    if not 64 <= size <= 1024:
        raise RequestError(f"A {kind} phantom is 64 to 1024 pixels wide, not {size}.")
    wanted = [wrist_angles.requested(p, **asked) for p in patients]
    ages = [float(age)] * len(patients)
    with torch.inference_mode():
        scene = build_scene(
            patients, ages, view=view, kind=kind, asked=wanted, fracture=fracture, hardware=hardware
        )
        canvas = _framed(scene, patients, kind, view, size)
        paths = project(scene.pieces, canvas, device=device)
        missing = project(scene.breaks, canvas, device=device).whole if scene.breaks else {}
        metal = {
            name: metal_path(solids, canvas, holes=holes).to(device)
            for name, (solids, holes) in scene.metal.items()
        }
        pixels = _expose(scene, paths, metal, patients, canvas, (kind, view, style, side))
    truths = _Truths(kind, view, side, style, fracture, hardware, float(age))
    return [
        truths.phantom(i, patient, pixels, paths, {**missing, **metal}, scene, canvas)
        for i, patient in enumerate(patients)
    ]


def _checked_side(side: Laterality | None, fracture: Fracture | None) -> Laterality:
    if side not in {None, "L", "R"}:
        raise RequestError(f"A side is 'L' or 'R', not {side!r}.")
    if fracture is not None and side not in {None, fracture.side}:
        raise RequestError(
            f"The fracture is of the side {fracture.side!r}, but the film was asked for {side!r}."
        )
    return fracture.side if fracture is not None else side or "L"


def _framed(
    scene: Scene, patients: Sequence[VirtualPatient], kind: str, view: str, size: int
) -> Canvas:
    """Choose the film: about 135 mm around the joint, or the whole forearm."""
    draw = torch.stack(
        [chance.uniform(p.seed, f"{kind}/{view}/frame", 3) for p in patients]
    ).double()
    own = torch.tensor([1 + 0.04 * p.traits.size for p in patients]).double()
    own = own * torch.tensor([0.93 if p.sex == "F" else 1.0 for p in patients])
    if kind == "wrist":
        tall = (128 + 22 * draw[:, 0]) * own
        centre = torch.stack([6 * (draw[:, 1] - 0.5), 2 + 12 * (draw[:, 2] - 0.5)], -1)
    else:
        elbow, joint = scene.marks["elbow"], torch.zeros_like(scene.axis)
        tall = (elbow[:, 1] - joint[:, 1]) * (1.18 + 0.10 * draw[:, 0])
        centre = (elbow[:, :2] * 0.52 + joint[:, :2] * 0.48) + 8 * (draw[:, 1:] - 0.5)
    pixel = tall / size
    return Canvas(
        height=size, width=size, pixel=pixel, origin=centre - (pixel * (size - 1) / 2)[:, None]
    )


def _expose(
    scene: Scene,
    paths: Paths,
    metal: Mapping[str, Tensor],
    patients: Sequence[VirtualPatient],
    canvas: Canvas,
    film: tuple[str, str, Style, Laterality],
) -> Tensor:
    kind, view, style, side = film
    girth = torch.tensor([0.97 + 0.05 * p.traits.size - 0.07 * (p.sex == "F") for p in patients])
    plump = torch.tensor([1 + 0.08 * p.traits.soft_tissue for p in patients])
    tissue = flesh(
        canvas, flesh_marks(scene.whole, scene.marks), girth=girth * plump, side_view=view == "LL"
    ).to(paths.compact.device)
    total = torch.stack(list(metal.values())).sum(0) if metal else torch.zeros_like(tissue)
    bone = (paths.compact + paths.marrow).clamp(min=1e-6)
    left = (1 - total / bone).clamp(0, 1)  # screws take the place of bone
    behind = {
        "bone": paths.compact * left,
        "marrow": paths.marrow * left,
        "soft": (tissue - bone).clamp(min=0),
        **metal,
    }
    natural = style == "natural"
    if natural:
        behind["steel"] = behind.get("steel", torch.zeros_like(tissue))
        marks = side_marks(tissue, patients, canvas, side, purpose=f"{kind}/{view}")
        behind["steel"] = behind["steel"] + marks["steel"]
        behind["soft"] = behind["soft"] + marks["plastic"]
    passed = transmission(behind, FOREARM_BEAM)
    seeds = [p.seed for p in patients]
    noise = torch.stack(
        [chance.normal(s, f"{kind}/{view}/noise", *passed.shape[1:]) for s in seeds]
    )
    look = looks(seeds, f"{kind}/{view}", bench=BENCH, style=style)
    films = develop(passed, noise.to(passed.device), look, scatter_px=canvas.height / 12)
    return framed_beams(films, patients, purpose=f"{kind}/{view}") if natural else films


class _Truths:
    """Writes down what is true about each film of a batch."""

    def __init__(
        self,
        kind: str,
        view: str,
        side: Laterality,
        style: Style,
        fracture: Fracture | None,
        hardware: Hardware | None,
        age: float,
    ) -> None:
        self.kind, self.view, self.side, self.style, self.age = kind, view, side, style, age
        self.labels = {"style": style, "view": view, "side": side}
        self.fracture = fracture
        if fracture is not None:
            self.labels["ao"] = fracture.ao_code
        if hardware is not None:
            self.labels["hardware"] = hardware.kind

    def phantom(
        self,
        index: int,
        patient: VirtualPatient,
        pixels: Tensor,
        paths: Paths,
        extra: Mapping[str, Tensor],
        scene: Scene,
        canvas: Canvas,
    ) -> Phantom[Radiograph]:
        """Collect image and truth of film ``index``; right arms are mirrored."""
        mirror = self.side == "R"

        def flipped(array: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(array[:, ::-1]) if mirror else array

        thick = {**paths.whole, **extra}
        masks = {name: flipped((t[index] > MASKED).cpu().numpy()) for name, t in thick.items()}
        for bone in ("radius", "ulna"):  # a broken bone's mask is all its fragments
            parts = [m for name, m in masks.items() if name.startswith(f"{bone}_")]
            if parts:
                masks[bone] = np.logical_or.reduce(parts)
        names = ("radial_styloid", "sigmoid_notch", "dorsal_lip", "volar_lip", "ulnar_head")
        points = {name: scene.marks[name][index : index + 1, :2] for name in names}
        axis = scene.axis[index : index + 1, :2]
        angles = wrist_angles.measured(points, axis / axis.norm(dim=-1, keepdim=True))
        seen = {name: float(angles[name]) for name in _VISIBLE[self.view]}
        at = {name: canvas.pixels(point)[index] for name, point in scene.marks.items()}
        spacing = float(canvas.pixel[index])
        measures = {"ulnar_variance_mm": seen.pop("ulnar_variance")} if self.view == "PA" else {}
        if self.fracture is not None:
            measures |= {
                f"fracture_{name}": float(value)
                for name, value in asdict(self.fracture).items()
                if isinstance(value, int | float)
            }
        return Phantom(
            image=Radiograph(
                pixels=flipped(pixels[index].cpu().numpy().astype(np.float32)),
                spacing=(spacing, spacing),
                view=self.view,
                laterality=self.side,
                age=self.age,
                sex=patient.sex,
            ),
            truth=Truth(
                kind=self.kind,
                seed=patient.seed,
                sex=patient.sex,
                age=self.age,
                masks={name: mask for name, mask in masks.items() if mask.any()},
                landmarks={
                    name: (float(p[0]), float(canvas.width - 1 - p[1] if mirror else p[1]))
                    for name, p in at.items()
                },
                angles=seen,
                measures=measures,
                labels=self.labels,
            ),
        )

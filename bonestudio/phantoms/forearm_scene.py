"""An adult forearm and wrist in space: bones with their angles, breaks and metal, ready to project."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bonestudio.errors import RequestError
from bonestudio.phantoms import angles as wrist_angles
from bonestudio.phantoms.fracture import Fracture
from bonestudio.phantoms.fracture_cut import BoneAxes, Broken, break_bone
from bonestudio.phantoms.hand_bones import full_place, sizes, whole_piece
from bonestudio.phantoms.hand_pose import close_wrist
from bonestudio.phantoms.hardware import Bar, Cylinder, Hardware, crossed_wires, plate_with_screws
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.pose import Places, Ray, articulate, lay
from bonestudio.phantoms.pose_kinematics import BONES
from bonestudio.phantoms.pose_marks import Marks, joint_marks, on_bone
from bonestudio.phantoms.pose_pieces import Cut, Piece, plane_cut

VIEWS = {"PA": "PA", "AP": "PA", "LL": "LL", "lateral": "LL", "OB": "OB", "oblique": "OB"}
FOREARM = ("humerus", "ulna", "radius")
HAND = tuple(bone for bone in BONES if bone not in FOREARM)
_SHAFT_RADIUS = {"radius": 6.5, "ulna": 6.0}


@dataclass(frozen=True)
class Scene:
    """What lies before the film.

    Attributes
    ----------
    pieces
        Of bone; labels 'radius', or 'radius_proximal', 'radius_distal', 'radius_chip_1' when broken.
    breaks
        The missing slices, as pieces to be projected by themselves (the mask of the fracture).
    whole
        Bone → [B, 4, 4] from its volume's frame to the film, before it broke.
    marks
        Landmarks on the film, [B, 3] mm.
    axis
        [B, 3] the radius' axis, by which angles are measured.
    metal
        Material → (solids, holes).
    """

    pieces: list[Piece]
    breaks: list[Piece]
    whole: Places
    marks: Marks
    axis: Tensor
    metal: dict[str, tuple[list[Cylinder | Bar], list[Cylinder]]]


def checked_view(view: str, *, oblique: bool) -> str:
    """Return 'PA', 'LL' or 'OB', or say in one sentence which views there are."""
    known = VIEWS.get(view)
    if known is None or (known == "OB" and not oblique):
        raise RequestError(
            f"A view is 'PA', 'lateral'{', or oblique (OB)' if oblique else ''} here, not {view!r}."
        )
    return known


def build_scene(
    patients: Sequence[VirtualPatient],
    ages: Sequence[float],
    *,
    view: str,
    kind: str,
    asked: Sequence[dict[str, float]],
    fracture: Fracture | None,
    hardware: Hardware | None,
) -> Scene:
    """Place, shape, break and mend the bones of a forearm; film mm, zero at the wrist joint."""
    scale = sizes(patients, ages)
    draw = torch.stack(
        [
            torch.from_numpy(p.random(f"{kind}/pose").standard_normal(24).clip(-2, 2))
            for p in patients
        ]
    )
    placed = _positioned(draw, scale, view, kind)
    whole = {bone: full_place(bone, placed, scale) for bone in BONES}
    end = wrist_angles.radius_end(whole["radius"])
    turn = _view_turn(end, view, draw[:, 0] * 2.5)
    whole = {bone: turn @ place for bone, place in whole.items()}
    placed = {bone: turn @ place for bone, place in placed.items()}

    inclination, tilt, variance = (
        torch.tensor([a[name] for a in asked], dtype=torch.float64)
        for name in ("radial_inclination", "volar_tilt", "ulnar_variance")
    )
    end = wrist_angles.radius_end(whole["radius"])
    marks = wrist_angles.joint_landmarks(whole["radius"], end, inclination, tilt)
    shift = wrist_angles.ulnar_shift(whole["ulna"], end, marks["sigmoid_notch"], variance)
    whole["ulna"] = whole["ulna"].clone()
    whole["ulna"][:, :3, 3] += shift
    seat, marks["ulnar_head"] = wrist_angles.ulnar_head(whole["ulna"], end)
    joint = wrist_angles.articular_cut(whole["radius"], end, inclination, tilt)

    pieces = {bone: whole_piece(bone, whole[bone], patients, ages) for bone in BONES}
    pieces["radius"] = replace(pieces["radius"], cuts=(joint,))
    pieces["ulna"] = replace(pieces["ulna"], cuts=(seat,), knobs=(wrist_angles.ULNAR_STYLOID,))
    fragments, breaks, moved = _broken(pieces, whole, end, fracture)
    hand = {bone: whole[bone] for bone in HAND}
    axis = end.along
    if fracture is not None:
        axis, marks = _after_break(fracture, moved, axis, marks)
        if fracture.level > 0.80 and "radius" in moved:
            for bone in HAND:
                hand[bone] = moved["radius"] @ whole[bone]
                placed[bone] = moved["radius"] @ placed[bone]
    whole = {**whole, **hand}
    marks = {**joint_marks(whole, placed), **marks, "elbow": on_bone(whole, "humerus", 0.97)}
    for bone in (
        "radius",
        "ulna",
    ):  # of the bone before it broke: where a break's level counts from
        marks[f"{bone}_elbow_end"] = on_bone(whole, bone, 0.0)
        marks[f"{bone}_wrist_end"] = on_bone(whole, bone, 1.0)
    bones = [replace(pieces[b], place=whole[b]) for b in HAND]
    return Scene(
        pieces=[*bones, pieces["humerus"], *fragments],
        breaks=breaks,
        whole=whole,
        marks=marks,
        axis=axis,
        metal=_metal(hardware, whole, end, scale),
    )


def _positioned(draw: Tensor, scale: Places, view: str, kind: str) -> Places:
    """Pose the arm: half prone for a wrist, supine for a forearm, elbow bent for a lateral one."""
    # Supine in both views of the forearm: on the table the palm then faces the shoulder when the
    # elbow is bent, and the thumb's side, not the palm, faces the tube.
    supination = -78.0 if kind == "forearm" else 0.0
    elbow = 85.0 if kind == "forearm" and view == "LL" else 6.0
    placed = articulate(
        {
            "pro_sup": torch.deg2rad(supination + 4 * draw[:, 1]),
            "elbow_flexion": torch.deg2rad(elbow + 5 * draw[:, 2].abs()),
            "deviation": torch.deg2rad(2 + 4 * draw[:, 3]),
            "flexion": torch.deg2rad(3 * draw[:, 4]),
        },
        scale=scale,
    )
    placed = close_wrist(placed, scale)
    zero = torch.zeros(len(draw), dtype=torch.float64)
    curl = -8.0 - 6 * draw[:, 5].abs()
    rays = {
        f: Ray(
            (a + draw[:, 6 + f], *(b + draw[:, 12 + f] for _ in range(3))),
            zero + roll,
            (zero, curl, 1.6 * curl, 2 * curl),
        )
        for f, a, b, roll in ((2, 10, 7, 3), (3, 1, 1, 0), (4, -8, -5, -4), (5, -17, -12, -9))
    }
    thumb = zero + 3 * draw[:, 18]
    rays[1] = Ray(
        (thumb + 34, thumb + 28, thumb + 24), zero + 45, (zero - 24, zero - 18, zero - 15)
    )
    return lay(placed, rays, scale=scale)


def _view_turn(end: wrist_angles.RadiusEnd, view: str, tilt: Tensor) -> Tensor:
    """[B, 4, 4] that turns the distal radius upright into its view, the joint at the film's zero."""
    side, deep = (end.back, -end.thumb) if view == "LL" else (end.thumb, end.back)
    if view == "OB":
        side, deep = (side + deep) * 0.5**0.5, (deep - side) * 0.5**0.5
    rows = torch.stack([side, -end.along, deep], 1)
    tilt = torch.deg2rad(tilt.double())
    plane = torch.zeros_like(rows)
    plane[:, 0, 0] = plane[:, 1, 1] = tilt.cos()
    plane[:, 0, 1], plane[:, 1, 0] = -tilt.sin(), tilt.sin()
    plane[:, 2, 2] = 1
    turn = torch.eye(4, dtype=torch.float64).repeat(len(tilt), 1, 1)
    turn[:, :3, :3] = plane @ rows
    turn[:, :3, 3] = -(turn[:, :3, :3] @ end.pivot[..., None]).squeeze(-1)
    return turn


def bone_axes(bone: str, whole: Places, end: wrist_angles.RadiusEnd) -> BoneAxes:
    """Directions and ends of a forearm bone on the film."""
    near, far = on_bone(whole, bone, 0.0), on_bone(whole, bone, 1.0)
    along = (far - near) / (far - near).norm(dim=-1, keepdim=True)
    thumb = end.thumb - (end.thumb * along).sum(-1, keepdim=True) * along
    thumb = thumb / thumb.norm(dim=-1, keepdim=True)
    return BoneAxes(
        along=along, thumb=thumb, back=torch.linalg.cross(along, thumb), near=near, far=far
    )


def _broken(
    pieces: dict[str, Piece],
    whole: Places,
    end: wrist_angles.RadiusEnd,
    fracture: Fracture | None,
) -> tuple[list[Piece], list[Piece], Places]:
    """Fragments of radius and ulna, the missing slices, and how the distal fragments moved."""
    fragments: list[Piece] = []
    missing: list[Piece] = []
    moved: Places = {}
    for bone in ("radius", "ulna"):
        if fracture is None or bone not in fracture.bones:
            fragments.append(pieces[bone])
            continue
        axes = bone_axes(bone, whole, end)
        broken = break_bone(pieces[bone], axes, fracture)
        names = ["proximal", "distal", *(f"chip_{i}" for i in range(1, len(broken.pieces) - 1))]
        fragments += [
            replace(piece, label=f"{bone}_{name}")
            for piece, name in zip(broken.pieces, names, strict=True)
        ]
        missing += _slices(pieces[bone], broken, axes, fracture)
        moved[bone] = broken.moved
    return fragments, missing, moved


def _slices(whole: Piece, broken: Broken, axes: BoneAxes, fracture: Fracture) -> list[Piece]:
    """Pieces that fill the break, at both fragments' places (at least 1.5 mm along the bone)."""
    slope = torch.tensor(fracture.obliquity, dtype=torch.float64).deg2rad()
    turn = torch.tensor(fracture.direction, dtype=torch.float64).deg2rad()
    way = axes.thumb * turn.cos() + axes.back * turn.sin()
    normal = axes.along * slope.cos() + way * slope.sin()
    half = max(fracture.gap, 1.5) / 2 * axes.along
    site = axes.near + fracture.level * (axes.far - axes.near)
    cuts: tuple[Cut, ...] = (
        plane_cut(whole.place, -normal, site - half),
        plane_cut(whole.place, normal, site + half),
    )
    return [
        replace(whole, label="fracture", place=piece.place, cuts=(*whole.cuts, *cuts))
        for piece in broken.pieces[:2]
    ]


def _after_break(
    fracture: Fracture, moved: Places, axis: Tensor, marks: Marks
) -> tuple[Tensor, Marks]:
    """Move landmarks (and the axis, unless the break is beyond it) with the distal fragments."""
    marks = dict(marks)
    if "radius" in moved:
        shift = moved["radius"]
        for name in ("radial_styloid", "sigmoid_notch", "dorsal_lip", "volar_lip"):
            marks[name] = _move(shift, marks[name])
        if fracture.level <= 0.80:
            axis = (shift[:, :3, :3] @ axis[..., None]).squeeze(-1)
    if "ulna" in moved:
        marks["ulnar_head"] = _move(moved["ulna"], marks["ulnar_head"])
    return axis, marks


def _move(transform: Tensor, point: Tensor) -> Tensor:
    return (transform[:, :3, :3] @ point[..., None]).squeeze(-1) + transform[:, :3, 3]


def _metal(
    hardware: Hardware | None,
    whole: Places,
    end: wrist_angles.RadiusEnd,
    scale: Places,
) -> dict[str, tuple[list[Cylinder | Bar], list[Cylinder]]]:
    if hardware is None:
        return {}
    axes = bone_axes(hardware.bone, whole, end)
    size = torch.linalg.det(scale[hardware.bone]).pow(1 / 3)
    site = axes.near + hardware.level * (axes.far - axes.near)
    if hardware.kind == "wires":
        solids = crossed_wires(
            site, axes.along, axes.thumb, axes.back, wires=hardware.count, size=size
        )
        return {hardware.metal: (solids, [])}
    distal = hardware.level > 0.8
    return {
        hardware.metal: plate_with_screws(
            site - axes.along * (10 * size)[:, None] * distal,
            axes.along,
            -axes.back,  # plates lie on the palm's side
            screws=hardware.count,
            size=size,
            bone_radius=_SHAFT_RADIUS[hardware.bone],
            far_fan=distal and hardware.bone == "radius",
        )
    }

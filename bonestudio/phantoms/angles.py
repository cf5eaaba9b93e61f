"""The wrist's three numbers, built into the bones: radial inclination, volar tilt, ulnar variance.

The distal radius ends in a plane that is hollowed inside its rim. The plane's slopes are the
angles asked for, so two points of the rim measure them exactly, in the view that shows them.
Definitions: Mann, Wilson and Gilula, Radiology 1992;184:15-24 (inclination and variance against
the perpendicular to the radius' axis; tilt between volar and dorsal lip).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from bonestudio.errors import RequestError
from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.pose_marks import to_film
from bonestudio.phantoms.pose_pieces import Cut, Knob, grid, plane_cut

# Population of healthy adults (mean, standard deviation): Mann et al. 1992; ulnar variance of
# Schuind, Linscheid, An and Chao, J Hand Surg Am 1992;17:995-1003.
NORMAL = {
    "radial_inclination": (23.6, 2.5),
    "volar_tilt": (11.2, 4.6),
    "ulnar_variance": (-0.7, 1.3),
}
LIMITS = {
    "radial_inclination": (0.0, 40.0),
    "volar_tilt": (-35.0, 30.0),
    "ulnar_variance": (-6.0, 6.0),
}
_UNITS = {"radial_inclination": "degrees", "volar_tilt": "degrees", "ulnar_variance": "mm"}

# Distances from the radius' tip on the mesh, mm: two levels that give the axis, the joint.
_AXIS_LEVELS = (30.0, 62.0)
_JOINT = 8.8
_FACET = 5.0  # mm towards the ulna: the middle of the lunate facet, where the lips are
ULNAR_STYLOID = Knob(start=(-2.5, 1.5, 143.5), end=(-6.2, 2.5, 154.5), radii=(3.0, 1.7))
_ULNAR_SEAT = (0.5, -0.7, 150.6)


@dataclass(frozen=True)
class RadiusEnd:
    """Directions of the distal radius on the film, [B, 3] unit vectors, and its joint's middle."""

    along: Tensor
    thumb: Tensor
    back: Tensor
    pivot: Tensor


def requested(patient: VirtualPatient, **asked: float | None) -> dict[str, float]:
    """Fill in the patient's own angles where none are asked for; check those that are."""
    own = patient.random("wrist/angles").standard_normal(3).clip(-1.8, 1.8)
    found = {}
    for (name, (mean, spread)), draw in zip(NORMAL.items(), own, strict=True):
        value = asked.get(name)
        if value is None:
            value = mean + spread * float(draw)
        low, high = LIMITS[name]
        if not isinstance(value, int | float) or not low <= value <= high:
            raise RequestError(
                f"A wrist's {name.replace('_', ' ')} is from {low:g} to {high:g} {_UNITS[name]} here, "
                f"not {value!r}."
            )
        found[name] = float(value)
    return found


def radius_end(place: Tensor) -> RadiusEnd:
    """Find the distal radius' directions under ``place`` [B, 4, 4] (volume's frame to film)."""
    near, far, joint = _centres()
    along = _unit(to_film(place, far) - to_film(place, near))
    side = place[:, :3, 0]
    thumb = _unit(side - (side * along).sum(-1, keepdim=True) * along)
    # x, y, z of the volume are right-handed, and so is the film's frame for the meshes.
    back = torch.linalg.cross(along, thumb)
    return RadiusEnd(along=along, thumb=thumb, back=back, pivot=to_film(place, joint))


def articular_cut(place: Tensor, end: RadiusEnd, inclination: Tensor, tilt: Tensor) -> Cut:
    """Bound the radius by a joint surface of the given angles [B], degrees."""
    slope_x, slope_y = _slopes(inclination, tilt)
    normal = _unit(end.along - slope_x * end.thumb - slope_y * end.back)
    hollow = torch.full((len(place),), 2.2)
    return plane_cut(place, normal, end.pivot, hollow=hollow, coat=0.9)


def joint_landmarks(
    place: Tensor, end: RadiusEnd, inclination: Tensor, tilt: Tensor
) -> dict[str, Tensor]:
    """Rim of the joint surface on the film, name → [B, 3] mm, by walking out along its plane."""
    slope_x, slope_y = _slopes(inclination, tilt)
    across = _unit(end.thumb + slope_x * end.along)
    deep = _unit(end.back + slope_y * end.along)
    facet = end.pivot - _FACET * across
    return {
        "radial_styloid": _rim(place, end.pivot, across),
        "sigmoid_notch": _rim(place, end.pivot, -across),
        "dorsal_lip": _rim(place, facet, deep),
        "volar_lip": _rim(place, facet, -deep),
    }


def ulnar_shift(place: Tensor, end: RadiusEnd, notch: Tensor, variance: Tensor) -> Tensor:
    """How far [B, 3] the ulna must move along the radius' axis for its variance [B] mm."""
    seat = to_film(place, torch.tensor(_ULNAR_SEAT))
    now = ((seat - notch) * end.along).sum(-1)
    return (variance - now)[:, None] * end.along


def ulnar_head(place: Tensor, end: RadiusEnd) -> tuple[Cut, Tensor]:
    """Flat seat of the ulnar head: the cut, and its landmark on the film [B, 3] mm."""
    seat = to_film(place, torch.tensor(_ULNAR_SEAT))
    dome = torch.full((len(place),), 1.6)
    cut = plane_cut(place, end.along, seat, coat=0.7)
    return Cut(normal=cut.normal, offset=cut.offset, bend=dome, coat=cut.coat), seat


def measured(points: dict[str, Tensor], along: Tensor) -> dict[str, Tensor]:
    """Angles [B] in degrees and variance in mm from landmarks seen on one film.

    ``points``: name → [B, 2] (x, y) mm on the film; ``along`` [B, 2]: the radius' axis on it.
    """
    across = torch.stack([-along[:, 1], along[:, 0]], -1)

    def slope(from_: str, to: str) -> Tensor:
        line = points[to] - points[from_]
        rise, run = (line * along).sum(-1), (line * across).sum(-1)
        return torch.rad2deg(torch.atan2(rise, run.abs()))

    return {
        "radial_inclination": slope("sigmoid_notch", "radial_styloid"),
        "volar_tilt": slope("volar_lip", "dorsal_lip"),
        "ulnar_variance": ((points["ulnar_head"] - points["sigmoid_notch"]) * along).sum(-1),
    }


@lru_cache(maxsize=1)
def _centres() -> tuple[Tensor, Tensor, Tensor]:
    """Middle of the radius' section at the two axis levels, and of its joint; volume's frame."""
    bone = load_bone("radius")
    tip = bone.landmarks["distal"][2]
    found = []
    for depth in (_AXIS_LEVELS[1], _AXIS_LEVELS[0], 10.0):
        row = round((tip - depth - bone.origin[2]) / bone.spacing)
        section = torch.from_numpy(bone.inside[row])
        y, x = section.nonzero().double().mean(0).tolist()
        found.append(
            [x * bone.spacing + bone.origin[0], y * bone.spacing + bone.origin[1], tip - depth]
        )
    found[2][2] = tip - _JOINT
    near, far, joint = (torch.tensor(v, dtype=torch.float64) for v in found)
    return near, far, joint


def _rim(place: Tensor, start: Tensor, way: Tensor) -> Tensor:
    """First film point [B, 3] from ``start`` along ``way`` that lies on the bone's surface."""
    reach = torch.arange(0, 30, 0.05, dtype=torch.float64)
    points = start[:, None] + reach[:, None] * way[:, None]  # [B, n, 3]
    inverse = torch.linalg.inv(place)
    own = points @ inverse[:, :3, :3].mT + inverse[:, None, :3, 3]
    volume = grid("radius", 0.4)
    at = ((own - volume.low) / (volume.high - volume.low) * 2 - 1).float()
    depth = F.grid_sample(
        volume.distance.expand(len(place), -1, -1, -1, -1), at[:, :, None, None], align_corners=True,
        padding_mode="border",
    )[:, 0, :, 0, 0]  # fmt: skip
    out = (depth < 0).float().argmax(1)
    return points[torch.arange(len(place)), out]


def _slopes(inclination: Tensor, tilt: Tensor) -> tuple[Tensor, Tensor]:
    x, y = (torch.tan(torch.deg2rad(v.double()))[:, None] for v in (inclination, tilt))
    return x, y


def _unit(vector: Tensor) -> Tensor:
    unit: Tensor = vector / vector.norm(dim=-1, keepdim=True)
    return unit

"""Break a bone: cut its piece into fragments and move them; planes are given on the film, in mm."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bonestudio.phantoms.fracture import Fracture
from bonestudio.phantoms.pose import rotation
from bonestudio.phantoms.pose_pieces import Cut, Piece, plane_cut

# Above this level the hand goes with the distal fragment; below, both joints stay in place.
_HAND_FOLLOWS = 0.80


@dataclass(frozen=True)
class BoneAxes:
    """Directions of one bone on the film, [B, 3] unit vectors, and its two ends, [B, 3] mm."""

    along: Tensor  # towards the hand
    thumb: Tensor
    back: Tensor
    near: Tensor
    far: Tensor


@dataclass(frozen=True)
class Broken:
    """A broken bone: its fragments, how the distal one moved [B, 4, 4], and where it broke [B, 3]."""

    pieces: list[Piece]
    moved: Tensor
    site: Tensor


def break_bone(whole: Piece, axes: BoneAxes, fracture: Fracture) -> Broken:
    """Cut ``whole`` as the fracture says; every patient of the batch gets the same fracture."""
    batch = len(axes.along)
    turn = torch.tensor(fracture.direction, dtype=torch.float64).deg2rad()
    way = axes.thumb * turn.cos() + axes.back * turn.sin()
    hinge = torch.linalg.cross(axes.along, way)
    site = axes.near + fracture.level * (axes.far - axes.near)
    slope = torch.tensor(fracture.obliquity, dtype=torch.float64).deg2rad()
    normal = axes.along * slope.cos() + way * slope.sin()
    half = fracture.gap / 2 * axes.along

    moved = torch.eye(4, dtype=torch.float64).repeat(batch, 1, 1)
    stays = moved.clone()
    bend = torch.tensor(fracture.angulation, dtype=torch.float64).deg2rad().expand(batch)
    # A distal fragment leans alone and takes the hand along. Breaks of the shaft open like a roof:
    # both joints stay and the apex rises, so each fragment takes its share of the angle.
    follows = fracture.level > _HAND_FOLLOWS
    near_share = 0.0 if follows else 1 - fracture.level
    lean = rotation(hinge, bend * (1 - near_share))
    moved[:, :3, :3] = lean
    moved[:, :3, 3] = site - _times(lean, site) + fracture.displacement * way
    if near_share:
        counter = rotation(hinge, -bend * near_share)
        stays[:, :3, :3] = counter
        stays[:, :3, 3] = site - _times(counter, site)
        settle = axes.near - (_times(counter, axes.near) + stays[:, :3, 3])
        stays[:, :3, 3] += settle
        moved[:, :3, 3] += settle

    rough = torch.full((batch,), fracture.roughness)
    # The teeth are drawn in the bone's frame, so both sides of a break fit each other.
    near = plane_cut(whole.place, normal, site - half, roughness=rough)
    far = plane_cut(whole.place, -normal, site + half, roughness=-rough)
    proximal = replace(whole, place=stays @ whole.place, cuts=(*whole.cuts, near))
    distal = replace(whole, place=moved @ whole.place, cuts=(*whole.cuts, far))
    pieces = [proximal, distal]
    if fracture.comminution > 0:
        pieces = _chip(whole, proximal, distal, (site, axes.along, way, hinge), fracture)
    return Broken(pieces=pieces, moved=moved, site=site)


def _chip(
    whole: Piece,
    proximal: Piece,
    distal: Piece,
    at: tuple[Tensor, Tensor, Tensor, Tensor],
    fracture: Fracture,
) -> list[Piece]:
    """Break fragments off both sides of the gap: a wedge, a broken wedge, or a shattered zone."""
    site, along, way, hinge = at
    batch = len(site)
    rough = torch.full((batch,), 0.5)
    size = 6.0 + 14.0 * fracture.comminution  # mm along the bone
    shattered = fracture.comminution > 0.5
    count = 1 if fracture.comminution <= 0.25 else 2 if not shattered else 4
    drift = torch.tensor([[p.item() * 0.37 % 1, p.item() * 0.61 % 1] for p in whole.seeds])

    # A wedge lies on the side away from the lean; a shattered zone goes right through.
    tilt = torch.tensor(0.0 if shattered else 42.0, dtype=torch.float64).deg2rad()
    up = along * tilt.cos() + way * tilt.sin()
    down = along * tilt.cos() - way * tilt.sin()
    centre = site if shattered else site - way * 1.0
    top, bottom = centre + along * size / 2, centre - along * size / 2
    if not shattered:
        wedge_near = plane_cut(whole.place, -down, bottom, roughness=-rough)
        wedge_far = plane_cut(whole.place, up, top, roughness=rough)
        keep_near = plane_cut(whole.place, down, bottom, roughness=rough)
        keep_far = plane_cut(whole.place, -up, top, roughness=-rough)
        proximal = replace(proximal, cuts=(*proximal.cuts, keep_near))
        distal = replace(distal, cuts=(*distal.cuts, keep_far))
    else:
        wedge_near = plane_cut(whole.place, -along, bottom, roughness=-rough)
        wedge_far = plane_cut(whole.place, along, top, roughness=rough)
        near = plane_cut(whole.place, along, bottom, roughness=rough)
        far = plane_cut(whole.place, -along, top, roughness=-rough)
        proximal = replace(proximal, cuts=(*whole.cuts, near))
        distal = replace(distal, cuts=(*whole.cuts, far))
    chips = []
    for index in range(count):
        walls: list[Cut] = []
        if count > 1:
            angle = (index + 0.5) * 6.2832 / count + 0.8
            outward = way * torch.cos(torch.tensor(angle)) + hinge * torch.sin(torch.tensor(angle))
            walls = _walls(whole, site, way, hinge, index, count, rough)
        else:
            outward = -way
        away = (0.8 + 2.2 * fracture.comminution) * (0.7 + 0.6 * drift[:, :1].double())
        spin = rotation(hinge, torch.deg2rad(10.0 * (drift[:, 1].double() - 0.5) * (index + 1)))
        place = torch.eye(4, dtype=torch.float64).repeat(batch, 1, 1)
        place[:, :3, :3] = spin
        place[:, :3, 3] = site - _times(spin, site) + outward * away
        place[:, :3, 3] += way * fracture.displacement / 2
        chips.append(
            replace(
                whole, place=place @ whole.place, cuts=(*whole.cuts, wedge_near, wedge_far, *walls)
            )
        )
    return [proximal, distal, *chips]


def _walls(
    whole: Piece, site: Tensor, way: Tensor, hinge: Tensor, index: int, count: int, rough: Tensor
) -> list[Cut]:
    """Bound chip ``index`` of ``count`` by planes through the bone's middle, like slices of cake."""
    walls = []
    for edge, side in ((index, -1.0), (index + 1, 1.0)):
        angle = torch.tensor(edge * 6.2832 / count + 0.8 + 1.5708, dtype=torch.float64)
        normal = side * (way * angle.cos() + hinge * angle.sin())
        walls.append(plane_cut(whole.place, normal, site, roughness=side * rough * 0.6))
    return walls


def _times(turn: Tensor, point: Tensor) -> Tensor:
    return (turn @ point[..., None]).squeeze(-1)

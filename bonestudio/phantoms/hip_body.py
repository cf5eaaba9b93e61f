"""One person's hip as a volume of bone mineral, posed for a radiograph."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from bonestudio.phantoms.hip_anatomy import MODES, ORIGIN, SIZE, STEP, HipAnatomy

PELVIS, PROXIMAL_FEMUR, SHAFT = 1, 2, 3
_COARSE = 12  # voxels between the points where the body's warp is computed
COMPACT = 1.11  # g of mineral in a cm³ of compact bone (ICRU 44, as in materials)


@dataclass(frozen=True)
class Pose:
    """Position of a hip: rotations of the thigh about the femoral head and tilt of the pelvis, degrees.

    ``abduction`` away from the midline, ``internal`` rotation of the foot inwards, ``tilt`` of the
    pelvis forward.
    """

    abduction: float
    internal: float
    tilt: float


@dataclass(frozen=True)
class Build:
    """A person's bones: shape coefficients [10], scale, mean cortex (share of the usual), contrast."""

    shape: np.ndarray
    scale: float
    cortex: float
    contrast: float


@dataclass(frozen=True)
class HipVolume:
    """Mineral [z, y, x] in g/cm³ and label of each voxel, with landmarks (x, y, z) in mm."""

    mineral: Tensor
    label: Tensor
    landmarks: dict[str, np.ndarray]


def build_hip(
    anatomy: HipAnatomy, build: Build, pose: Pose, random: np.random.Generator
) -> HipVolume:
    """Warp, pose and mineralise the mean bones on the grid of the atlas (STEP, ORIGIN)."""
    moved = torch.einsum("m,mnd->nd", torch.from_numpy(build.shape[:MODES]).float(), anatomy.modes)
    pelvic = _turn(np.deg2rad(pose.tilt), axis=0)
    thigh = _turn(np.deg2rad(pose.abduction), axis=1) @ _turn(np.deg2rad(-pose.internal), axis=2)
    head = anatomy.head
    pivot = _landmark(head, anatomy, moved, femur=True)
    grid = _grid()
    home_femur = _home(grid, anatomy, moved, build.scale, thigh, pivot, femur=True)
    home_pelvis = _home(grid, anatomy, moved, build.scale, pelvic, pivot, femur=False)
    femur = _sampled(anatomy.femur, home_femur)
    pelvis = _sampled(anatomy.pelvis, home_pelvis)
    texture = _texture(random)
    # Only voxels in or at a bone are looked at, with their places in the mean femur, mm.
    place = _fine(home_femur)
    at_femur, at_pelvis = femur > -STEP, pelvis > -STEP
    bone, hip_bone = torch.zeros_like(femur), torch.zeros_like(pelvis)
    bone[at_femur] = _femoral(femur[at_femur], place[at_femur], anatomy, build, texture[at_femur])
    near_head = _from_head(place[at_pelvis], anatomy)
    socket = _pelvic(pelvis[at_pelvis], near_head, build, texture[at_pelvis])
    # The joint space: what the pelvis loses where the head is.
    socket[(femur[at_pelvis] > -1.6) & (near_head < 8)] = 0.0
    hip_bone[at_pelvis] = socket
    mineral = torch.maximum(bone, hip_bone)
    cut = anatomy.shaft[2] - 8.0
    label = torch.where(pelvis > -0.7 * STEP, float(PELVIS), 0.0)
    proximal = torch.where(place[..., 2] > cut, float(PROXIMAL_FEMUR), float(SHAFT))
    label = torch.where((bone > hip_bone) | (femur > 0), proximal, label)
    landmarks = {}
    for name in ("head", "neck", "shaft"):
        at = _landmark(getattr(anatomy, name), anatomy, moved, femur=True)
        landmarks[name] = pivot + build.scale * thigh @ (at - pivot)
    return HipVolume(mineral, label, landmarks)


def _turn(angle: float, *, axis: int) -> np.ndarray:
    """Rotation matrix about one axis."""
    a, b = [i for i in range(3) if i != axis]
    matrix = np.eye(3)
    matrix[a, a] = matrix[b, b] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def _grid() -> Tensor:
    """Coarse points (x, y, z) in mm over the volume, [z, y, x, 3]."""
    axes = [
        torch.linspace(0, n - 1, -(-n // _COARSE) + 1) * STEP + float(o)
        for n, o in zip(SIZE, ORIGIN[::-1], strict=True)
    ]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], -1)


def _spread(points: Tensor, anatomy: HipAnatomy, moved: Tensor, *, femur: bool) -> Tensor:
    """Carry the nodes' displacements to points [..., 3]: Gaussian weights of 14 mm."""
    part = slice(1946, None) if femur else slice(0, 1946)
    nodes, shift = anatomy.nodes[part], moved[part]
    square = torch.cdist(points.reshape(-1, 3), nodes).square()
    weights = torch.softmax(-square / (2 * 14.0**2), dim=1)
    return (weights @ shift).reshape(points.shape)


def _landmark(at: np.ndarray, anatomy: HipAnatomy, moved: Tensor, *, femur: bool) -> np.ndarray:
    point = torch.tensor(at, dtype=torch.float32)[None]
    return (point + _spread(point, anatomy, moved, femur=femur))[0].numpy().astype(float)


def _home(
    grid: Tensor,
    anatomy: HipAnatomy,
    moved: Tensor,
    scale: float,
    turn: np.ndarray,
    pivot: np.ndarray,
    *,
    femur: bool,
) -> Tensor:
    """Where points of the posed person lie in the mean bone: pose undone, then shape undone."""
    centre = torch.tensor(pivot, dtype=torch.float32)
    matrix = torch.tensor(turn, dtype=torch.float32)
    shaped = (grid - centre) @ matrix / scale + centre  # right product with R is R⁻¹ applied
    home = shaped
    for _ in range(2):  # fixed point of home + displacement(home) = shaped
        home = shaped - _spread(home, anatomy, moved, femur=femur)
    return home


def _fine(coarse: Tensor) -> Tensor:
    """Interpolate [z, y, x, 3] to the volume's grid."""
    fine = torch.nn.functional.interpolate(
        coarse.movedim(-1, 0)[None], size=SIZE, mode="trilinear", align_corners=True
    )
    return fine[0].movedim(0, -1)


def _sampled(distance: Tensor, home: Tensor) -> Tensor:
    """Sample a mean bone at the places the posed voxels come from, [z, y, x]."""
    size = torch.tensor(SIZE[::-1], dtype=torch.float32)
    unit = (_fine(home) - torch.tensor(ORIGIN, dtype=torch.float32)) / STEP / (size - 1) * 2 - 1
    return torch.nn.functional.grid_sample(
        distance[None, None], unit[None], padding_mode="border", align_corners=True
    )[0, 0]


def _texture(random: np.random.Generator) -> Tensor:
    """Grain of trabecular bone: band-limited noise around 0 with deviation 1, [z, y, x]."""
    from bonestudio.phantoms.trabeculae import band_limited

    block = band_limited((80, 48, 48), STEP, 3.4, random, stretch=1.3).real
    block = block / block.std()
    times = [-(-n // m) for n, m in zip(SIZE, block.shape, strict=True)]
    return block.repeat(*times)[: SIZE[0], : SIZE[1], : SIZE[2]]


def _femoral(
    depth: Tensor, place: Tensor, anatomy: HipAnatomy, build: Build, texture: Tensor
) -> Tensor:
    """Mineral of the femur in g/cm³: cortex, head, and the compressive and tensile trabeculae."""
    x, z = place[..., 0], place[..., 2]
    head, neck, shaft = anatomy.head, anatomy.neck, anatomy.shaft
    # Cortex: thin over head and trochanters, 6 mm in the shaft, the calcar thick on the inner side.
    down = torch.sigmoid((shaft[2] - 7 - z) / 11)
    calcar = torch.sigmoid((float(neck[0] + 8) - x) / 4) * torch.exp(
        -(((z - float(neck[2]) + 22) / 17) ** 2)
    )
    cortex = build.cortex * (0.85 + 5.4 * down + 1.3 * calcar)
    wall = (0.5 + (cortex - depth) / STEP).clamp(0, 1)
    inside = (0.5 + depth / STEP).clamp(0, 1)
    # Principal compressive group: a fan from the calcar to the top of the head. Principal tensile group: an
    # arch from the outer cortex through the upper neck to the lower head (Singh et al. 1970, JBJS 52-A:457).
    compressive = _band(
        x,
        z,
        [(shaft[0] - 9, shaft[2] - 3), (neck[0] - 9, neck[2] - 9), (head[0] - 3, head[2] + 17)],
        8.5,
    )
    tensile = _band(
        x,
        z,
        [
            (shaft[0] + 15, shaft[2] - 5),
            (neck[0] + 16, neck[2] + 8),
            (neck[0] - 3, neck[2] + 11),
            (head[0] - 10, head[2] - 8),
        ],
        6.5,
    )
    in_head = torch.sigmoid((1 - _from_head(place, anatomy)) / 2)
    greater = torch.exp(
        -(((x - float(neck[0]) - 30) / 11) ** 2 + ((z - float(neck[2]) - 4) / 16) ** 2)
    )
    sponge = 0.06 + 0.07 * in_head + 0.12 * compressive + 0.08 * tensile + 0.05 * greater
    sponge = sponge * (1 - 0.93 * torch.sigmoid((shaft[2] - 13 - z) / 6))
    sponge = sponge * (1 + 0.27 * build.contrast * texture).clamp(min=0.05)
    return (sponge + (0.94 * COMPACT - sponge) * wall) * inside


def _from_head(place: Tensor, anatomy: HipAnatomy) -> Tensor:
    """Distance in mm of places [n, 3] in the mean femur from the surface of its head."""
    square = (place - torch.tensor(anatomy.head, dtype=torch.float32)).square()
    return square.sum(dim=-1).sqrt() - anatomy.head_radius


def _band(x: Tensor, z: Tensor, corners: list[tuple[float, float]], width: float) -> Tensor:
    """Weight 0 to 1 around a line through ``corners`` (x, z), Gaussian of ``width`` mm."""
    square = torch.full_like(x, 1e6)
    for (ax, az), (bx, bz) in pairwise(corners):
        dx, dz = float(bx - ax), float(bz - az)
        share = (((x - float(ax)) * dx + (z - float(az)) * dz) / (dx * dx + dz * dz)).clamp(0, 1)
        square = torch.minimum(
            square, (x - float(ax) - share * dx) ** 2 + (z - float(az) - share * dz) ** 2
        )
    return torch.exp(-square / (2 * width**2))


def _pelvic(depth: Tensor, near_head: Tensor, build: Build, texture: Tensor) -> Tensor:
    """Mineral of the pelvis in g/cm³: thin cortex, sponge, and the dense roof of the socket."""
    socket = torch.exp(-((near_head - 5).clamp(min=0) / 4.5).square()) * (near_head < 22)
    cortex = build.cortex * (0.95 + 0.9 * socket)
    wall = (0.5 + (cortex - depth) / STEP).clamp(0, 1)
    inside = (0.5 + depth / STEP).clamp(0, 1)
    sponge = (0.11 + 0.16 * socket) * (1 + 0.25 * build.contrast * texture).clamp(min=0.05)
    return (sponge + (0.9 * COMPACT - sponge) * wall) * inside

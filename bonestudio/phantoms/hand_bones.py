"""The pieces that a hand's bones are made of at one age: shafts, epiphyses, nuclei."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from bonestudio.phantoms.anatomy import load_bone
from bonestudio.phantoms.hand_growth import (
    Epiphysis,
    at_far_end,
    breadth_factor,
    carpal_size,
    epiphysis,
    length_factor,
)
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.pose import Places, stretch
from bonestudio.phantoms.pose_kinematics import BONES, CARPALS
from bonestudio.phantoms.pose_pieces import Cut, Piece, grid

# Cortex of the shaft in mm on the (man's) mesh: metacarpal 2 has 1.7 to 2 mm on either side in
# young men (Barnett and Nordin 1960), phalanges less, radius and ulna 2.5 to 3 mm.
CORTEX = {
    "radius": 2.9, "ulna": 2.9, "humerus": 3.4, "metacarpal": 1.75, "proximal": 1.5, "middle": 1.25,
    "distal": 0.9,
}  # fmt: skip
CARPAL_SHELL = 0.6
# The meshes' carpals are small beside their metacarpals: carpal height is 0.54 of the third
# metacarpal's length in adults (Youm et al. 1978), 0.45 in the meshes.
_CARPAL_EXTRA = 1.10
_SWELL = torch.diag(torch.tensor([1.10, 1.10, 1.10, 1.0], dtype=torch.float64))
NEVER = 1e3  # mm: a cut that cuts nothing off


def sizes(patients: Sequence[VirtualPatient], ages: Sequence[float]) -> dict[str, Tensor]:
    """Stretch [B, 3, 3] of every bone for size, sex, age and the person's own proportions."""
    own = torch.stack(
        [
            torch.from_numpy(
                p.random("arm/proportions").standard_normal((len(BONES), 2)).clip(-2, 2)
            )
            for p in patients
        ]
    )
    length, breadth = [], []
    for patient, age in zip(patients, ages, strict=True):
        traits = patient.traits
        size = 1 + 0.05 * traits.size
        length.append(length_factor(age, patient.sex) * size)
        breadth.append(breadth_factor(age, patient.sex) * size * (1 + 0.04 * traits.breadth))
    long, wide = torch.tensor(length).double(), torch.tensor(breadth).double()
    scale = {
        bone: stretch(bone, long * (1 + 0.018 * own[:, i, 0]), wide * (1 + 0.03 * own[:, i, 1]))
        for i, bone in enumerate(BONES)
    }
    return {b: s * _CARPAL_EXTRA if b in CARPALS else s for b, s in scale.items()}


def frame(bone: str) -> Tensor:
    """[4, 4] from the frame of a bone's volume to its joint frame, mm."""
    source = load_bone(bone)
    transform = torch.eye(4, dtype=torch.float64)
    transform[:3, :3] = torch.from_numpy(source.axes.T.copy())
    transform[:3, 3] = torch.from_numpy(source.centre.copy())
    return transform


def full_place(bone: str, placed: Places, scale: Mapping[str, Tensor]) -> Tensor:
    """[B, 4, 4] from the frame of a bone's volume to the film, stretch included."""
    stretched = torch.eye(4, dtype=torch.float64).repeat(len(scale[bone]), 1, 1)
    stretched[:, :3, :3] = scale[bone]
    if bone in CARPALS:  # about its own middle: its neighbours stay where they are
        return placed[bone] @ stretched @ frame(bone) @ _SWELL
    return placed[bone] @ stretched @ frame(bone)


def grown_pieces(
    bones: Sequence[str],
    placed: Places,
    scale: Mapping[str, Tensor],
    patients: Sequence[VirtualPatient],
    ages: Sequence[float],
) -> list[Piece]:
    """All pieces of ``bones`` for patients at their ages; skeletal age runs ahead by the tempo."""
    skeletal = [a + p.traits.tempo for p, a in zip(patients, ages, strict=True)]
    pieces = []
    for bone in bones:
        whole = whole_piece(bone, full_place(bone, placed, scale), patients, ages)
        if bone in CARPALS:
            nuclei = [carpal_size(bone, a, p.sex) for p, a in zip(patients, skeletal, strict=True)]
            pieces.append(_nucleus(whole, torch.tensor(nuclei)))
        elif bone == "humerus":
            pieces.append(whole)
        else:
            ends = [epiphysis(bone, a, p.sex) for p, a in zip(patients, skeletal, strict=True)]
            pieces += _long_bone(whole, ends, scale[bone])
    return pieces


def whole_piece(
    bone: str, place: Tensor, patients: Sequence[VirtualPatient], ages: Sequence[float]
) -> Piece:
    """Build the bone in one piece, with the patient's own cortex, mineral and pattern."""
    traits = [p.traits for p in patients]
    kind = bone.partition("_")[0]
    # Children have thinner cortices for the bone's width and less mineral in them
    # (metacarpal index 0.40 at 6 years, 0.50 at 18: Garn 1970).
    young = torch.tensor([min(1.0, 0.70 + 0.30 * (a / 17) ** 1.2) for a in ages])
    # From 50 on bone is lost, in women at twice the rate of men (Riggs et al., JBMR 2008;23:205-214).
    yearly = [0.006 if p.sex == "F" else 0.003 for p in patients]
    kept = torch.tensor([1 - max(0.0, a - 50) * y for a, y in zip(ages, yearly, strict=True)])
    thin = CARPAL_SHELL if bone in CARPALS else CORTEX[kind]
    number = BONES.index(bone)
    return Piece(
        bone=bone,
        label=bone,
        place=place,
        present=torch.ones(len(patients)),
        inflate=torch.zeros(len(patients)),
        cortex=thin * young * kept * torch.tensor([1 + 0.09 * t.cortex for t in traits]),
        mineral=(0.90 + 0.10 * young)
        * kept.sqrt()
        * torch.tensor([1 + 0.08 * t.density for t in traits]),
        lattice=0.40 * torch.tensor([1 + 0.15 * t.texture for t in traits]).clamp(min=0.3),
        seeds=torch.tensor([(p.seed * 2654435761 + 40503 * number) % 2**24 for p in patients]),
    )


def _nucleus(whole: Piece, size: Tensor) -> Piece:
    """Shrink a carpal to its ossified middle, rounder the smaller it is."""
    shrink = torch.eye(4, dtype=torch.float64).repeat(len(size), 1, 1)
    rounding = (1 - size).clamp(0, 1) * 2.0
    rounding = rounding.clamp(max=1.3)
    # The rounding adds to a radius of about 7 mm; the size asked for includes it.
    factor = (size * 7 / (7 + rounding)).double().clamp(min=0.05)
    shrink[:, :3, :3] *= factor[:, None, None]
    return replace(
        whole,
        place=whole.place @ shrink,
        present=(size > 0).float(),
        inflate=rounding,
        cortex=whole.cortex / factor.float() * 0.8,
    )


def _long_bone(whole: Piece, ends: Sequence[Epiphysis], scale: Tensor) -> list[Piece]:
    """Cut a long bone at its physis, and let the epiphysis be its own size."""
    volume, source = grid(whole.bone, 0.45), load_bone(whole.bone)
    far = at_far_end(whole.bone)
    tip = source.landmarks["distal" if far else "proximal"]
    sign = 1.0 if far else -1.0
    long = torch.linalg.det(scale).pow(1 / 3)
    share = ends[0].share * (volume.far - volume.near)
    level = tip[2] - sign * share  # of the physis, along the bone
    gap = torch.tensor([e.gap for e in ends]).double() / long
    open_ = torch.tensor([e.present and not e.fused for e in ends])
    never = torch.tensor([not e.present for e in ends])

    batch = len(ends)
    normal = torch.tensor([0.0, 0.0, sign], dtype=torch.float64).expand(batch, 3)
    shaft_end = torch.where(open_ | never, sign * level - gap / 2, torch.full_like(gap, NEVER))
    # Where no centre has appeared yet the shaft is the whole bone but for its cartilage.
    dome = torch.full((batch,), 0.7) * (open_ | never)
    shaft = replace(whole, cuts=(Cut(normal, shaft_end, bend=dome, coat=0.55),))

    width = torch.tensor([max(e.width, 0.05) for e in ends]).double()
    height = torch.tensor([max(e.height, 0.05) for e in ends]).double()
    anchor = torch.zeros(batch, 3, dtype=torch.float64)
    anchor[:, 0], anchor[:, 1] = tip[0], tip[1]
    anchor[:, 2] = level + sign * gap / 2
    grow = torch.eye(4, dtype=torch.float64).repeat(batch, 1, 1)
    factors = torch.stack([width, width, height], -1)
    grow[:, :3, :3] = torch.diag_embed(factors)
    grow[:, :3, 3] = anchor * (1 - factors)
    rounding = ((1 - width).clamp(0, 1) * 1.6).clamp(max=1.2).float()
    epi = replace(
        whole,
        place=whole.place @ grow,
        present=open_.float(),
        inflate=rounding,
        cortex=torch.full((batch,), 1.5),
        cuts=(
            Cut(
                -normal,
                -sign * anchor[:, 2],
                bend=torch.full((batch,), 0.5) + rounding,
                coat=0.45,
            ),
        ),
    )
    return [shaft, epi] if bool(open_.any()) else [shaft]

"""Half radiographs of the two hips of a CT, made as the virtual ones are: for looking, not for measuring.

The scan ends three centimetres below the middle of the heads, within the trochanters; its last slice is drawn on, so
what lies below is not the patient's, and a gate that wants a whole proximal femur is right to refuse it. The
network's map is therefore held against the scan's own mineral where the scan has any: head and upper neck.

    python benchmarks/ct_hip.py ../shared/data/ct-pelvis [--model density/map-bd-phantom]
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.density.estimator import DensityEstimator
from bonestudio.instruments.density.pictures import coloured, findings, report
from bonestudio.measures.density_regions import THRESHOLD
from bonestudio.phantoms.hip import BEHIND_MM, FIELD_MM, SOURCE_MM, _film
from bonestudio.phantoms.patient import VirtualPatient

HA = 0.0008  # g/cm³ of mineral for one HU, about what calibration phantoms give at 120 kV
BONE_HU, BODY_HU = 130.0, -300.0
METAL_HU, METAL = (
    2500.0,
    6.0,
)  # the scan's scale ends below metal; so much mineral would stop as many X-rays
SAMPLES = 400


@dataclass(frozen=True)
class CtHip:
    """One hip of the scan.

    ``mineral`` is the femur's own, summed along each ray, g/cm², [height, height / 2]; ``seen`` says where
    the rays cross the hip inside the scan.
    """

    film: Radiograph
    mineral: np.ndarray
    seen: np.ndarray


def films(folder: Path, *, height: int = 512) -> dict[str, Radiograph]:
    """Radiographs [height, height / 2] of 'left' and 'right', each with the midline at its left edge."""
    return {side: hip.film for side, hip in hips(folder, height=height).items()}


def hips(folder: Path, *, height: int = 512) -> dict[str, CtHip]:
    """Both hips with the mineral that the scan itself has."""
    import nibabel

    scan = nibabel.load(folder / "ct.nii.gz")
    hu = np.asarray(scan.dataobj, np.float32)
    pitch_mm = np.abs(np.diag(scan.affine)[:3])
    femora = {
        side: np.asarray(nibabel.load(folder / f"femur_{side}.nii.gz").dataobj) > 0
        for side in ("left", "right")
    }
    heads = {side: np.argwhere(femur) for side, femur in femora.items()}
    middle = float(np.mean([points[:, 0].mean() for points in heads.values()]))
    body = torch.from_numpy((hu > BODY_HU).astype(np.float32))
    bone = np.where(hu > BONE_HU, hu * HA, 0)
    mineral = torch.from_numpy(np.where(hu > METAL_HU, METAL, bone).astype(np.float32))
    made = {}
    for side, points in heads.items():
        outward = -1.0 if side == "left" else 1.0  # the first axis runs to the patient's right
        head = np.array([points[:, 0].mean(), points[:, 1].mean(), np.quantile(points[:, 2], 0.75)])
        own = mineral * torch.from_numpy(femora[side].astype(np.float32))
        volumes = torch.stack([mineral, body, own])[None]  # [1, 3, x, y, z]
        bone, soft, femur, seen = _paths(volumes, head, middle, outward, pitch_mm, height)
        pixels = _film(VirtualPatient(1), bone, soft, "natural", f"ct/{side}")
        spacing = FIELD_MM[0] / height
        film = Radiograph(pixels=pixels, spacing=(spacing, spacing), view="AP", laterality="L")
        made[side] = CtHip(film, femur.numpy(), seen.numpy())
    return made


def _paths(volumes, head, middle, outward, pitch_mm, height):
    """Along each ray mineral in g/cm², soft tissue in mm, the femur's mineral, and whether it meets the hip.

    All [height, height / 2]; the hip lies as deep as the head's middle.
    """
    pixel = FIELD_MM[0] / height
    columns = (
        torch.arange(height // 2) + 0.5
    ) * pixel  # mm outwards of the midline, at the detector
    rows = -(torch.arange(height) + 0.5 - height / 2) * pixel  # mm above the beam's axis
    depth = torch.linspace(170.0, -170.0, SAMPLES)  # mm in front of the head
    grow = (SOURCE_MM - BEHIND_MM - depth) / SOURCE_MM  # how far along its ray a depth is
    x = middle + outward * columns.view(1, -1, 1) * grow / pitch_mm[0]
    y = (head[1] + depth / pitch_mm[1]).view(1, 1, -1)
    z = head[2] + (18.0 + rows.view(-1, 1, 1) * grow) / pitch_mm[2]
    x, y, z = torch.broadcast_tensors(x, y, z)
    size = volumes.shape[2:]
    inside = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1]) & (z < size[2])
    unit = [v.clamp(0, n - 1) / (n - 1) * 2 - 1 for v, n in zip((x, y, z), size, strict=True)]
    grid = torch.stack([unit[2], unit[1], unit[0]], -1)[None].float()
    sampled = F.grid_sample(volumes, grid, align_corners=True)[0] * inside
    slant = (
        1 + (rows.view(-1, 1) / SOURCE_MM) ** 2 + (columns.view(1, -1) / SOURCE_MM) ** 2
    ).sqrt()
    step = 340.0 / SAMPLES * slant
    seen = z[..., SAMPLES // 2].expand(height, height // 2) >= 0
    femur = sampled[2].sum(-1) * step / 10
    return sampled[0].sum(-1) * step / 10, sampled[1].sum(-1) * step, femur, seen


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--model")
    options.add_argument("--out", type=Path, default=Path("artefacts/ct_hip"))
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for side, hip in hips(chosen.folder).items():
        film = hip.film
        Image.fromarray((film.pixels * 255).astype(np.uint8)).save(chosen.out / f"{side}.png")
        found = DensityEstimator().estimate(film, model=chosen.model)
        report(film, found).save(chosen.out / f"{side}-report.png")
        drawn = [np.where(hip.seen, hip.mineral, 0), found.density]
        both = np.concatenate([coloured(map_.astype(np.float32)) for map_ in drawn], 1)
        Image.fromarray(both).save(chosen.out / f"{side}-scan-and-network.png")
        print(side, found.domain.verdict, found.domain.distance, *findings(found), sep="\n  ")
        if side == "right":
            print(beside(hip, found.density))


def beside(hip: CtHip, density: np.ndarray) -> str:
    """Say how the network's map, whatever its gate says, compares with the scan's mineral where that is seen."""
    own = hip.seen & (hip.mineral > THRESHOLD)
    drawn = hip.seen & (density > THRESHOLD)
    overlap = 2 * (own & drawn).sum() / max(1, own.sum() + drawn.sum())
    both = own & drawn
    if both.sum() < 2:
        return "  The network's map has nothing where the scan has the femur."
    alike = np.corrcoef(hip.mineral[both], density[both])[0, 1]
    return (
        f"  Head and upper neck: Dice of map and scan {overlap:.2f}; where both are, mean {density[both].mean():.2f} "
        f"against {hip.mineral[both].mean():.2f} g/cm² (0.8 mg for one HU, uncalibrated), pixels correlate with {alike:.2f}."
    )


if __name__ == "__main__":
    main()

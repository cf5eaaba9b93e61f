"""Half radiographs of the two hips of a CT, made as the virtual ones are: for looking, not for measuring.

The scan ends below the trochanters; its last slice is drawn on, so the shaft is not the patient's.

    python benchmarks/ct_hip.py ../shared/data/ct-pelvis [--model density/map-bd-quick]
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.density import DensityEstimator
from bonestudio.instruments.density_pictures import findings, report
from bonestudio.phantoms.hip import BEHIND_MM, FIELD_MM, SOURCE_MM, _film
from bonestudio.phantoms.patient import VirtualPatient

HA = 0.0008  # g/cm³ of mineral for one HU, about what calibration phantoms give at 120 kV
BONE_HU, BODY_HU = 130.0, -300.0
METAL_HU, METAL = (
    2500.0,
    6.0,
)  # the scan's scale ends below metal; so much mineral would stop as many X-rays
SAMPLES = 400


def films(folder: Path, *, height: int = 512) -> dict[str, Radiograph]:
    """Radiographs [height, height / 2] of 'left' and 'right', each with the midline at its left edge."""
    import nibabel

    scan = nibabel.load(folder / "ct.nii.gz")
    hu = np.asarray(scan.dataobj, np.float32)
    pitch_mm = np.abs(np.diag(scan.affine)[:3])
    heads = {
        side: np.argwhere(np.asarray(nibabel.load(folder / f"femur_{side}.nii.gz").dataobj) > 0)
        for side in ("left", "right")
    }
    middle = float(np.mean([points[:, 0].mean() for points in heads.values()]))
    body = torch.from_numpy((hu > BODY_HU).astype(np.float32))
    bone = np.where(hu > BONE_HU, hu * HA, 0)
    mineral = torch.from_numpy(np.where(hu > METAL_HU, METAL, bone).astype(np.float32))
    volumes = torch.stack([mineral, body])[None]  # [1, 2, x, y, z]
    made = {}
    for side, points in heads.items():
        outward = -1.0 if side == "left" else 1.0  # the first axis runs to the patient's right
        head = np.array([points[:, 0].mean(), points[:, 1].mean(), np.quantile(points[:, 2], 0.75)])
        bone, soft = _paths(volumes, head, middle, outward, pitch_mm, height)
        pixels = _film(VirtualPatient(1), bone, soft, "natural", f"ct/{side}")
        spacing = FIELD_MM[0] / height
        made[side] = Radiograph(
            pixels=pixels, spacing=(spacing, spacing), view="AP", laterality="L"
        )
    return made


def _paths(volumes, head, middle, outward, pitch_mm, height):
    """Mineral in g/cm² and soft tissue in mm along each ray, both [height, height / 2]."""
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
    return sampled[0].sum(-1) * step / 10, sampled[1].sum(-1) * step


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path)
    options.add_argument("--model")
    options.add_argument("--out", type=Path, default=Path("artefacts/ct_hip"))
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for side, film in films(chosen.folder).items():
        Image.fromarray((film.pixels * 255).astype(np.uint8)).save(chosen.out / f"{side}.png")
        found = DensityEstimator().estimate(film, model=chosen.model)
        report(film, found).save(chosen.out / f"{side}-report.png")
        print(side, found.domain.verdict, found.domain.distance, *findings(found), sep="\n  ")


if __name__ == "__main__":
    main()

"""Radius and hip phantoms: time, and what was asked for against what is measured.

Truth is measured twice: on the scan without noise within the true compartments, and on the noisy scan within
the compartments that the program finds.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from bonestudio.measures.compartments import Compartments
from bonestudio.measures.microarchitecture import measure_microarchitecture
from bonestudio.phantoms import VirtualPatient
from bonestudio.phantoms.hip import hip
from bonestudio.phantoms.radius_scan import radius_scan

STACK = (32, 288, 224)
_PAIRS = {
    "bv_tv": "bv_tv", "tb_th": "tb_th_mm", "tb_sp": "tb_sp_mm", "tb_bmd": "tb_bmd_mg_cm3",
    "ct_bmd": "ct_bmd_mg_cm3", "ct_th": "ct_th_mm",
}  # fmt: skip


def timed(make, *, repeats: int) -> tuple[float, float]:
    """Return the best wall time and the processor time of one call, s."""
    make()
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        make()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def speed(threads: int) -> list[str]:
    """Time a radius stack and a pair of hips."""
    torch.set_num_threads(threads)
    patient = VirtualPatient(1, "F")
    jobs = {
        "radius stack 32 × 288 × 224": lambda: radius_scan(patient, shape=STACK),
        "hip pair 512 × 256": lambda: [hip(patient, "supine", side) for side in "LR"],
    }
    return [
        f"{name:30s} {wall:6.2f} s wall {processor:6.2f} s processor, {threads} threads"
        for name, (wall, processor) in ((n, timed(j, repeats=3)) for n, j in jobs.items())
    ]


def truth(seeds: range, shape: tuple[int, int, int], spacing: float, *, noise: bool) -> list[str]:
    """Measure scans of several patients: one line each, then the mean and the largest error."""
    lines, errors = [], []
    for seed in seeds:
        scan = radius_scan(
            VirtualPatient(seed, "FM"[seed % 2]), shape=shape, spacing=spacing, noise=noise
        )
        masks = scan.truth.masks
        parts = None if noise else Compartments(masks["cortical"], masks["trabecular"])
        found = measure_microarchitecture(scan.image, compartments=parts)
        asked = {name: scan.truth.measures[key] for name, key in _PAIRS.items()}
        errors.append([100 * (getattr(found, name) / asked[name] - 1) for name in _PAIRS])
        both = (f"{name} {asked[name]:.3f} → {getattr(found, name):.3f}" for name in _PAIRS)
        lines.append(f"seed {seed:3d}: " + "; ".join(both))
    table = np.array(errors)
    for name, column in zip(_PAIRS, table.T, strict=True):
        lines.append(
            f"{name:7s} error mean {column.mean():+5.1f} %, largest {abs(column).max():4.1f} %"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slices", type=int, default=32)
    parser.add_argument("--no-speed", action="store_true")
    asked = parser.parse_args()
    report = [] if asked.no_speed else speed(asked.threads)
    for noise in (False, True):
        report.append("noisy scan, compartments found" if noise else "no noise, true compartments")
        shape = (asked.slices, *STACK[1:])
        report += truth(range(asked.scans), shape, 0.1214, noise=noise)
    print("\n".join(report))
    target = Path("artefacts") / "phantom_volumes.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

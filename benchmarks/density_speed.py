"""Seconds of a hip's density from a film of 512 × 256, and of a hundred films with their table.

    python benchmarks/density_speed.py [--films 100] [--threads 2]

The films are those of the Density tab, written again and again under other names. Beside the clock's seconds stand the
processor's, which a busy machine does not lengthen.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from bonestudio.imaging import read_radiograph, write_radiograph
from bonestudio.instruments.density.estimator import DensityEstimator
from bonestudio.instruments.density.export import as_csv, estimate_films, estimate_folder

SAMPLES = Path(__file__).resolve().parents[1] / "assets" / "density"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--films", type=int, default=100)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--command", action="store_true", help="also as the command does it")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    film = read_radiograph(SAMPLES / "1-woman-78.png")
    estimator = DensityEstimator()
    began = time.perf_counter()
    estimator.estimate(film, age=78, sex="F")
    print(
        f"first film, weights and libraries loaded on the way {time.perf_counter() - began:6.2f} s"
    )
    used = time.process_time()
    each = [estimator.estimate(film, age=78, sex="F").seconds for _ in range(10)]
    used = (time.process_time() - used) / 10
    print(
        f"one film of 512 x 256, median of 10                 {np.median(each):6.2f} s, {used:.2f} s of processor"
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder, hips = Path(scratch) / "films", sorted(SAMPLES.glob("?-*[0-9].png"))
        folder.mkdir()
        for number in range(chosen.films):
            source = read_radiograph(hips[number % len(hips)])
            write_radiograph(source, folder / f"hip-{number:04}.png")
        films = {path.name: path for path in sorted(folder.iterdir())}
        began, used = time.perf_counter(), time.process_time()
        rows = list(estimate_films(films))
        table = as_csv(rows)
        took, used = time.perf_counter() - began, time.process_time() - used
        told = sum(row["bmd_g_cm2"] is not None for row in rows)
        print(
            f"{len(rows)} films and a table of {len(table)} bytes           {took:6.2f} s, {used:.2f} s of "
            f"processor, told of {told}"
        )
        if chosen.command:
            began = time.perf_counter()
            steps = list(estimate_folder(folder, Path(scratch) / "out"))
            took = time.perf_counter() - began
            print(f"the same by processes, told {len(steps)} times on the way  {took:6.2f} s")


if __name__ == "__main__":
    main()

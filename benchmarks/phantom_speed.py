"""Seconds and memory for 1 000 phalanges (and 100 femora) of 128 × 128.

python benchmarks/phantom_speed.py [--count 1000] [--threads 2] [--device cpu]
"""

import argparse
import os
import resource
import time

import numpy as np
import torch

from bonestudio.phantoms import VirtualPatient, render_femora, render_phalanges


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    patients = [VirtualPatient(s, "FM"[s % 2]) for s in range(options.count)]
    ages = np.linspace(0, 19, options.count).tolist()
    print(f"{options.threads} threads, load of the machine before the run {os.getloadavg()[0]:.1f}")
    for name, render, count in (
        ("phalanges", render_phalanges, options.count),
        ("femora", render_femora, max(1, options.count // 10)),
    ):
        render(patients[:2], ages[:2], device=options.device)  # bones and texture into memory
        wall, busy = time.perf_counter(), time.process_time()
        render(patients[:count], ages[:count], device=options.device)
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{count} {name}: {wall:.1f} s wall, {busy:.1f} s of processor time "
            f"({1000 * busy / count:.1f} ms each); peak memory {peak:.2f} GiB"
        )


if __name__ == "__main__":
    main()

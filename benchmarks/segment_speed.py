"""Seconds from a film to its bones and its wrist's measurements, the weights being loaded.

    python benchmarks/segment_speed.py [--n 5] [--height 1024] [--threads 2]

CPU seconds tell what the work is, whatever else the machine does; wall seconds what a person waits.
"""

import argparse
import statistics
import time

import torch

from bonestudio.instruments.segmentation.segmenter import BoneSegmenter
from bonestudio.instruments.segmentation.ways import ways_here
from bonestudio.phantoms import VirtualPatient


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--n", type=int, default=5)
    options.add_argument("--height", type=int, default=1024)
    options.add_argument("--threads", type=int, default=2)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    film = VirtualPatient(4_000_001).hand(12.0, style="natural", height=chosen.height).image
    segmenter = BoneSegmenter()
    print(
        f"{film.shape[0]} × {film.shape[1]} pixels, median of {chosen.n}, {chosen.threads} threads"
    )
    for way in ways_here("hand"):
        segmenter.segment(film, way=way)  # loads the weights
        walls, works = [], []
        for _ in range(chosen.n):
            wall, work = time.perf_counter(), time.process_time()
            segmenter.segment(film, way=way)
            walls.append(time.perf_counter() - wall)
            works.append(time.process_time() - work)
        print(f"{way:<9} {statistics.median(walls):.2f} s, {statistics.median(works):.2f} CPU s")


if __name__ == "__main__":
    main()

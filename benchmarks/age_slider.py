"""Seconds from a film's bytes to all of its ages, step by step, as the Age tab takes them.

python benchmarks/age_slider.py [FILM] [--model age/bapgan-phalange-rsna] [--threads 2] [--runs 5]
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from bonestudio.checkpoints import find_card
from bonestudio.imaging import read_radiograph
from bonestudio.instruments.age.domain import judge
from bonestudio.instruments.age.film import prepare
from bonestudio.instruments.age.frames import draw
from bonestudio.instruments.age.progression import (  # the steps of one call
    AgeProgression,
    _contrast,
    _weights,
)
from bonestudio.interface.viewers.age import packed

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("film", type=Path, nargs="?", default=ROOT / "assets/age/3-hand-9.png")
    parser.add_argument("--bone", choices=("phalange", "femur"), default="phalange")
    parser.add_argument("--model", help="the first of 'bonestudio models' by default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ages = AgeProgression()
    card = find_card(options.model or ages.models(options.bone)[0].id)[0]
    load = f"load of the machine before the run {os.getloadavg()[0]:.1f}"
    lines = [
        f"{card.id}, {options.film.name}, {options.threads} threads, median of {options.runs}, {load}",
        "",
        "| step | seconds | of them processor time, all threads |",
        "|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        taken = [steps(ages, card, options, Path(folder)) for _ in range(options.runs + 1)][1:]
    rows = {step: [run[step] for run in taken] for step in taken[0]}
    for count in (20, 39, 77, 191):
        name = f"{count} ages of a prepared film, encoder and identity included"
        rows[name] = [render(card, count) for _ in range(options.runs)]
    for step, runs in rows.items():
        wall, busy = (statistics.median(column) for column in zip(*runs, strict=True))
        lines.append(f"| {step} | {wall:.3f} | {busy:.3f} |")
    text = "\n".join(lines) + "\n"
    print(text)
    out = ROOT / "artefacts" / "age_slider.md"
    out.parent.mkdir(exist_ok=True)
    out.write_text(text)


def steps(ages, card, options, folder: Path) -> dict[str, tuple[float, float]]:
    """Wall and processor time of each step of one upload."""
    settings = card.settings | {"contrast": _contrast(card)}
    film, read = timed(lambda: read_radiograph(options.film))
    prepared, found = timed(lambda: prepare(film, options.bone, settings=settings))
    made, progress = timed(lambda: ages.progress(film, options.bone, model=card.id))
    images = 2 * prepared.film.pixels - 1, 2 * made.reconstruction - 1
    _, judged = timed(lambda: judge(*images, card=card))
    value, pack = timed(lambda: packed(made, folder, weights="", badge=None))
    Path(value["file"]["path"]).unlink()
    whole = tuple(map(sum, zip(read, progress, pack, strict=True)))
    return {
        "read the film": read,
        f"find and straighten the bone ({prepared.how})": found,
        "judge whether the film is known": judged,
        "pack for the browser": pack,
        "from the film's bytes to what the browser gets": whole,
    }


def timed(work):
    """Return a result with its wall and processor seconds."""
    wall, busy = time.perf_counter(), time.process_time()
    result = work()
    return result, (time.perf_counter() - wall, time.process_time() - busy)


def render(card, count: int) -> tuple[float, float]:
    film = np.random.default_rng(0).random((128, 128), np.float32)
    years = np.linspace(0, 19, count)
    return timed(lambda: draw(_weights(card), film, years, sex="F", age=8.0))[1]


if __name__ == "__main__":
    main()

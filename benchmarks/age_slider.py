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

from bonestudio.imaging import read_radiograph
from bonestudio.instruments.age import AgeProgression, _contrast, _weights
from bonestudio.instruments.age_domain import judge
from bonestudio.instruments.age_film import prepare
from bonestudio.instruments.age_frames import draw
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
    card = ages._card(options.bone, options.model)
    lines = [
        f"{card.id}, {options.film.name}, {options.threads} threads, median of {options.runs}, "
        f"load of the machine before the run {os.getloadavg()[0]:.1f}",
        "",
        "| step | seconds |",
        "|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        taken = [steps(ages, card, options, Path(folder)) for _ in range(options.runs + 1)][1:]
    for step in taken[0]:
        lines.append(f"| {step} | {statistics.median(run[step] for run in taken):.3f} |")
    for count in (20, 39, 77, 191):
        seconds = statistics.median(render(card, count) for _ in range(options.runs))
        lines.append(
            f"| {count} ages of a prepared film, encoder and identity included | {seconds:.3f} |"
        )
    text = "\n".join(lines) + "\n"
    print(text)
    out = ROOT / "artefacts" / "age_slider.md"
    out.parent.mkdir(exist_ok=True)
    out.write_text(text)


def steps(ages, card, options, folder: Path) -> dict[str, float]:
    """Time each step of one upload."""
    marks = [time.perf_counter()]
    film = read_radiograph(options.film)
    marks.append(time.perf_counter())
    prepared = prepare(film, options.bone, settings=card.settings | {"contrast": _contrast(card)})
    marks.append(time.perf_counter())
    made = ages.progress(film, options.bone, model=card.id)
    marks.append(time.perf_counter())
    judge(2 * prepared.film.pixels - 1, 2 * made.reconstruction - 1, card=card)
    marks.append(time.perf_counter())
    value = packed(made, folder, weights="", badge=None)
    marks.append(time.perf_counter())
    read, prepare_, progress, judge_, pack = np.diff(marks)
    Path(value["file"]["path"]).unlink()
    return {
        "read the film": read,
        f"find and straighten the bone ({prepared.how})": prepare_,
        f"render {len(made.ages)} ages in one batch": made.seconds,
        "judge whether the film is known": judge_,
        "pack for the browser": pack,
        "from the film's bytes to what the browser gets": read + progress + pack,
    }


def render(card, count: int) -> float:
    film = np.random.default_rng(0).random((128, 128), np.float32)
    return draw(_weights(card), film, np.linspace(0, 19, count), sex="F", age=8.0).seconds


if __name__ == "__main__":
    main()

"""Trains the finder of hand joints on a few hands with boxes and many without.

First on the boxed hands alone, in every pose, zoom and exposure that can be made of them; then on
all hands, where the first finder's confident answers (the mean of several views) stand in for
boxes. Run it as ``python -m bonestudio.cohorts.hand_finder_training FOLDER --out DIR``.
"""

import argparse
import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from bonestudio.checkpoints import Card, Part
from bonestudio.checkpoints.store import save
from bonestudio.cohorts.cohort import existing_folder
from bonestudio.cohorts.hand import JOINTS, plausible
from bonestudio.cohorts.hand_finder import (
    FOUND,
    REDUCED,
    VIEW,
    Frame,
    best_answer,
    frame_of,
    read_maps,
    reduce_film,
    take_views,
)
from bonestudio.cohorts.rsna import RsnaBoneAge
from bonestudio.errors import ImageError
from bonestudio.imaging.reading import read_radiograph
from bonestudio.networks.landmarks import LandmarkNet

TARGET = 1.3  # standard deviation of a joint's target, in cells of the heat map
SURE_LABEL = 0.9
BOXED_SHARE = 0.2  # of each batch, once other hands are used too
Points = NDArray[np.float64]  # [17, 2] x, y in pixels of the reduced film


@dataclass(frozen=True)
class Example:
    """A reduced film and its joints; ``mirror`` where it shows a right hand."""

    film: Tensor
    points: Points
    mirror: bool = False


def boxed_joints(table: Path) -> dict[str, dict[str, list[NDArray[np.float64]]]]:
    """Read joints.csv: film → kind of joint → boxes [xmin, ymin, xmax, ymax], fractions."""
    boxes: dict[str, dict[str, list[NDArray[np.float64]]]] = defaultdict(lambda: defaultdict(list))
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            box = np.array([float(row[side]) for side in ("xmin", "ymin", "xmax", "ymax")])
            boxes[row["id"]][row["joint"]].append(box)
    return boxes


def name_boxes(
    boxes: dict[str, list[NDArray[np.float64]]], shape: tuple[int, int]
) -> dict[str, Points]:
    """Give each box of a left hand its joint's name, [xmin, ymin, xmax, ymax] in pixels.

    Around the wrist, joints follow each other from the thumb to the little finger.
    """
    scale = np.array([shape[1], shape[0], shape[1], shape[0]], np.float64)
    wrist = _centre(boxes["Wrist"][0] * scale)

    def clockwise(box: NDArray[np.float64]) -> float:
        out = _centre(box * scale) - wrist
        return float(np.arctan2(out[0], -out[1]))

    named = {name.lower(): boxes[name][0] * scale for name in ("Wrist", "Radius", "Ulna")}
    for joint in ("DIP", "PIP", "MCP"):
        from_thumb = [box * scale for box in sorted(boxes[joint], key=clockwise, reverse=True)]
        if joint != "DIP":
            named["IP1" if joint == "PIP" else "MCP1"] = from_thumb.pop(0)
        named |= {f"{joint}{f}": box for f, box in zip((2, 3, 4, 5), from_thumb, strict=True)}
    return named


def train_finder(
    network: nn.Module,
    examples: Sequence[Example],
    shares: NDArray[np.float64],
    *,
    steps: int,
    rate: float,
    seed: int = 0,
    batch: int = 8,
) -> None:
    """Train in place; ``shares`` are the chances of each example."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps, pct_start=0.15
    )
    network.train()
    for step in range(1, steps + 1):
        picked = [examples[i] for i in random.choice(len(examples), batch, p=shares / shares.sum())]
        frames = [_any_frame(example, random) for example in picked]
        views = torch.cat([take_views(e.film, [f]) for e, f in zip(picked, frames, strict=True)])
        places = np.stack([f.to_view(e.points) for e, f in zip(picked, frames, strict=True)])
        logits = network(_any_exposure(views, random))
        target, inside = _target(torch.from_numpy(places).float(), logits.shape[-1])
        loss = -(target * logits.flatten(2).log_softmax(-1)).sum(-1)
        loss = (loss * inside).sum() / inside.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == steps:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", flush=True)
    network.eval()


@torch.no_grad()
def label(network: nn.Module, film: Tensor, random: np.random.Generator) -> Example | None:
    """Return the network's own answer over four views, where all four agree that it is sure."""
    points, scores, mirror = best_answer(network, film)
    if scores[:12].min() < FOUND or not plausible(points):
        return None
    around = frame_of(points, mirror=mirror)
    frames = [
        around._replace(
            centre=around.centre + random.uniform(-0.03, 0.03, 2) * around.side,
            angle=around.angle + random.uniform(-0.12, 0.12),
            side=around.side * random.uniform(0.92, 1.08),
        )
        for _ in range(4)
    ]
    views, scores = read_maps(network(take_views(film, frames)))
    if scores[:, :12].min() < SURE_LABEL:
        return None
    mean = np.mean([f.to_film(v) for f, v in zip(frames, views, strict=True)], axis=0)
    return Example(film, mean, mirror)


def _any_frame(example: Example, random: np.random.Generator) -> Frame:
    """Half of the views are close and nearly upright, half as whole films are."""
    near = frame_of(example.points, mirror=example.mirror, margin=1.0)
    if random.random() < 0.5:
        side, turn, shift = random.uniform(1.1, 1.45), random.uniform(-0.2, 0.2), 0.07
    else:
        side, turn = random.uniform(1.1, 2.4), 0.35 * random.normal()
        shift = 0.5 * max(side - 1.05, 0.0)
    moved = near.centre + random.uniform(-shift, shift, 2) * near.side
    return Frame(moved, near.angle + turn, near.side * side, example.mirror)


def _any_exposure(views: Tensor, random: np.random.Generator) -> Tensor:
    """Change gamma and noise; on some, put a marker or the edge of a collimator."""
    views = views.clamp(0, 1)
    for view in views:
        view.pow_(float(np.exp(0.5 * random.normal())))
        view.add_(torch.randn_like(view), alpha=random.uniform(0, 0.02))
        if random.random() < 0.2:
            top, left = random.integers(0, VIEW - 30, 2)
            height, width = random.integers(6, 40, 2)
            view[0, top : top + height, left : left + width] = random.uniform(0, 1)
        elif random.random() < 0.25:
            view[0, : random.integers(0, VIEW)] += random.uniform(-0.2, 0.2)
    return views


def _target(places: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Gaussian over the cells [b, joints, side²] that sums to 1, and whether it lies in the view."""
    cells = (torch.arange(side) + 0.5) / side * 2 - 1
    spread = 2 * (TARGET * 2 / side) ** 2
    columns = torch.exp(-((cells - places[..., 0:1]) ** 2) / spread)
    rows = torch.exp(-((cells - places[..., 1:2]) ** 2) / spread)
    bump = (rows[..., :, None] * columns[..., None, :]).flatten(2)
    mass = bump.sum(-1, keepdim=True)
    return bump / mass.clamp_min(1e-6), mass[..., 0] > 1


def _centre(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre (x, y) of a box of pixel edges, in coordinates whose whole numbers are pixel centres."""
    return np.asarray((box[:2] + box[2:]) / 2 - 0.5)


def boxed_examples(folder: Path, films: dict[str, Path]) -> dict[str, Example]:
    """Films with boxes, by id."""
    table = folder / "joints.csv"
    if not table.is_file():
        raise ImageError(f"The folder '{folder.name}' has no 'joints.csv' with boxes of joints.")
    found = {}
    for film, boxes in boxed_joints(table).items():
        if film not in films:
            continue
        image = read_radiograph(films[film])
        reduced, scale = reduce_film(image.pixels)
        named = name_boxes(boxes, image.shape)
        points = np.stack([(_centre(named[joint]) + 0.5) * scale - 0.5 for joint in JOINTS])
        found[film] = Example(reduced, points)
    return found


def main(words: Sequence[str] | None = None) -> None:
    """Train, and write the checkpoint."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("folder", type=Path, help="hands in the RSNA layout, with joints.csv")
    ask.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    ask.add_argument("--steps", type=int, nargs=2, default=(600, 600), metavar=("BOXED", "ALL"))
    ask.add_argument("--start", type=Path, help="state of a network to start from (safetensors)")
    ask.add_argument(
        "--others", type=int, default=1000, help="hands without boxes to label, at most"
    )
    ask.add_argument("--without", nargs="*", default=(), help="ids of films to leave out")
    ask.add_argument("--seed", type=int, default=0)
    order = ask.parse_args(words)
    folder = existing_folder(order.folder, "the RSNA Bone Age challenge")
    hands = RsnaBoneAge(folder)
    films = {e.name: path for e, path in zip(hands.entries, hands.files, strict=True)}
    films = {name: path for name, path in films.items() if name not in set(order.without)}
    boxed = boxed_examples(folder, films)
    network = LandmarkNet()
    if order.start:
        network.load_state_dict(load_file(order.start))
    examples = list(boxed.values())
    if order.steps[0]:
        even = np.ones(len(examples))
        train_finder(network, examples, even, steps=order.steps[0], rate=3e-3, seed=order.seed)
    if order.steps[1]:
        random = np.random.default_rng(order.seed)
        others = [path for name, path in films.items() if name not in boxed]
        picked = random.permutation(len(others))[: order.others]
        reduced = (reduce_film(read_radiograph(others[i]).pixels)[0] for i in picked)
        network.eval()
        examples += [e for film in reduced if (e := label(network, film, random)) is not None]
        print(f"{len(examples)} of {len(films)} hands are used")
        shares = np.full(len(examples), (1 - BOXED_SHARE) / max(len(examples) - len(boxed), 1))
        shares[: len(boxed)] = BOXED_SHARE / len(boxed)
        train_finder(
            network, examples, shares, steps=order.steps[1], rate=2e-3, seed=order.seed + 1
        )
    save(_card(order.steps, order.seed, len(boxed), len(examples)), {"finder": network}, order.out)


def _card(steps: Sequence[int], seed: int, boxed: int, used: int) -> Card:
    return Card(
        system="cohorts",
        name="hand-landmarks-rsna",
        summary="Finds 17 joints of a hand on a whole film, so that phalanges can be cropped.",
        parts={"finder": Part(architecture="landmarks:LandmarkNet")},
        settings={"view": VIEW, "reduced": REDUCED, "joints": list(JOINTS)},
        trained_on=(
            f"{boxed} hands of the RSNA Bone Age challenge with boxes (razorx89/"
            f"rsna-boneage-ossification-roi-detection, MIT) and {used - boxed} without, labelled by "
            "the network's own first stage"
        ),
        family="rsna",
        recipe="bonestudio.cohorts.hand_finder_training",
        recipe_hash=hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16],
        steps=sum(steps),
        seed=seed,
        hardware="two CPU cores",
        date=date.today().isoformat(),  # noqa: DTZ011 – the day where it was trained
        licence="Trained on RSNA images: academic and non-commercial use",
        citation="Halabi et al., Radiology 2019;290:498-503",
        intended_use="Cropping phalanges from PA films of a hand, for research.",
        limits="Whole hands of children and adolescents; not for diagnosis.",
    )


if __name__ == "__main__":
    main()

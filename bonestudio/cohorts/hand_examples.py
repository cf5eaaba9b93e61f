"""Hands whose joints are known: by boxes, by the finder's own sure answers, or because they are virtual."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bonestudio.cohorts.hand import JOINTS, plausible
from bonestudio.cohorts.hand_finder import (
    FOUND,
    best_answer,
    frame_of,
    read_maps,
    reduce_film,
    take_views,
)
from bonestudio.cohorts.phantoms import Phantoms
from bonestudio.errors import ImageError
from bonestudio.imaging.reading import read_radiograph

SURE_LABEL = 0.9
Points = NDArray[np.float64]  # [17, 2] x, y in pixels of the reduced film, NaN where unknown


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


def phantom_examples(count: int, *, seed: int) -> list[Example]:
    """Virtual hands of 1 to 19 years, whose joints are known; forearm ends are not."""
    examples = []
    for i, phantom in enumerate(
        map(Phantoms("hand", count, seed=seed, ages=(1.0, 19.0)).phantom, range(count))
    ):
        reduced, scale = reduce_film(phantom.image.pixels)
        found = phantom.truth.landmarks
        names = [
            f"{joint[:-1].lower()}_{joint[-1]}" if joint[-1].isdigit() else joint
            for joint in JOINTS
        ]
        places = np.array([found.get(name, (np.nan, np.nan)) for name in names])
        points, mirror = (places[:, ::-1] + 0.5) * scale - 0.5, i % 8 == 7
        if mirror:
            reduced, points = reduced.flip(1), points * [-1, 1] + [reduced.shape[1] - 1, 0]
        examples.append(Example(reduced, points, mirror))
    return examples


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


def _centre(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre (x, y) of a box of pixel edges, in coordinates whose whole numbers are pixel centres."""
    return np.asarray((box[:2] + box[2:]) / 2 - 0.5)

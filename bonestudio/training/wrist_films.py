"""Upright views of phantom wrists, healthy and broken, with the points that wrists are measured by."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio.measures.bones import grouped
from bonestudio.measures.wrist_frame import NotMeasurable, find_end
from bonestudio.measures.wrist_view import POINTS, SEEN, WristView
from bonestudio.phantoms.ordering import orders, random_fracture
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.places import cache
from bonestudio.training.masked_films import code_of_phantoms, render_blocks
from bonestudio.training.order import Rows

BLOCK = 40
MARGIN = 1.35  # how much more than a view is kept, so that it can be turned and moved
FILM = 320  # pixels of the films that views are cut from
ANGLES = {"radial_inclination": (0.0, 40.0), "volar_tilt": (-30.0, 30.0)}  # degrees, asked for
VARIANCES = (-5.0, 5.0)  # mm


class WristFilms:
    """Views with a margin around them.

    A batch: 'view' [n, 1, size, size] float32 in [-1, 1]; 'points' [n, 5, 2] (x, y) from -1 to 1
    on it, NaN where the view does not show them.
    """

    def __init__(self, views: NDArray[np.uint8], points: NDArray[np.float32]) -> None:
        self.views, self.points = torch.from_numpy(views), torch.from_numpy(points)

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: value[0] for name, value in self.batch(np.array([row])).items()}

    def batch(self, rows: Rows) -> dict[str, Tensor]:
        """Return the views of these rows."""
        chosen = torch.from_numpy(rows)
        view = self.views[chosen].unsqueeze(1).float().div_(127.5).sub_(1.0)
        return {"view": view, "points": self.points[chosen]}


def open_wrists(count: int, *, size: int, seed: int = 0) -> WristFilms:
    """Render, or take from the cache, ``count`` patients, each from the front and from the side."""
    folder = cache() / "wrist-views"
    folder.mkdir(parents=True, exist_ok=True)
    kept = round(size * MARGIN / 8) * 8
    code = code_of_phantoms()
    blocks: dict[str, dict[str, Any]] = {}
    for first in range(seed, seed + count, BLOCK):
        many = min(BLOCK, seed + count - first)
        key = f"{first}-{many}-{kept}-{code}"
        file = str(folder / f"{key}.npz")
        blocks[key] = {"first": first, "count": many, "size": kept, "file": file}
    missing = {key: b for key, b in blocks.items() if not Path(b["file"]).is_file()}
    if missing:
        render_blocks(write_block, missing)
    arrays = [np.load(block["file"], allow_pickle=False) for block in blocks.values()]
    return WristFilms(*(np.concatenate([a[name] for a in arrays]) for name in ("views", "points")))


def write_block(block: dict[str, Any]) -> None:
    """Render one block; a wrist whose fracture hides its axis is left out."""
    views, places = [], []
    for order in orders(
        "wrist", block["count"], seed=block["first"], style="natural", ages=(1, 19)
    ):
        patient = VirtualPatient(order.seed, order.sex)
        random = patient.random("training/wrist-angles")
        asked = {name: float(random.uniform(*span)) for name, span in ANGLES.items()}
        asked["ulnar_variance"] = float(random.uniform(*VARIANCES))
        # Half of them keep their own, healthy angles, broken or not.
        options: dict[str, Any] = asked if random.random() < 0.5 else {}
        fracture = random_fracture("wrist", order.seed, order.side) if order.abnormal else None
        for seen in ("PA", "LL"):
            wrist = patient.wrist(seen, fracture=fracture, side=order.side, size=FILM, **options)
            try:
                end = find_end(grouped(wrist.truth.masks), view=seen)
            except NotMeasurable:
                continue
            view = WristView(end, margin=MARGIN)
            views.append(np.rint(view.cut(wrist.image.pixels, block["size"]) * 255))
            marks = np.array([wrist.truth.landmarks[name] for name in POINTS])
            found = view.to_view(marks)
            found[[name not in SEEN[seen] for name in POINTS]] = np.nan
            places.append(found)
    file = Path(block["file"])
    scratch = file.with_suffix(f".{os.getpid()}.npz")
    np.savez(
        scratch,
        views=np.stack(views).astype(np.uint8),
        points=np.stack(places).astype(np.float32),
    )
    scratch.replace(file)

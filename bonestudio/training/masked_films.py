"""Phantom films of hands, wrists and forearms with a mask for every bone, as arrays in memory.

Rendered once, by several processes, and kept in the cache folder in blocks: a killed run goes on.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio import batch, phantoms
from bonestudio.errors import TrainingError
from bonestudio.imaging import clahe
from bonestudio.imaging.types import Radiograph
from bonestudio.measures.bones import BONES, grouped
from bonestudio.metrics.extractors import film_levels
from bonestudio.phantoms.ordering import Order, orders, random_fracture
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.truth import Phantom
from bonestudio.places import cache
from bonestudio.training.order import Rows

BLOCK = 40  # films of a file
VIEWS = {"hand": ("PA",), "wrist": ("PA", "LL", "PA", "OB"), "forearm": ("PA", "LL")}
Levels = NDArray[np.uint8]


class MaskedFilms:
    """Films with the masks of their bones.

    A batch: 'film' and 'clahe' [n, 1, size, size] float32 in [-1, 1] (as rendered, and after
    contrast-limited equalisation), 'masks' [n, bones, size, size] 0 or 1, in the order of BONES.
    """

    def __init__(self, films: Levels, equalised: Levels, bits: Levels) -> None:
        self.films, self.equalised, self.bits = map(torch.from_numpy, (films, equalised, bits))

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        return {name: value[0] for name, value in self.batch(np.array([row])).items()}

    def batch(self, rows: Rows) -> dict[str, Tensor]:
        """Return the films of these rows."""
        chosen = torch.from_numpy(rows)
        shifts = torch.arange(len(BONES), dtype=torch.uint8).view(1, -1, 1, 1)
        masks = self.bits[chosen].unsqueeze(1).bitwise_right_shift(shifts) & 1
        return {
            "film": _unit(self.films[chosen]),
            "clahe": _unit(self.equalised[chosen]),
            "masks": masks.float(),
        }


def open_masked(
    kinds: Mapping[str, int], *, size: int, seed: int = 0, style: str = "natural"
) -> MaskedFilms:
    """Render, or take from the cache, so many patients of each kind ('hand', 'wrist', 'forearm')."""
    unknown = sorted(set(kinds) - set(VIEWS))
    if unknown or not any(kinds.values()):
        raise TrainingError(
            f"Masks are learned from phantoms of {', '.join(VIEWS)}, not {unknown or 'none'}."
        )
    folder = cache() / "masked-films"
    folder.mkdir(parents=True, exist_ok=True)
    code = code_of_phantoms()
    blocks: dict[str, dict[str, Any]] = {}
    for kind, count in kinds.items():
        for first in range(seed, seed + count, BLOCK):
            many = min(BLOCK, seed + count - first)
            key = f"{kind}-{style}-{size}-{first}-{many}-{code}"
            blocks[key] = {
                "kind": kind, "first": first, "count": many, "size": size, "style": style,
                "file": str(folder / f"{key}.npy"),
            }  # fmt: skip
    missing = {key: block for key, block in blocks.items() if not Path(block["file"]).is_file()}
    if missing:
        render_blocks(write_block, missing)
    arrays = [np.load(block["file"], allow_pickle=False) for block in blocks.values()]
    films, equalised, bits = (np.concatenate([a[:, i] for a in arrays]) for i in range(3))
    return MaskedFilms(films, equalised, bits)


def only_phantoms(source: str) -> None:
    """Refuse films of which nobody knows the masks."""
    if source != "phantom":
        raise TrainingError("Masks are known of virtual patients alone; say --data phantom.")


def render_blocks(write: Callable[[Any], None], blocks: Mapping[str, Any]) -> None:
    """Write blocks, by several processes where there are several."""
    if len(blocks) == 1:
        usual = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)  # as in a process of its own
        try:
            write(*blocks.values())
        finally:
            torch.set_default_dtype(usual)
        return
    for outcome in batch.run(write, blocks):
        if outcome.error:
            raise TrainingError(outcome.error)


def write_block(block: dict[str, Any]) -> None:
    """Render one block: [n, 3, size, size] uint8 (film, equalised film, bits of BONES)."""
    asked = orders(
        block["kind"], block["count"], seed=block["first"], style=block["style"], ages=(1.0, 19.0)
    )
    pictures = []
    for order in asked:
        phantom = render_masked(order, block["size"])
        film = phantom.image
        bones = grouped(phantom.truth.masks)
        bits = np.zeros(film.shape, np.uint8)
        for i, bone in enumerate(BONES):
            if bone in bones:
                bits |= bones[bone].astype(np.uint8) << np.uint8(i)
        pictures.append(
            np.stack(
                [
                    film_levels(film.pixels, block["size"]),
                    film_levels(clahe(film).pixels, block["size"]),
                    _squared(bits),
                ]
            )
        )
    file = Path(block["file"])
    scratch = file.with_suffix(f".{os.getpid()}.npy")  # two runs may render the same at once
    np.save(scratch, np.stack(pictures))
    scratch.replace(file)


def render_masked(order: Order, size: int) -> Phantom[Radiograph]:
    """One film, ``size`` pixels high; views take turns, fractures come as the order says."""
    patient = VirtualPatient(order.seed, order.sex)
    style: Any = order.style
    if order.kind == "hand":
        assert order.age is not None  # noqa: S101 – orders of hands have one
        return patient.hand(order.age, style=style, height=size)
    views = VIEWS[order.kind]
    fracture = random_fracture(order.kind, order.seed, order.side) if order.abnormal else None
    arm = patient.wrist if order.kind == "wrist" else patient.forearm
    view = views[order.seed // 4 % len(views)]
    return arm(view, fracture=fracture, style=style, side=order.side, size=size)


def _squared(bits: Levels) -> Levels:
    """Pad [height, width] to a square, as film_levels pads."""
    height, width = bits.shape
    side = max(height, width)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = bits
    return square


def _unit(levels: Tensor) -> Tensor:
    return levels.unsqueeze(1).float().div_(127.5).sub_(1.0)


def code_of_phantoms() -> str:
    """Name what films depend on besides their order: the code that renders them."""
    key = hashlib.sha256()
    for code in sorted(Path(phantoms.__path__[0]).glob("*.py")):
        key.update(code.read_bytes())
    return key.hexdigest()[:12]

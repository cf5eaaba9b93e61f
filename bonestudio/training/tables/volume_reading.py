"""What experts read to validate realism scores (paper 003, section 4.5): drawn volumes, and their scores.

``bonestudio study create --kind grading`` has them graded blind from 1 to 5; its report draws figure 8.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError, StorageError
from bonestudio.instruments.volume.cards import TRUNCATION
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.metrics.manifolds import realism
from bonestudio.training.tables.volumes import Judge, extractors_of_stacks, stacks_of
from bonestudio.training.volume_gan import Stacks, open_stacks

COUNT = 64  # as the paper's experts were shown
PLACES = (0.25, 0.5, 0.75)
"""Where the three axial slices of a picture lie, as shares of the stack."""
ENLARGED = 3


def write_reading(
    folder: Path, *, models: Sequence[str], data: str, references: int, seed: int
) -> list[Path]:
    """Write pictures of ``COUNT`` drawn volumes and scores.csv, a realism score for each extractor.

    Drawn by the first of ``models``, or by 3D-ProGAN, as the paper's were. The pictures are numbered in
    an order that tells nothing; truncation is left at the editor's own.
    """
    if folder.exists() and any(folder.iterdir()):
        raise RequestError(f"{folder} is not empty; name a new folder for what experts will read.")
    cards = [c.id for c in VolumeEditor.models()]
    chosen = [*models, *(name for name in cards if "progan" in name), *cards]
    editor = VolumeEditor(chosen[0] if chosen else None)
    m = editor.model
    learned, _ = open_stacks(Stacks(source=data), shape=m.shape, window=m.window)
    real = stacks_of(learned, references, m.window)
    cut = TRUNCATION[m.kind]
    drawn = np.stack(
        [editor.draw(editor.sample(seed=seed + i, truncation=cut)).voxels for i in range(COUNT)]
    )
    drawn = drawn[np.random.default_rng(seed).permutation(COUNT)]
    scores = {}
    for extractor in extractors_of_stacks():
        judge = Judge(extractor=extractor, window=m.window)
        a, b = judge.features(real, seed), judge.features(drawn, seed)
        told = realism(a, b)
        # Two slices stand for a stack (FID_inc): the mean of their scores.
        scores[f"realism {judge.name}"] = told.view(COUNT, -1).mean(1).tolist()
    return [*_pictures(folder, drawn, m.window), _table(folder / "scores.csv", scores)]


def _pictures(folder: Path, drawn: NDArray[np.float32], window: tuple[float, float]) -> list[Path]:
    from bonestudio.instruments.lightbox.scans import pixels_to_png

    folder.mkdir(parents=True, exist_ok=True)
    low, high = window
    files = []
    for number, stack in enumerate(drawn):
        slices = [stack[round(place * (len(stack) - 1))] for place in PLACES]
        row = np.concatenate(slices, axis=1).repeat(ENLARGED, 0).repeat(ENLARGED, 1)
        levels = (((row - low) / (high - low)).clip(0, 1) * 255).astype(np.uint8)
        files.append(pixels_to_png(levels, folder / _name(number)))
    return files


def _table(path: Path, scores: dict[str, list[float]]) -> Path:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["file", *scores])
            for number, row in enumerate(zip(*scores.values(), strict=True)):
                rows.writerow([_name(number), *(f"{score:.4f}" for score in row)])
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _name(number: int) -> str:
    return f"volume-{number + 1:02d}.png"

"""Paper 003, table 1: FID, precision, recall and realism of drawn stacks, extractor by extractor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio.checkpoints import cards
from bonestudio.errors import CheckpointError, RequestError
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.metrics.distributions import frechet_distance
from bonestudio.metrics.extractors import INCEPTION, Extractor, extractor_names, find_extractor
from bonestudio.metrics.manifolds import manifold_scores, realism
from bonestudio.training.films import Films
from bonestudio.training.tables.likeness import drawn, halves
from bonestudio.training.tables.table import Cell, Table
from bonestudio.training.volume_gan import Stacks, open_stacks

TRUNCATIONS = {"3D-ProGAN": (5.0, 1.8), "3D-StyleGAN": (1.0, 0.8)}  # of table 1
RESAMPLES = 20
LEAST = 16
# Paper 003, table 1: network, truncation, c_c, c_g; FID_inc, FID_res, FID_vgs, precision, recall.
PAPER: tuple[tuple[str, float, float, float, float, float, float], ...] = (
    ("3D-ProGAN, c 20/20", 5, 21.59, 0.040, 0.219, 0.95, 0.86),
    ("3D-ProGAN, c 20/20", 1.8, 23.31, 0.259, 0.274, 0.97, 0.82),
    ("3D-StyleGAN, c 16/20", 1, 26.32, 0.290, 0.151, 0.93, 0.85),
    ("3D-StyleGAN, c 16/20", 0.8, 28.99, 1.343, 0.258, 0.98, 0.78),
)


@dataclass(frozen=True, kw_only=True)
class Judge:
    """An extractor and how it is shown stacks: whole, or two axial slices of each (FID_inc)."""

    extractor: Extractor
    window: tuple[float, float]

    @property
    def name(self) -> str:
        """What its columns are called."""
        return f"{self.extractor}" + ("" if self.extractor.dims == 3 else ", two slices")

    def features(self, stacks: NDArray[np.float32], seed: int) -> Tensor:
        """Describe stacks [n, slices, rows, columns] in mg HA/cm³."""
        if self.extractor.dims == 3:
            return self.extractor.features(stacks, batch=8)
        random = np.random.default_rng(seed)
        low, high = self.window
        chosen = [stack[random.choice(len(stack), 2, replace=False)] for stack in stacks]
        slices = ((np.concatenate(chosen) - low) / (high - low)).clip(0, 1)
        return self.extractor.features(list(slices.astype(np.float32)), batch=16)


def volumes_table(
    *, models: Sequence[str] = (), data: str = "phantom", count: int, seed: int
) -> Table:
    """Score each generator's stacks at the paper's two truncations against real ones.

    Real stacks are those that generators learn from, called virtual where they are phantoms'; held-out
    ones and two halves of them are scored beside them.
    """
    if count < LEAST:
        raise RequestError(f"At least {LEAST} stacks of each side are compared, not {count}.")
    editors = [VolumeEditor(name) for name in models or [c.id for c in VolumeEditor.models()]]
    if not editors:
        VolumeEditor().card  # noqa: B018 - says that there are no weights
    columns: list[str] = []
    rows: list[list[Cell]] = []
    judges: list[Judge] = []
    kind = kind_of_stacks(data)
    real: NDArray[np.float32] | None = None
    for editor in editors:
        m = editor.model
        learned, held_out = open_stacks(Stacks(source=data), shape=m.shape, window=m.window)
        judges = [Judge(extractor=one, window=m.window) for one in extractors_of_stacks()]
        real = stacks_of(learned, count, m.window)
        seen = [judge.features(real, seed) for judge in judges]
        if not rows:
            columns = _columns(judges)
            rows += _floors(judges, seen, stacks_of(held_out, count, m.window), seed, kind)
        for truncation in TRUNCATIONS[m.kind]:
            made = np.stack(
                [
                    editor.draw(editor.sample(seed=seed + i, truncation=truncation)).voxels
                    for i in range(len(real))
                ]
            )
            told = [judge.features(made, seed) for judge in judges]
            row: list[Cell] = [f"{m.kind}, {editor.card.name}", truncation, len(made)]
            rows.append(row + _scores(seen, told, seed))
    blank: list[Cell] = [None] * (len(columns) - 3)
    plotted = [name for name in columns if name.startswith("FID") or name == "recall"]
    return Table(
        name="volumes",
        title=f"Drawn HR-pQCT stacks against {kind} ones (paper 003, table 1)",
        columns=[*columns, "FID inc, res, vgs | precision, recall, as printed"],
        rows=[[*row, None] for row in rows]
        + [[what, tr, None, *blank, _printed(scores)] for what, tr, *scores in PAPER],
        plotted=plotted,
        labels=2,
        notes=[
            f"{kind.capitalize()}: {data}, {0 if real is None else len(real)} stacks that generators learn from; seed {seed}.",
            "Scores of another extractor or other weights are not comparable, nor are those printed.",
            "FID grows as stacks grow fewer: 'two halves' is its floor at half N, 'held out' at its own N.",
            "Intervals: 1.96 standard deviations over 20 random halves.",
            "Precision, recall and realism (mean; 1 is the manifold's edge) are those of the first extractor.",
        ],
    )


def kind_of_stacks(data: str) -> str:
    """Say whose stacks are scored against: those of virtual patients are not called real."""
    return "virtual" if data == "phantom" else "real"


def extractors_of_stacks() -> list[Extractor]:
    """Every extractor of stacks that is here, and Inception-v3 where its file is given."""
    three = [c.name for c in cards("extractors") if _of_stacks(c)]
    names = three + ([INCEPTION] if INCEPTION in extractor_names() else [])
    if not three:
        raise CheckpointError("There is no extractor of stacks here, such as bone3d-phantom.")
    return [find_extractor(name) for name in names]


def _of_stacks(card: Any) -> bool:
    return "extractor" in card.parts and card.parts["extractor"].config.get("dims") == 3


def stacks_of(films: Films, count: int, window: tuple[float, float]) -> NDArray[np.float32]:
    """Return the first stacks [n, slices, rows, columns] in mg HA/cm³."""
    low, high = window
    some = torch.cat([films[i] for i in range(min(count, len(films)))])
    stacks: NDArray[np.float32] = ((some + 1.0) / 2.0 * (high - low) + low).numpy()
    return stacks


def _columns(judges: list[Judge]) -> list[str]:
    shares = ["precision", "recall", "realism"]
    return ["stacks", "truncation", "N", *(f"FID {judge.name}" for judge in judges), *shares]


def _floors(
    judges: list[Judge], seen: list[Tensor], held_out: NDArray[np.float32], seed: int, kind: str
) -> list[list[Cell]]:
    """Two halves of the real or virtual stacks, and those that were held out."""
    split = [halves(features, seed) for features in seen]
    first, second = [a for a, _ in split], [b for _, b in split]
    rows: list[list[Cell]] = [
        [f"{kind}, two halves", None, len(second[0]), *_scores(first, second, seed)]
    ]
    if len(held_out) >= LEAST:
        told = [judge.features(held_out, seed) for judge in judges]
        rows.append([f"{kind}, held out", None, len(held_out), *_scores(seen, told, seed)])
    return rows


def _scores(real: list[Tensor], made: list[Tensor], seed: int) -> list[Cell]:
    cells: list[Cell] = []
    for a, b in zip(real, made, strict=True):
        fid = frechet_distance(a, b)
        spread = torch.tensor(
            [frechet_distance(drawn(a, seed + i), drawn(b, seed - i - 1)) for i in range(RESAMPLES)]
        )
        reach = 1.96 * float(spread.std())
        cells.append((fid, max(0.0, fid - reach), fid + reach))
    shares = manifold_scores(real[0], made[0])
    return [*cells, shares.precision, shares.recall, float(realism(real[0], made[0]).mean())]


def _printed(scores: Sequence[float]) -> str:
    inc, res, vgs, precision, recall = scores
    return f"{inc}, {res}, {vgs} | {precision}, {recall}"

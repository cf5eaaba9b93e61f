"""Paper 003, sections 3.5 to 4.4, in numbers: inversion, morphs and directions on held-out stacks."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Volume
from bonestudio.instruments.volume.codes import Code
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.instruments.volume.measures import UNITS
from bonestudio.instruments.volume.scan import Prepared
from bonestudio.metrics.images import psnr, ssim
from bonestudio.training.tables.table import Cell, Table
from bonestudio.training.volume_gan import Stacks, open_stacks

SHARES = tuple(k / 8 for k in range(9))
AMOUNTS = (-2.0, -1.0, 0.0, 1.0, 2.0)


def editing_tables(
    model: str | None, *, data: str, count: int, updates: int, morphs: int
) -> tuple[Table, ...]:
    """Invert ``count`` held-out stacks; morph and edit the first ``morphs`` of what was found."""
    if count < 2 or morphs < 1:
        raise RequestError("Give at least two stacks to invert, and one to morph.")
    editor = VolumeEditor(model)
    m = editor.model
    _, held_out = open_stacks(Stacks(source=data), shape=m.shape, window=m.window)
    low, high = m.window
    chosen = torch.cat([held_out[i] for i in range(min(count, len(held_out)))])
    scans = ((chosen + 1.0) / 2.0 * (high - low) + low).numpy()
    inverted, codes = _inversions(editor, scans, updates)
    tables = [inverted, _morphs(editor, codes[: morphs + 1])]
    if any(way.kind == "attribute" for way in editor.directions()):
        tables.append(_directions(editor, codes[:morphs]))
    return tuple(tables)


def _inversions(
    editor: VolumeEditor, scans: NDArray[np.float32], updates: int
) -> tuple[Table, list[Code]]:
    """PSNR, SSIM and error within the window, of the first guess, and after the updates of equation 7 or 10."""
    ways: dict[str, tuple[int, float | None]] = {
        "first guess": (0, None),
        f"+ {updates} updates, the paper's objective": (updates, None),
    }
    if editor.model.kind == "3D-StyleGAN":  # equation 10 looks at features alone
        ways[f"+ {updates} updates, voxels as well"] = (updates, 5.0)
    rows: list[list[Cell]] = []
    codes: list[Code] = []
    guess = ""
    for name, (count, voxels) in ways.items():
        *_, last = editor.invert(_side_by_side(editor, scans), updates=count, voxels=voxels)
        guess = last.guess
        codes = [replace(last.code, values=one[None], starts=(0,)) for one in last.code.values]
        scores = [
            _likeness(editor, editor.draw(code).voxels, scan)
            for code, scan in zip(codes, scans, strict=True)
        ]
        cells: list[Cell] = [_interval(column) for column in np.asarray(scores).T]
        rows.append([name, len(scans), *cells])
    table = Table(
        name=f"inversion-{editor.card.name}",
        title=f"Inversion of held-out stacks by {editor.card.id} (paper 003, section 3.5)",
        columns=["code", "N", "PSNR dB", "SSIM", "RMSE mg HA/cm³"],
        rows=rows,
        plotted=["PSNR dB", "SSIM"],
        notes=[
            f"First guess: {'the encoder' if guess == 'encoder' else 'the mean code; no encoder is here'}.",
            f"Peak: the window {editor.model.window} mg HA/cm³; SSIM slice by slice. Intervals: 1.96 standard errors.",
        ],
    )
    return table, codes


def _side_by_side(editor: VolumeEditor, scans: NDArray[np.float32]) -> Prepared:
    """Many stacks for one inversion, as if they were those of one long scan: each finds a code of its own.

    Two at a time cost what one costs; which of the updates is the best is said of their mean.
    """
    low, high = editor.model.window
    length = scans.shape[1]
    whole = Volume(
        voxels=np.concatenate(scans), spacing=(editor.model.spacing,) * 3, unit="mg HA/cm³"
    )
    return Prepared(
        volume=whole,
        stacks=((scans - low) / (high - low)).clip(0, 1).astype(np.float32),
        starts=tuple(length * k for k in range(len(scans))),
        box=tuple((0, n) for n in whole.shape),
    )


def _morphs(editor: VolumeEditor, codes: Sequence[Code]) -> Table:
    """Largest step against the mean step of each attribute, on morphs of eight steps."""
    ratios: dict[str, list[float]] = {name: [] for name in UNITS}
    for a, b in pairwise(codes):
        found = [editor.found(editor.morph(a, b, share))[0].values for share in SHARES]
        if not all(found):
            continue
        for name, kept in ratios.items():
            steps = np.abs(np.diff([one[name] for one in found]))
            if steps.mean() > 1e-9:
                kept.append(float(steps.max() / steps.mean()))
    rows: list[list[Cell]] = [
        [name, len(kept), _interval(np.asarray(kept)) if kept else None]
        for name, kept in ratios.items()
    ]
    return Table(
        name=f"morphs-{editor.card.name}",
        title=f"How smoothly morphs of {editor.card.id} change (paper 003, section 4.2)",
        columns=["attribute", "N", "largest step / mean step"],
        rows=rows,
        plotted=["largest step / mean step"],
        notes=[
            f"Morphs between inverted held-out stacks in {len(SHARES) - 1} equal steps.",
            f"1 is a straight line, {len(SHARES) - 1} a single jump.",
        ],
    )


def _directions(editor: VolumeEditor, codes: Sequence[Code]) -> Table:
    """Whether the named attribute rises with α, by how much, and how far the others drift."""
    rows: list[list[Cell]] = []
    for way in [one for one in editor.directions() if one.kind == "attribute"]:
        scales = editor.spreads()
        rising, change, drift = [], [], []
        for code in codes:
            found = [
                editor.found(editor.edit(code, way.name, amount))[0].values for amount in AMOUNTS
            ]
            if not all(found):
                continue
            steps = np.diff([one[way.name] for one in found])
            rising.append(float((steps > 0).mean()))
            reach = AMOUNTS[-1] - AMOUNTS[0]
            slopes = {n: (found[-1][n] - found[0][n]) / reach for n in UNITS}
            change.append(slopes[way.name])
            others = [abs(slopes[n]) / scales[n] for n in UNITS if n != way.name]
            own = abs(slopes[way.name]) / scales[way.name]
            drift.append(float(np.mean(others)) / max(own, 1e-9))
        if rising:
            predicted = way.slope[way.name]
            cells: list[Cell] = [float(np.mean(rising)), _interval(np.asarray(change)), predicted]
            rows.append([way.name, UNITS[way.name], len(rising), *cells, float(np.median(drift))])
    return Table(
        name=f"directions-{editor.card.name}",
        title=f"Directions of attributes in the codes of {editor.card.id}",
        columns=["attribute", "unit", "N", "rising steps", "change per α", "predicted", "drift"],
        rows=rows,
        plotted=["rising steps", "drift"],
        notes=[
            f"Inverted held-out stacks edited at α {', '.join(f'{a:g}' for a in AMOUNTS)}, measured on the result.",
            "Drift: mean change of the other attributes against the named one's (median over stacks).",
            "Drift is in standard deviations over random volumes; nothing was asked to be kept.",
        ],
    )


def _likeness(
    editor: VolumeEditor, drawn: NDArray[np.float32], scan: NDArray[np.float32]
) -> list[float]:
    low, high = editor.model.window
    a, b = (((v - low) / (high - low)).clip(0, 1) for v in (drawn, scan))
    slices = [ssim(one, other) for one, other in zip(a, b, strict=True)]
    return [
        psnr(a, b),
        float(np.mean(slices)),
        float(np.sqrt(np.square(a - b).mean())) * (high - low),
    ]


def _interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    mean = float(np.mean(values))
    reach = 1.96 * float(np.std(values)) / max(1, len(values)) ** 0.5
    return mean, mean - reach, mean + reach

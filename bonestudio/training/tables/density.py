"""Paper 004, table 1: density from hip radiographs after each pretraining, the paper's numbers beside."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bonestudio.checkpoints import available, cards
from bonestudio.errors import RequestError
from bonestudio.metrics.agreement import bland_altman, icc, pearson
from bonestudio.training.hips import Hips
from bonestudio.training.tables.density_runs import CHAINS, PEAK, Judged, judge, trained
from bonestudio.training.tables.table import Cell, Table

COLUMNS = (
    "pretraining", "whose", "size", "folds", "N", "PCC", "ICC", "mAE, g/cm²", "PSNR, dB", "SSIM",
    "PSNR_roi, dB", "SSIM_roi", "in the 90 % interval",
)  # fmt: skip
PAPER: dict[tuple[str, int], tuple[float, ...]] = {
    # PCC, ICC, mAE, mPSNR, PSNR_roi, SSIM_roi (mSSIM is not printed)
    ("none", 256): (0.820, 0.812, 0.069, 39.9, 28.6, 0.887),
    ("sr", 256): (0.845, 0.842, 0.062, 40.2, 28.9, 0.890),
    ("mp", 256): (0.869, 0.864, 0.056, 40.7, 29.4, 0.894),
    ("ps", 256): (0.856, 0.825, 0.067, 40.6, 29.3, 0.892),
    ("sc", 256): (0.811, 0.797, 0.066, 40.3, 29.0, 0.890),
    ("pac", 256): (0.827, 0.814, 0.064, 40.4, 29.0, 0.892),
    ("poc", 256): (0.823, 0.779, 0.074, 40.4, 29.1, 0.891),
    ("pc", 256): (0.804, 0.797, 0.071, 40.2, 28.9, 0.892),
    ("pi", 256): (0.822, 0.811, 0.067, 40.4, 29.0, 0.892),
    ("bd", 256): (0.886, 0.876, 0.053, 40.9, 29.6, 0.897),
    ("mp-bd", 256): (0.898, 0.886, 0.049, 41.3, 29.9, 0.898),
    ("none", 512): (0.827, 0.758, 0.079, 41.2, 29.9, 0.920),
    ("bd", 512): (0.905, 0.892, 0.049, 42.3, 30.9, 0.926),
    ("mp-bd", 512): (0.917, 0.909, 0.044, 42.3, 30.9, 0.925),
    ("none", 1024): (0.878, 0.869, 0.054, 41.1, 29.7, 0.920),
    ("mp-bd", 1024): (0.923, 0.914, 0.043, 42.3, 31.0, 0.928),
}


def density_table(
    *,
    data: Hips,
    rows: Sequence[str],
    scale: str,
    folds: Sequence[int],
    overrides: Sequence[str],
    out: Path,
) -> tuple[Table, dict[str, list[Judged]]]:
    """Judge models: of ``rows``, trained where they are not there, or those that are here already."""
    unknown = [row for row in rows if row not in CHAINS]
    if unknown:
        raise RequestError(f"A row is one of {', '.join(CHAINS)}, not '{unknown[0]}'.")
    if rows:
        judged = {
            row: [
                trained(row, scale, data, fold, overrides=overrides, out=out / f"density-{scale}")
                for fold in folds
            ]
            for row in rows
        }
    else:
        found = [c.id for c in cards("density") if "generator" in c.parts and available(c.id)]
        if not found:
            raise RequestError(
                "No model of density is here; name rows to be trained: --rows none bd."
            )
        judged = {_row_of(name): [judge(name, data)] for name in found}
    lines = [_ours(row, runs) for row, runs in judged.items()]
    lines += [_papers(row, size) for row, size in PAPER]
    every = [run for runs in judged.values() for run in runs]
    table = Table(
        name="density",
        title="Density of the proximal femur from radiographs (paper 004, table 1)",
        columns=COLUMNS,
        rows=lines,
        plotted=["PCC", "ICC", "mAE, g/cm²", "PSNR_roi, dB", "SSIM_roi"],
        notes=[
            *(_note(run) for run in every),
            f"PSNR and SSIM take {PEAK:g} g/cm² for the brightest; the paper does not tell its own.",
            "Patients as they are, held out by patient; pretraining has not seen them either.",
            "Virtual patients: what a network reads from idealised films; no claim beyond that."
            if data.source == "phantom"
            else "Own patients.",
        ],
        labels=3,
    )
    return table, judged


def _row_of(checkpoint: str) -> str:
    """Name the row of a checkpoint: 'density/map-mp-bd-quick' is 'mp-bd'."""
    name = checkpoint.rpartition("/")[2].removeprefix("map-").rpartition("-")[0]
    return name if name in CHAINS else checkpoint


def _ours(row: str, runs: Sequence[Judged]) -> list[Cell]:
    true, found = (
        np.concatenate([getattr(run, name) for run in runs]) for name in ("true", "found")
    )
    likeness = [
        float(np.concatenate([run.likeness[name] for run in runs]).mean())
        for name in ("PSNR", "SSIM", "PSNR_roi", "SSIM_roi")
    ]
    inside = np.concatenate([run.inside for run in runs])
    known = np.isfinite(true) & np.isfinite(found)
    true, found = true[known], found[known]
    enough = len(true) > 2 and float(np.std(found)) > 0
    return [
        row, "here", str(runs[0].card.settings["size"]), ", ".join(str(run.fold) for run in runs), len(known),
        pearson(found, true) if enough else None, icc(np.stack([found, true], 1)) if enough else None,
        float(np.abs(found - true).mean()) if len(true) else None, *likeness, float(inside.mean()),
    ]  # fmt: skip


def _papers(row: str, size: int) -> list[Cell]:
    pcc, agreement, error, whole, roi, alike = PAPER[row, size]
    return [
        row, "paper 004", str(size), "0, 1, 2, 3", 2656, pcc, agreement, error, whole, None, roi, alike, None,
    ]  # fmt: skip


def _note(run: Judged) -> str:
    """Bland-Altman and coverage of one fold."""
    known = np.isfinite(run.true) & np.isfinite(run.found)
    if known.sum() < 2:
        return f"{run.card.id}, fold {run.fold}: too few films show a femur."
    limits = bland_altman(run.found[known], run.true[known])
    return (
        f"{run.card.id}, fold {run.fold}: bias {limits.bias:+.3f}, limits of agreement "
        f"{limits.lower:+.3f} to {limits.upper:+.3f} g/cm²; {run.inside.mean():.1%} of {len(run.inside)} in the "
        f"90 % interval; seed {run.card.seed}, {run.card.steps} steps."
    )

"""How estimated densities agree with true ones: Bland-Altman, and whether intervals hold what they promise."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bonestudio.errors import StorageError, TrainingError
from bonestudio.metrics.agreement import bland_altman
from bonestudio.training.tables.density_runs import Judged

LEVELS = np.arange(0.1, 0.96, 0.05)


def write_plots(judged: Mapping[str, Sequence[Judged]], out: Path) -> Path:
    """Draw for each row: estimate against truth, Bland-Altman, calibration of the interval."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TrainingError(
            "Plots of tables need matplotlib: pip install 'bonestudio[study]'."
        ) from error
    figure = Figure(figsize=(12, 3.6 * len(judged)), layout="constrained")
    panels = figure.subplots(len(judged), 3, squeeze=False)
    for (row, runs), (against, apart, kept) in zip(judged.items(), panels, strict=True):
        for run in runs:
            known = np.isfinite(run.true) & np.isfinite(run.found)
            true, found = run.true[known], run.found[known]
            name = f"fold {run.fold}"
            against.scatter(true, found, s=9, alpha=0.6, label=name)
            apart.scatter((true + found) / 2, found - true, s=9, alpha=0.6, label=name)
            if len(true) > 1:
                limits = bland_altman(found, true)
                for value, style in (
                    (limits.bias, "-"),
                    (limits.lower, "--"),
                    (limits.upper, "--"),
                ):
                    apart.axhline(value, color="#666666", linestyle=style, linewidth=0.8)
            kept.plot(
                LEVELS, [coverage(run, level) for level in LEVELS], marker="o", ms=3, label=name
            )
        ends = [min(run.true.min() for run in runs), max(run.true.max() for run in runs)]
        against.plot(ends, ends, color="#666666", linewidth=0.8)
        kept.plot([0, 1], [0, 1], color="#666666", linewidth=0.8)
        against.set(title=row, xlabel="true, g/cm²", ylabel="estimated, g/cm²")
        apart.set(title="Bland-Altman", xlabel="mean of both, g/cm²", ylabel="estimated − true")
        kept.set(title="calibration", xlabel="promised share", ylabel="held-out patients inside")
        kept.legend(fontsize=8)
    path = out / "density-agreement.png"
    try:
        out.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise StorageError(f"The plot cannot be written to {out}: {error.strerror}.") from error
    return path


def coverage(run: Judged, level: float) -> float:
    """Share of held-out films whose truth lies within the card's errors of this level."""
    errors = np.abs(run.card.settings.get("errors", {}).get("bmd") or [np.nan])
    half = float(np.quantile(errors, level))
    known = np.isfinite(run.true) & np.isfinite(run.found)
    apart = np.abs(run.true - run.found)[known]
    return float((apart <= half).mean()) if len(apart) else float("nan")

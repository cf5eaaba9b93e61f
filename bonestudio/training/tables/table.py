"""A table of results, and how it is written: Markdown, CSV and a plot."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bonestudio.errors import StorageError, TrainingError

Cell = str | int | float | tuple[float, float, float] | None
"""A text, a number, a value with its 95 % interval, or nothing."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under columns; ``plotted`` names the columns of the plot, ``notes`` say how to read it.

    The first ``labels`` columns name a row in the plot. With ``along`` (a column of numbers) the plot
    has lines along it instead of bars, one for each text in the column after it.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    plotted: Sequence[str]
    notes: Sequence[str]
    labels: int = 1
    along: str | None = None

    @staticmethod
    def shown(cell: Cell) -> str:
        """Return a cell as a person reads it."""
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return "–"
        if isinstance(cell, tuple):
            return f"{cell[0]:.3g} [{cell[1]:.3g}, {cell[2]:.3g}]"
        return f"{cell:.4g}" if isinstance(cell, float) else str(cell)

    def told(self) -> dict[str, Any]:
        """Return the table as plain data."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        for row in rows:
            for key, cell in row.items():
                if isinstance(cell, float) and math.isnan(cell):
                    row[key] = None
        return {"name": self.name, "title": self.title, "rows": rows, "notes": list(self.notes)}


def write_table(table: Table, out: Path) -> list[Path]:
    """Write <name>.md, .csv and .png into ``out``."""
    files = [out / f"{table.name}.{ending}" for ending in ("md", "csv", "png")]
    try:
        out.mkdir(parents=True, exist_ok=True)
        files[0].write_text(_markdown(table), encoding="utf-8")
        _write_csv(table, files[1])
        _plot(table, files[2])
    except OSError as error:
        raise StorageError(f"The table cannot be written to {out}: {error.strerror}.") from error
    return files


def _markdown(table: Table) -> str:
    lines = [f"# {table.title}", "", f"| {' | '.join(table.columns)} |"]
    lines.append("|" + "---|" * len(table.columns))
    lines += [f"| {' | '.join(table.shown(cell) for cell in row)} |" for row in table.rows]
    lines += ["", *(f"- {note}" for note in table.notes), "- Research use, not for diagnosis."]
    return "\n".join(lines) + "\n"


def _write_csv(table: Table, path: Path) -> None:
    """One column a number; an interval has two more, '… low' and '… high'."""
    wide = [any(isinstance(row[i], tuple) for row in table.rows) for i in range(len(table.columns))]
    header = []
    for name, three in zip(table.columns, wide, strict=True):
        header += [name, f"{name} low", f"{name} high"] if three else [name]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for row in table.rows:
            cells: list[Any] = []
            for cell, three in zip(row, wide, strict=True):
                empty = cell is None or (isinstance(cell, float) and math.isnan(cell))
                value = "" if empty else cell
                cells += list(value) if isinstance(value, tuple) else [value]
                if three and not isinstance(value, tuple):
                    cells += ["", ""]
            writer.writerow(cells)


def _plot(table: Table, path: Path) -> None:
    """Draw a panel of bars for each plotted column: rows without a value are left out."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TrainingError(
            "Plots of tables need matplotlib: pip install 'bonestudio[study]'."
        ) from error
    if table.along is not None:
        _plot_lines(table, Figure, path)
        return
    names = [name for name in table.plotted if any(_known(row, table, name) for row in table.rows)]
    rows = [row for row in table.rows if any(_known(row, table, name) for name in names)]
    labels = [" · ".join(str(cell) for cell in row[: table.labels]) for row in rows]
    longest = max(map(len, labels), default=0)
    figure = Figure(
        figsize=(1 + 0.07 * longest + 2.6 * max(1, len(names)), 1.2 + 0.45 * len(rows)),
        layout="constrained",
    )
    if not rows:
        figure.text(0.5, 0.5, "no values", ha="center")
    for number, name in enumerate(names, start=1):
        axes = figure.add_subplot(1, len(names), number)
        for place, row in enumerate(rows):
            value = _known(row, table, name)
            if value is None:
                continue
            axes.barh(place, value[0], color="#3b6ea5", height=0.6)
            reach = [[value[0] - value[1]], [value[2] - value[0]]]
            if value[2] > value[1]:
                axes.errorbar(value[0], place, xerr=reach, color="#222222", capsize=3)
            axes.annotate(
                f" {value[0]:.3g}", (value[2], place), va="center", fontsize=8, color="#222222"
            )
        axes.set_yticks(range(len(labels)), labels if number == 1 else [""] * len(labels))
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.margins(x=0.25)
        axes.set_title(name, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def _plot_lines(table: Table, make: Any, path: Path) -> None:
    """Draw a panel for each plotted column, a line for each text in the column after ``along``."""
    at = list(table.columns).index(str(table.along))
    kinds = list(dict.fromkeys(row[at + 1] for row in table.rows))
    figure = make(figsize=(4.2 * len(table.plotted), 4.6), layout="constrained")
    for number, name in enumerate(table.plotted, start=1):
        axes = figure.add_subplot(1, len(table.plotted), number)
        for kind in kinds:
            found = [
                (float(str(r[at])), _known(r, table, name)) for r in table.rows if r[at + 1] == kind
            ]
            points = sorted((x, *value) for x, value in found if value is not None)
            if not points:
                continue
            x, middle, low, high = zip(*points, strict=True)
            (line,) = axes.plot(x, middle, marker="o", markersize=4, label=str(kind))
            axes.fill_between(x, low, high, alpha=0.15, color=line.get_color(), linewidth=0)
            reach = [np.subtract(middle, low), np.subtract(high, middle)]
            axes.errorbar(x, middle, yerr=reach, fmt="none", capsize=3, color=line.get_color())
        axes.set_title(name, fontsize=9)
        axes.set_xlabel(str(table.along))
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    room = int(13 * figure.get_figwidth()) // (max(map(len, labels), default=0) + 6)  # letters
    columns = min(max(room, 1), len(labels))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=8)
    figure.savefig(path, dpi=130)


def _known(row: Sequence[Cell], table: Table, name: str) -> tuple[float, float, float] | None:
    cell = row[list(table.columns).index(name)]
    if isinstance(cell, tuple):
        return cell
    if isinstance(cell, int | float) and not math.isnan(cell):
        return float(cell), float(cell), float(cell)
    return None

"""Figures of a report as SVG text: accuracies with intervals, ROC curves, grades against scores."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from bonestudio.turing.results import Results

if TYPE_CHECKING:
    from bonestudio.turing.analysis import OlderOfTwo, RealOrSynthetic
    from bonestudio.turing.protocol import Item


def draw(results: Results, names: dict[str, str]) -> list[str]:
    """Draw what the study allows."""
    names = {key: name.replace("$", r"\$") for key, name in names.items()}  # no formulas
    if results.grading is not None:
        return [_figure_8(results, names)]
    return [_accuracies(results, names), _roc_curves(results, names)]


def _accuracies(results: Results, names: dict[str, str]) -> str:
    rows: tuple[RealOrSynthetic | OlderOfTwo, ...] = results.table_2 or results.table_3
    figure, axes = _new(6, 0.6 + 0.4 * len(rows))
    for i, row in enumerate(rows):
        low, high = row.accuracy.wilson
        axes.plot([low, high], [i, i], color="#57606a", lw=2)
        axes.plot(row.accuracy.value, i, "o", color="#0b3d5c")
    axes.axvline(0.5, color="#888", ls="--", lw=1)
    if results.table_2:
        margin = results.protocol.margin
        axes.axvspan(0.5 - margin, 0.5 + margin, color="#e8dcc4", zorder=0)
    axes.set(
        xlim=(0, 1),
        ylim=(len(rows) - 0.5, -0.5),
        yticks=range(len(rows)),
        yticklabels=[names[row.reader] for row in rows],
        xlabel="Accuracy, 95 % interval (Wilson); shaded: equivalence margin"
        if results.table_2
        else "Accuracy, 95 % interval (Wilson)",
    )
    return _svg(figure)


def _roc_curves(results: Results, names: dict[str, str]) -> str:
    from sklearn.metrics import roc_curve

    if not results.table_2:
        return ""
    figure, axes = _new(4, 4)
    for one in results.reads:
        if one.truth.any() and not one.truth.all():
            false, true, _ = roc_curve(one.truth, one.rating)
            axes.plot(false, true, label=names[one.reader])
    axes.plot([0, 1], [0, 1], color="#888", ls="--", lw=1)
    axes.set(xlabel="Real called synthetic", ylabel="Synthetic called synthetic", aspect="equal")
    if len(axes.lines) > 1:
        axes.legend(frameon=False, fontsize=8)
    return _svg(figure)


def _figure_8(results: Results, names: dict[str, str]) -> str:
    """Rows: experts; columns: realism scores; grade across, score up (figure 8 of paper 003)."""
    from matplotlib.figure import Figure

    grading = results.grading
    items: dict[str, Item] = {item.key: item for item in results.protocol.items}
    scores = sorted({name for item in items.values() for name in item.scores})
    if grading is None or not scores or not grading.grades:
        return ""
    figure = Figure(figsize=(3 * len(scores), 2.6 * len(grading.grades)), layout="constrained")
    grid: Any = figure.subplots(len(grading.grades), len(scores), squeeze=False)
    for row, (expert, given) in enumerate(grading.grades.items()):
        for column, score in enumerate(scores):
            axes = grid[row, column]
            points = [
                (g, items[i].scores[score]) for i, g in given.items() if score in items[i].scores
            ]
            columns = [[s for g, s in points if g == grade] for grade in range(1, 6)]
            for grade, values in enumerate(columns, start=1):
                axes.plot([grade] * len(values), values, "o", ms=3, color="#0b3d5c", alpha=0.5)
                if values:
                    axes.plot(
                        [grade - 0.25, grade + 0.25], [np.median(values)] * 2, color="#c02", lw=2
                    )
            axes.set(xlim=(0.5, 5.5), xticks=range(1, 6), xlabel="Grade", ylabel=score)
            axes.set_title(names[expert], fontsize=9)
    return _svg(figure)


def _new(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]  # without the XML prologue, which HTML does not take

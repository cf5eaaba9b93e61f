"""Paper 002, table 2: synthetic forearms of both classes added to natural ones."""

from pathlib import Path

from bonestudio.errors import RequestError
from bonestudio.training.synthetic import check_synthetic
from bonestudio.training.tables.sweep import Plan, Sweep, deviation, mean, train_all
from bonestudio.training.tables.table import Cell, Table

# Per class: (sensitivity, specificity, accuracy) of table 2, deviation of the accuracy (section 4.2)
PAPER = {
    0: (0.623, 0.693, 0.658, 0.03),
    5000: (0.629, 0.847, 0.787, 0.004),
    10000: (0.675, 0.860, 0.767, 0.003),
}
PAPERS_OWN = (
    "Paper 002: MURA's forearms, 1164 normal and 661 abnormal to train, 150 and 151 to test.",
    "Its rows have 0, 5 000 and 10 000 synthetic films per class; it tells its best runs.",
)
COLUMNS = (
    "training films",
    "normal",
    "abnormal",
    "runs",
    "test studies",
    "sensitivity",
    "specificity",
    "accuracy",
    "deviation of the accuracy",
    "AUC",
    "sensitivity of paper 002",
    "specificity of paper 002",
    "accuracy of paper 002",
    "deviation of paper 002",
)


def ablation_table(sweep: Sweep, *, scale: float, workers: int, out: Path) -> Table:
    """Train on natural films alone, with 5 000 and with 10 000 synthetic ones per class added.

    ``scale`` multiplies these counts.
    """
    if not 0 < scale <= 10:
        raise RequestError(f"The scale of the counts is above 0 and at most 10, not {scale:g}.")
    check_synthetic(sweep.synthetic)
    normal, abnormal = sweep.counts()
    rows: list[list[Cell]] = []
    plans = {}
    for count in PAPER:
        added = round(count * scale)
        name = f"natural + {added} per class" if count else "natural only"
        plans[count] = Plan(name=name, normal=added, abnormal=added)
    found = train_all(sweep, list(plans.values()), workers=workers, out=out)
    for count, plan in plans.items():
        runs = found[plan.name]
        rows.append(
            [
                plan.name,
                normal + plan.normal,
                abnormal + plan.abnormal,
                len(runs),
                int(runs[0]["studies"]),
                *(mean(runs, score) for score in ("sensitivity", "specificity", "accuracy")),
                deviation(runs, "accuracy"),
                mean(runs, "auc"),
                *PAPER[count],
            ]
        )
    return Table(
        name="forearm-ablation",
        title="Synthetic forearms added to natural ones (paper 002, table 2)",
        columns=COLUMNS,
        rows=rows,
        plotted=COLUMNS[5:8],
        notes=[*sweep.notes(), *PAPERS_OWN],
    )

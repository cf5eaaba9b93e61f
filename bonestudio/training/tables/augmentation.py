"""Paper 001, table 5 and figure 7: whether synthetic normals help a classifier of real films."""

from collections.abc import Sequence
from pathlib import Path

from bonestudio.errors import RequestError
from bonestudio.training.synthetic import check_synthetic
from bonestudio.training.tables.sweep import Plan, Sweep, deviation, mean, train_all
from bonestudio.training.tables.table import Cell, Table

PAPER = {0: 0.831, 10: 0.826, 50: 0.800, 100: 0.775}
ALONG = "synthetic normals, % of the normals"
PAPERS_OWN = "Paper 001: DenseNet-169, MURA's hands; its DCGAN learned from RSNA's."
COLUMNS = (
    ALONG,
    "whose",
    "normal films",
    "synthetic normals",
    "abnormal films",
    "runs",
    "test studies",
    "accuracy",
    "deviation of the accuracy",
    "kappa",
    "AUC",
)


def augmentation_table(sweep: Sweep, *, shares: Sequence[int], workers: int, out: Path) -> Table:
    """Train the classifier with so many percent of its normals added as synthetic ones."""
    if not shares or min(shares) < 0:
        raise RequestError("Shares of synthetic normals are percentages from 0 on.")
    check_synthetic(sweep.synthetic)
    normals, abnormals = sweep.counts()
    plans = {share: Plan(name=f"{share}", normal=round(share * normals / 100)) for share in shares}
    found = train_all(sweep, list(plans.values()), workers=workers, out=out)
    rows: list[list[Cell]] = []
    for share, plan in plans.items():
        runs = found[plan.name]
        rows.append(
            [
                share,
                "here",
                normals,
                plan.normal,
                abnormals,
                len(runs),
                int(runs[0]["studies"]),
                mean(runs, "accuracy"),
                deviation(runs, "accuracy"),
                mean(runs, "kappa"),
                mean(runs, "auc"),
            ]
        )
    return Table(
        name="augmentation",
        title="Synthetic normals added to a classifier's training films (paper 001, figure 7)",
        columns=COLUMNS,
        rows=[*rows, *_paper()],
        plotted=["accuracy"],
        along=ALONG,
        notes=[*sweep.notes(), PAPERS_OWN],
    )


def _paper() -> list[list[Cell]]:
    """Rows of figure 7."""
    return [
        [share, "paper 001", 3653, round(36.53 * share), 1336, 5, None, accuracy, None, None, None]
        for share, accuracy in PAPER.items()
    ]

"""Table 1 of paper 004: rows trained once and judged, the paper's own beside, agreement drawn."""

from types import SimpleNamespace

import numpy as np
import pytest

from bonestudio.checkpoints import Card, Part
from bonestudio.errors import RequestError
from bonestudio.training.hips import Hips
from bonestudio.training.tables import density_runs
from bonestudio.training.tables.density import COLUMNS, PAPER, density_table
from bonestudio.training.tables.density_plot import coverage, write_plots
from bonestudio.training.tables.density_runs import CHAINS, Judged
from bonestudio.training.tables.table import write_table

TINY = Hips(source="phantom", count=4, poses=1, exposures=2)
SMALL = [
    "options.size=64",
    "options.width=0.0625",
    "options.channels=8",
    "training.epochs=1",
    "training.batch=2",
    "training.precision=32-true",
]


def card(**settings):
    return Card(
        system="density", name="map-none-quick", summary="a test",
        parts={"generator": Part(architecture="bmdgan:Generator")}, trained_on="nothing", family="phantom",
        recipe="none", recipe_hash="0", steps=3, seed=0, hardware="none", date="2026-11-21",
        licence="Apache-2.0", intended_use="tests", limits="all", settings=settings,
    )  # fmt: skip


@pytest.fixture
def fold():
    random = np.random.default_rng(0)
    true = random.uniform(0.6, 1.3, 300)
    errors = random.normal(0, 0.05, 300)
    told = card(
        interval={"bmd": 0.05 * 1.645}, errors={"bmd": list(np.quantile(errors, np.linspace(0, 1, 101)))}, size=256
    )  # fmt: skip
    likeness = {name: np.ones(300) for name in ("PSNR", "SSIM", "PSNR_roi", "SSIM_roi")}
    return Judged(card=told, fold=2, true=true, found=true + errors, likeness=likeness)


def test_coverage_is_what_was_promised(fold):
    assert fold.inside.mean() == pytest.approx(0.9, abs=0.04)
    for level in (0.2, 0.5, 0.9):
        assert coverage(fold, level) == pytest.approx(level, abs=0.02)


def test_a_map_without_a_femur_counts_as_missed(fold):
    fold.found[:30] = np.nan
    assert not fold.inside[:30].any()
    assert 0 <= coverage(fold, 0.5) <= 1


def test_agreement_is_drawn(fold, tmp_path):
    path = write_plots({"none": [fold, fold]}, tmp_path / "new")
    assert path.stat().st_size > 10_000


def test_the_papers_rows_are_all_there():
    assert {row for row, _ in PAPER} == set(CHAINS)
    assert PAPER["mp-bd", 1024][0] == 0.923
    assert len(PAPER) == 16


def test_unknown_rows_are_refused(tmp_path):
    with pytest.raises(RequestError, match="mp-bd"):
        density_table(data=TINY, rows=["mae"], scale="quick", folds=[0], overrides=[], out=tmp_path)


def test_rows_are_trained_once_and_judged(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    asked = {"data": TINY, "scale": "quick", "folds": [0], "overrides": SMALL, "out": tmp_path}
    table, judged = density_table(rows=["none", "pi"], **asked)
    assert [row[:5] for row in table.rows[:2]] == [
        [name, "here", "64", "0", len(judged[name][0].true)] for name in ("none", "pi")
    ]
    assert len(table.rows) == 2 + len(PAPER)
    assert all(len(row) == len(COLUMNS) for row in table.rows)
    assert [path.suffix for path in write_table(table, tmp_path)] == [".md", ".csv", ".png"]

    def again(*_, **__):
        raise AssertionError("a row is trained twice")

    monkeypatch.setattr(density_runs, "Loop", again)
    same, _ = density_table(rows=["pi"], **asked)
    assert same.rows[0] == table.rows[1]

    # A training that was stopped goes on, but never that of another recipe.
    folder = tmp_path / "density-quick" / "fold-0" / "map-pi-quick"
    whose = SimpleNamespace(hash=judged["pi"][0].card.recipe_hash)
    assert density_runs._begun(whose, folder)
    assert not density_runs._begun(SimpleNamespace(hash="another"), folder)
    assert not density_runs._begun(whose, tmp_path / "nothing")

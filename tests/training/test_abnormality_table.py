"""Tables of the classifiers: scores of studies, the calibration curve, heat on the break; ACGAN's run."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from training_pair import films

from bonestudio.checkpoints import Card, Part, load, save
from bonestudio.cohorts import Cohort
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import RequestError
from bonestudio.networks.classifiers import ResidualNet
from bonestudio.training import train
from bonestudio.training.tables.abnormality import AROUND, _judge, abnormality_tables
from bonestudio.training.tables.table import write_table
from bonestudio.training.terminal import Silence

CARD = Card(
    system="fracture",
    name="tiny",
    summary="s",
    parts={"classifier": Part(architecture="classifiers:ResidualNet", config={"width": 4})},
    settings={"size": 64, "temperature": 2.0},
    trained_on="noise",
    family="phantom",
    recipe="r",
    recipe_hash="h",
    steps=1,
    seed=0,
    hardware="CPU",
    date="2026-01-01",
    licence="Apache-2.0",
    intended_use="tests",
    limits="all",
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path / "weights"))


class Plates(Cohort):
    """Two films of 2 mm pixels, each with a break of one pixel at (5, 5)."""

    source = "plates"
    entries = tuple(Entry(name=f"{i}", patient=f"{i}", labels={"abnormal": 1.0}) for i in range(2))

    def load(self, i):
        mask = np.zeros((20, 20), bool)
        mask[5, 5] = True
        return Sample(
            image=np.zeros((20, 20), np.float32),
            source=self.source,
            name=f"{i}",
            patient=f"{i}",
            labels={"abnormal": 1.0},
            masks={"fracture": mask},
            spacing=(2.0, 2.0),
        )


def test_heat_within_ten_millimetres_of_the_break_counts():
    inside, outside = np.zeros((2, 20, 20), np.float32)
    inside[5, 10] = 1.0  # 10 mm away
    outside[5, 11] = 1.0  # 12 mm
    heats = (inside, (inside + 3 * outside).astype(np.float32))
    judge = SimpleNamespace(judge=lambda _: SimpleNamespace(views=(0.9, 0.8), heat=heats))
    read, areas = _judge({"it": judge}, [Plates()])
    assert AROUND == 10.0
    assert read["it"].p == [0.9, 0.8]
    assert read["it"].heat == pytest.approx([1.0, 0.25])
    assert read["it"].hits == [True, False]
    disc = sum((r - 5) ** 2 + (c - 5) ** 2 <= 25 for r in range(20) for c in range(20))
    assert areas == pytest.approx([disc / 400] * 2)


def test_a_folder_fills_both_tables(tmp_path):
    random = np.random.default_rng(0)
    for i in range(40):
        path = tmp_path / "films" / ("normal", "abnormal")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (32, 32), np.uint8)).save(path)
    torch.manual_seed(0)
    save(CARD, {"classifier": ResidualNet(width=4)}, tmp_path / "weights")
    scores, curve = abnormality_tables(
        "fracture/tiny", data=str(tmp_path / "films"), region="XR_HAND", count=4
    )
    (row,) = scores.rows
    told = dict(zip(scores.columns, row, strict=True))
    assert (told["studies"], told["heat on the break"]) == (8, None)
    value, low, high = told["accuracy"]
    assert low <= value <= high
    ours = [line for line in curve.rows if line[1] == "fracture/tiny"]
    assert sum(line[3] for line in ours) == 8
    for table in (scores, curve):
        assert all(path.is_file() for path in write_table(table, tmp_path / "out"))
    with pytest.raises(RequestError, match="At least 4"):
        abnormality_tables(None, data="phantom", region="XR_HAND", count=1)


def test_a_conditional_gan_is_released_with_its_classes(tmp_path, monkeypatch):
    outcome = train(
        "fracture/acgan-hands",
        data=str(films(tmp_path / "films")),
        overrides=[
            "options.size=32",
            "options.generator_width=8",
            "options.discriminator_width=8",
            "training.batch=8",
            "training.steps=3",
            "training.precision=32-true",
            "run.draw_every=3",
        ],
        out=tmp_path / "runs",
        view=Silence(),
    )
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(outcome.folder / "checkpoints"))
    checkpoint = load("fracture/acgan-hands")
    assert checkpoint.card.settings["classes"] == ["normal", "abnormal"]
    z = torch.randn(1, 100).expand(2, -1)
    with torch.no_grad():
        normal, abnormal = checkpoint["generator"](z, torch.tensor([0, 1]))
    assert not torch.equal(normal, abnormal)
    assert np.asarray(Image.open(outcome.folder / "samples" / "0000003.png")).shape == (66, 270)

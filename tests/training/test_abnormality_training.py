"""Classifiers of fractures: their images, their step, their checkpoint, and the sweeps."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from training_pair import films

from bonestudio.errors import BoneStudioError, CheckpointError, TrainingError
from bonestudio.instruments.fracture.abnormality import AbnormalityClassifier, seen_as
from bonestudio.networks.classifiers import DenseNet169
from bonestudio.training import train
from bonestudio.training.experiments.abnormality import Abnormality
from bonestudio.training.films import _say_once
from bonestudio.training.logbook import read_lines
from bonestudio.training.loop import Loop
from bonestudio.training.pretrained import fill_densenet
from bonestudio.training.recipes import read_recipe
from bonestudio.training.schedules import Plateau
from bonestudio.training.studies import StudySource, open_studies, read_studies
from bonestudio.training.synthetic import read_synthetic
from bonestudio.training.tables.augmentation import augmentation_table
from bonestudio.training.tables.forearm_ablation import ablation_table
from bonestudio.training.tables.sweep import Sweep, mean
from bonestudio.training.tables.table import write_table
from bonestudio.training.terminal import Silence
from bonestudio.vision import torchvision

SMALL = [
    "options.size=64",
    "options.width=2",
    "training.batch=8",
    "training.epochs=2",
    "run.log_every=1",
]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    return films(tmp_path_factory.mktemp("labelled") / "films")


@pytest.fixture(scope="module")
def mura(tmp_path_factory) -> Path:
    """24 patients of two views to train, four to test, as MURA lays them out."""
    root = tmp_path_factory.mktemp("mura")
    random = np.random.default_rng(0)
    for number in range(28):
        part = "train" if number < 24 else "valid"
        study = "study1_positive" if number % 2 else "study1_negative"
        for view in (1, 2):
            path = root / part / "XR_HAND" / f"patient{number:05d}" / study / f"image{view}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.tile(np.arange(30, 90, 2, np.uint8), (40, 1))
            pixels += random.integers(0, 5, (40, 30), dtype=np.uint8)
            if number % 2:
                pixels[10:30, 10:20] = 240
            Image.fromarray(pixels).save(path)
    return root


def noise(folder: Path, count: int) -> None:
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for i in range(count):
        Image.fromarray(random.integers(0, 255, (20, 20), np.uint8)).save(folder / f"{i}.png")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))


def opened(recipe: str, data: Path, folder: Path, *overrides: str) -> tuple[Abnormality, Loop]:
    read = read_recipe(recipe, overrides=[*SMALL, *overrides], data=str(data))
    experiment = Abnormality(read.options, read.data)
    return experiment, Loop(read, experiment, folder)


def test_a_step_is_the_weighted_cross_entropy(labelled, tmp_path):
    still = ["options.flips=false", "options.turn=0", "options.network=residual"]
    experiment, loop = opened("fracture/densenet169-hands-paper", labelled, tmp_path, *still)
    batch = loop.open_feed().next()
    x, y = batch["films"]["image"], batch["films"]["abnormal"]
    share = float(experiment.films.abnormal.mean())
    with torch.no_grad():
        logits = experiment.network.train()(x)
    # Rajpurkar et al.: −(share of normals) y log p − (share of abnormals) (1 − y) log (1 − p)
    expected = -(1 - share) * y * F.logsigmoid(logits) - share * (1 - y) * F.logsigmoid(-logits)
    loop.train_step(batch, loop.plan.at(0))
    assert loop.means.read()["loss"] == pytest.approx(expected.mean().item(), rel=1e-4)


def test_a_run_learns_a_bright_square_and_its_weights_judge_alike(mura, tmp_path, monkeypatch):
    changes = [*SMALL, "training.epochs=6", "options.width=4", "options.network=residual"]
    changes += ["options.rate=3e-3", "data.evened=true", "options.turn=5"]
    changes += ["options.schedule=constant", "run.evaluate_every=10"]
    outcome = train(
        "fracture/densenet169-hands-paper",
        data=str(mura),
        overrides=changes,
        out=tmp_path,
        view=Silence(),
    )
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(outcome.folder / "checkpoints"))
    judge = AbnormalityClassifier("fracture/densenet169-hands-paper")
    told = {metric.name: metric for metric in judge.card.metrics}
    assert (told["accuracy"].n, told["calibration_error"].n) == (4, 8)  # studies, films
    assert told["auc"].value == 1.0
    assert judge.card.settings["evened"] == 256
    lines = read_lines(outcome.folder / "evaluations.jsonl")
    assert lines[-1]["validation_auc"] == 1.0
    said = {}
    for kind in ("negative", "positive"):
        paths = sorted(mura.glob(f"valid/XR_HAND/*/study1_{kind}/*.png"))
        images = [np.asarray(Image.open(path), np.float32) / 255 for path in paths]
        said[kind] = judge.judge(images, heat=False)
    assert said["negative"].study < said["positive"].study
    # what the instrument shows the network is what the training showed it
    test = open_studies(StudySource(source=str(mura), evened=True))["test"]
    pixels = read_studies(test, size=64, evened=True).pixels
    whole = open_studies(StudySource(source=str(mura)))["test"]
    seen = [seen_as(sample.image, judge.card.settings) for cohort in whole for sample in cohort]
    np.testing.assert_array_equal(np.stack(seen), pixels / np.float32(127.5) - np.float32(1))


def test_a_plateau_divides_the_rate_and_the_best_weights_stay(labelled, tmp_path):
    changes = ["training.epochs=6", "options.network=residual", "options.patience=0"]
    experiment, loop = opened("fracture/densenet169-hands-paper", labelled, tmp_path, *changes)
    losses = iter([0.5, 0.6, 0.4, 0.9, 0.9])
    kept = []

    def look():
        if experiment.plateau.see(next(losses)):
            kept.append(loop.step)

    experiment._validate = look
    rates = []
    feed = loop.open_feed()
    for _ in range(loop.plan.steps):
        loop.train_step(feed.next(), loop.plan.at(loop.step))
        rates.append(loop.parts.optimisers["classifier"].param_groups[0]["lr"])
    assert sorted(set(rates), reverse=True) == pytest.approx([1e-4, 1e-5, 1e-6, 1e-7])
    assert len(kept) == 2


def test_the_plateau_is_torchs():
    losses = [1.0, 0.9, 0.95, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9, 0.9]
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, patience=1)
    ours = Plateau(patience=1)
    for loss in losses:
        theirs.step(loss)
        ours.see(loss)
        assert ours.factor == pytest.approx(optimiser.param_groups[0]["lr"])


def test_a_killed_run_remembers_its_plateau(labelled, tmp_path):
    changes = ["options.network=residual", "options.patience=0"]
    experiment, loop = opened("fracture/densenet169-hands-paper", labelled, tmp_path, *changes)
    feed = loop.open_feed()
    for _ in range(3):
        loop.train_step(feed.next(), loop.plan.at(loop.step))
    other, _ = opened("fracture/densenet169-hands-paper", labelled, tmp_path, *changes)
    other.remember(experiment.memory())
    assert (vars(other.plateau), other.epoch) == (vars(experiment.plateau), 1)
    assert set(other.best) == set(experiment.network.state_dict())


def test_imagenets_weights_come_from_a_file(tmp_path):
    torch.manual_seed(1)
    theirs = torchvision.models.densenet169()
    old = {
        key.replace("norm1", "norm.1").replace("conv2", "conv.2"): value
        for key, value in theirs.state_dict().items()
    }
    torch.save(old, tmp_path / "densenet169.pth")
    network = DenseNet169()
    fill_densenet(network.network, str(tmp_path / "densenet169.pth"))
    films_ = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(
        network.network.eval().features(films_), theirs.eval().features(films_)
    )
    with pytest.raises(CheckpointError, match="growth 32"):
        fill_densenet(DenseNet169(growth=4).network, str(tmp_path / "densenet169.pth"))
    with pytest.raises(CheckpointError, match="cannot be read"):
        fill_densenet(network.network, str(tmp_path / "none.pth"))


def test_synthetic_films_are_drawn_and_added(labelled, mura, tmp_path):
    plain = tmp_path / "plain"
    noise(plain, 5)
    ask = StudySource(source=str(mura), synthetic=str(plain), normal=3)
    first = read_synthetic(ask, size=32)
    assert (len(first), first.abnormal.sum()) == (3, 0)
    other = read_synthetic(ask.model_copy(update={"draw": 1}), size=32)
    assert not np.array_equal(first.pixels, other.pixels)
    both = StudySource(source="x", synthetic=str(labelled), normal=2, abnormal=4)
    assert read_synthetic(both, size=32).abnormal.tolist() == [0, 0, 1, 1, 1, 1]
    with pytest.raises(TrainingError, match="has 5 normal synthetic films; 6"):
        read_synthetic(ask.model_copy(update={"normal": 6}), size=32)
    with pytest.raises(TrainingError, match="neither a folder"):
        read_synthetic(ask.model_copy(update={"synthetic": "nothing"}), size=32)
    changes = [f"data.synthetic={plain}", "data.normal=2", "options.network=residual"]
    experiment, _ = opened("fracture/densenet169-hands-paper", mura, tmp_path, *changes)
    assert (experiment.own, len(experiment.films)) == (
        len(experiment.films) - 2,
        experiment.own + 2,
    )


@pytest.mark.parametrize("said", ["", "file,abnormal\n0.png,1\n1.png,1\n"])
def test_a_folder_must_say_what_it_shows(tmp_path, said):
    noise(tmp_path, 2)
    if said:
        (tmp_path / "labels.csv").write_text(said)
    with pytest.raises(BoneStudioError, match=r"which films are abnormal|too few|both classes"):
        opened("fracture/residual-forearm-paper", tmp_path, tmp_path)


def test_two_folders_name_the_classes_and_nobody_the_patients(tmp_path, caplog):
    noise(tmp_path / "normal", 10)
    noise(tmp_path / "abnormal", 10)
    _say_once.cache_clear()  # another test may have been told already
    parts = [open_studies(StudySource(source=str(tmp_path))) for _ in range(2)][-1]
    (said,) = caplog.messages  # once
    assert "each counts as a patient of its own" in said
    labels = [e.labels["abnormal"] for part in parts.values() for c in part for e in c.entries]
    assert (len(labels), sum(labels)) == (20, 10)


def test_sweeps_fill_their_tables_and_go_on_where_they_stopped(mura, tmp_path):
    sweep = Sweep(
        recipe="fracture/residual-forearm-paper",
        data=str(mura),
        synthetic=str(mura),
        runs=1,
        overrides=[*SMALL, "training.epochs=1", 'data.regions=["XR_HAND"]', "data.evened=false"],
    )
    table = augmentation_table(sweep, shares=[0, 20], workers=1, out=tmp_path)
    normals = int(table.rows[0][2])
    assert [row[:4] for row in table.rows[:2]] == [
        [0, "here", normals, 0],
        [20, "here", normals, round(normals / 5)],
    ]
    assert [row[7] for row in table.rows if row[1] == "paper 001"] == [0.831, 0.826, 0.8, 0.775]
    assert all(path.is_file() for path in write_table(table, tmp_path))
    done = (tmp_path / "trainings.jsonl").read_text().splitlines()
    assert len(done) == 2
    again = augmentation_table(sweep, shares=[20], workers=1, out=tmp_path)
    assert again.rows[0][7] == table.rows[1][7] == json.loads(done[1])["value"]["accuracy"]
    assert (tmp_path / "trainings.jsonl").read_text().splitlines() == done
    with pytest.raises(BoneStudioError, match="scale"):
        ablation_table(sweep, scale=0, workers=1, out=tmp_path)


def test_the_interval_of_a_mean_is_students():
    runs = [{"accuracy": value} for value in (0.7, 0.8, 0.9)]
    value, low, high = mean(runs, "accuracy")
    assert value == pytest.approx(0.8)
    assert high - value == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-5)
    assert value - low == pytest.approx(high - value)


def test_maps_of_breaks_move_with_their_films(labelled, tmp_path):
    changes = ["options.network=residual", "options.turn=90", "options.crop=0.3"]
    experiment, loop = opened("fracture/densenet169-hands-paper", labelled, tmp_path, *changes)
    films_ = -torch.ones(4, 1, 64, 64)
    breaks = torch.zeros(4, 1, 64, 64)
    for i in range(4):
        films_[i, 0, 20 + i : 30, 20:26] = 1.0
        breaks[i, 0, 20 + i : 30, 20:26] = 1.0
    breaks[3] = 255.0  # nobody knows
    moved, where = experiment.changed(films_, breaks, loop.moment(loop.plan.at(0)))
    torch.testing.assert_close((moved[:3] + 1) / 2, where[:3], atol=1e-5, rtol=0)
    assert not torch.equal(moved[:3], films_[:3])
    assert (where[3] == -1).all()


def test_what_is_not_known_of_a_break_teaches_nothing(labelled, tmp_path):
    changes = ["options.network=residual", "options.where=1"]
    experiment, loop = opened("fracture/densenet169-hands-paper", labelled, tmp_path, *changes)
    now = loop.moment(loop.plan.at(0))
    answers = torch.zeros(2, 1, 4, 4)
    breaks = torch.zeros(2, 1, 64, 64)
    breaks[0, 0, 3, 3] = 1.0
    breaks[1] = -1.0
    # of film 0: one broken cell of sixteen counts 20 times, each log 2
    expected = (15 + 20) / 16 * np.log(2)
    assert experiment._located(answers, breaks, now).item() == pytest.approx(expected, rel=1e-6)
    assert experiment._located(answers[1:], breaks[1:], now).item() == 0
    loop.train_step(loop.open_feed().next(), loop.plan.at(0))  # a folder tells of no break
    assert loop.means.read()["where"] == 0
    release = experiment.release(loop.moment(loop.plan.at(0), purpose="release"))
    assert set(release.parts) == {"classifier"}

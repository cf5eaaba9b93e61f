"""The experiments: what a step computes, what a run leaves behind, what is learned."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset
from training_pair import films
from training_toy import toy_recipe

from bonestudio.checkpoints import load
from bonestudio.metrics.extractors import film_levels
from bonestudio.networks.extractor import BoneExtractor
from bonestudio.training import train
from bonestudio.training.experiments.dcgan import DCGAN
from bonestudio.training.feeding import Feed
from bonestudio.training.films import open_cohort
from bonestudio.training.logbook import read_lines
from bonestudio.training.loop import Loop, Outcome
from bonestudio.training.order import Order, Tickets
from bonestudio.training.recipes import read_recipe
from bonestudio.training.rehearsal import Estimate
from bonestudio.training.schedules import plan_of
from bonestudio.training.terminal import Silence

REAL = Path(__file__).resolve().parents[2] / "../shared/data/rsna-hands-1050"
SMALL = [
    "options.size=32",
    "options.generator_width=8",
    "options.discriminator_width=8",
    "training.batch=8",
    "run.log_every=1",
]


@pytest.fixture(scope="module")
def hands(tmp_path_factory) -> Path:
    return films(tmp_path_factory.mktemp("hands") / "films")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))


def run(recipe: str, hands: Path, out: Path, *overrides: str, **options: object) -> Outcome:
    outcome = train(
        recipe, data=str(hands), overrides=[*overrides], out=out, view=Silence(), **options
    )
    assert isinstance(outcome, Outcome)
    return outcome


def test_a_dcgan_step_is_binary_cross_entropy(hands, tmp_path):
    recipe = read_recipe(
        "fracture/dcgan-hands-paper",
        overrides=[*SMALL, "training.channels_last=false"],
        data=str(hands),
    )
    experiment = DCGAN(recipe.options, recipe.data)
    loop = Loop(recipe, experiment, tmp_path)
    torch.manual_seed(recipe.seed)
    parts = DCGAN(recipe.options, recipe.data).build()
    G, D = parts.networks["generator"], parts.networks["discriminator"]

    x = loop.open_feed().next()["hands"]
    z = loop.moment(loop.plan.at(0)).randn(8, 100)
    bce = nn.BCELoss()
    loss_D = bce(D(x).sigmoid(), torch.ones(8)) + bce(D(G(z).detach()).sigmoid(), torch.zeros(8))
    loss_D.backward()

    loop.train_step({"hands": x}, loop.plan.at(0))
    assert loop.means.read()["discriminator"] == pytest.approx(loss_D.item(), rel=1e-5)
    for mine, its in zip(D.parameters(), experiment.D.parameters(), strict=True):
        torch.testing.assert_close(its.grad, mine.grad, atol=1e-6, rtol=1e-4)


def test_a_run_leaves_a_checkpoint_sheets_and_metrics(hands, tmp_path, monkeypatch):
    changes = [*SMALL, "training.steps=6", "run.draw_every=3", "run.tensorboard=true"]
    outcome = run("fracture/dcgan-hands-fast", hands, tmp_path, *changes)
    folder = outcome.folder
    assert folder == tmp_path / "fracture" / "dcgan-hands-fast" / "001"
    assert outcome.finished
    told = json.loads((folder / "options.json").read_text())
    assert told["recipe"]["training"]["steps"] == 6
    assert len(read_lines(folder / "metrics.jsonl")) == 6
    assert list((folder / "tensorboard").iterdir())
    sheets = sorted((folder / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["0000003.png", "0000006.png"]
    pixels = np.asarray(Image.open(sheets[-1]))
    assert pixels.shape == (2 * 34 - 2, 8 * 34 - 2)

    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(folder / "checkpoints"))
    checkpoint = load("fracture/dcgan-hands-fast")
    assert checkpoint.card.recipe_hash == told["recipe_hash"]
    assert (checkpoint.card.steps, checkpoint.card.family) == (6, "own")
    with torch.no_grad():
        images = checkpoint["generator"](torch.randn(2, 100))
    assert images.shape == (2, 1, 32, 32)

    again = run("fracture/dcgan-hands-fast", hands, tmp_path, *changes)
    assert again.folder.name == "002"


def test_more_steps_go_on_where_the_run_ended(hands, tmp_path):
    changes = [*SMALL, "run.save_every=2"]
    whole = run("fracture/dcgan-hands-fast", hands, tmp_path / "a", *changes, "training.steps=6")
    run("fracture/dcgan-hands-fast", hands, tmp_path / "b", *changes, "training.steps=4")
    longer = run(
        "fracture/dcgan-hands-fast",
        hands,
        tmp_path / "b",
        *changes,
        "training.steps=6",
        resume=True,
    )
    assert (longer.step, longer.folder.name) == (6, "001")
    assert longer.metrics["generator"] == whole.metrics["generator"]


class OneByOne(Dataset):
    """Films that are augmented one by one, at random."""

    def __len__(self):
        return 10

    def __getitem__(self, row):
        return torch.full((1, 4, 4), float(row)) + torch.rand(1) + np.random.rand()  # noqa: NPY002


def test_loader_processes_change_speed_not_images():
    plan = plan_of(toy_recipe().training, images=10, processes=1)

    def first_batches(workers: int, start: int, count: int) -> torch.Tensor:
        orders = {"films": Order(10, seed=1, domain="films")}
        feed = Feed(
            {"films": OneByOne()},
            Tickets(orders, plan, start),
            seed=1,
            device=torch.device("cpu"),
            workers=workers,
            channels_last=True,
        )
        return torch.stack([feed.next()["films"] for _ in range(count)])

    alone = first_batches(0, 0, 6)
    assert torch.equal(first_batches(2, 0, 6), alone)
    assert torch.equal(first_batches(0, 4, 2), alone[4:])  # from step 4 on, as after a kill
    assert len(torch.unique(alone)) > 6 * 8 / 2  # each image is changed anew


def test_an_order_shows_every_image_once_an_epoch():
    order = Order(10, seed=1, domain="films")
    shown = np.concatenate([order.rows(first, 7) for first in range(0, 70, 7)])
    for epoch in shown.reshape(7, 10):
        assert sorted(epoch) == list(range(10))
    assert not np.array_equal(shown[:10], shown[10:20])
    assert not np.array_equal(Order(10, seed=2, domain="films").rows(0, 10), shown[:10])
    assert not np.array_equal(Order(10, seed=1, domain="scans").rows(0, 10), shown[:10])


def test_weights_even_out_classes():
    order = Order(100, seed=1, domain="films", weights=np.where(np.arange(100) < 90, 1.0, 9.0))
    shown = order.rows(0, 5000)
    assert np.mean(shown >= 90) == pytest.approx(0.5, abs=0.03)


def test_a_dry_run_writes_nothing_and_counts_parameters(hands, tmp_path):
    estimate = train(
        "fracture/dcgan-hands-paper",
        data=str(hands),
        overrides=["training.batch=4"],
        dry_run=True,
        out=tmp_path / "runs",
    )
    assert isinstance(estimate, Estimate)
    assert estimate.parameters == {"generator": 12_784_512, "discriminator": 2_795_776}
    assert (estimate.images, estimate.batch) == ({"hands": 15}, 4)  # a fifth is held out
    assert estimate.steps == 375  # 100 epochs of 15 hands, 4 at a time
    assert "12,784,512" in str(estimate)
    assert not (tmp_path / "runs").exists()


def test_an_extractor_learns_age_where_it_is_known(hands, tmp_path):
    """The square's place tells the age; every fifth film has none."""
    small = ["options.size=32", "options.width=8", "training.batch=16", "run.log_every=10"]
    outcome = run(
        "extractors/bone2d-rsna",
        hands,
        tmp_path,
        *small,
        "training.steps=60",
        "training.precision=32-true",
        "run.evaluate_every=30",
    )
    lines = read_lines(outcome.folder / "metrics.jsonl")
    assert lines[-1]["age"] < 0.7 * lines[0]["age"]
    scores = read_lines(outcome.folder / "evaluations.jsonl")
    assert [line["step"] for line in scores] == [30, 60]
    assert scores[-1]["age_error"] >= 0
    assert "kind_accuracy" not in scores[-1]  # there is one kind
    card = json.loads(next(outcome.folder.glob("checkpoints/*/*.json")).read_text())
    assert {metric["name"] for metric in card["metrics"]} >= {"age_error", "male_accuracy"}


@pytest.mark.parametrize("dims", [2, 3])
def test_features_of_films_and_scans(dims):
    network = BoneExtractor(kinds=["a", "b", "c"], dims=dims, width=4).eval()
    images = torch.randn(2, 1, *[32] * dims)
    assert network.features(images).shape == (2, 32)
    told = network(images)
    assert told["kind"].shape == (2, 3)
    assert {told[name].shape for name in ("age", "male", "abnormal", "grade")} == {(2,)}


def test_films_are_padded_to_a_square_with_black():
    film = film_levels(np.ones((40, 20), np.float32), 32)
    assert film.shape == (32, 32)
    assert film[:, 14:18].min() == 255
    assert film[:, :6].max() == 0


@pytest.mark.skipif(not REAL.is_dir(), reason="the RSNA hands are not on this machine")
def test_the_real_hands_are_known_by_their_table():
    cohort = open_cohort(str(REAL), phantom="hand", count=1)
    assert (cohort.source, len(cohort)) == ("rsna", 1050)

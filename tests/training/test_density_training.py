"""Density from hips (paper 004): data, folds, the zoo, intervals, the paper's numbers."""

import csv
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from bonestudio.checkpoints import find_card
from bonestudio.checkpoints.store import load
from bonestudio.errors import TrainingError
from bonestudio.metrics.images import gradient_correlation as measured_correlation
from bonestudio.phantoms import VirtualPatient
from bonestudio.training import train
from bonestudio.training.density_calibration import fitted_line, half_width, values_of
from bonestudio.training.experiments import find_experiment
from bonestudio.training.experiments.density_map import density_error, equation_2, softly_2
from bonestudio.training.hip_films import FACTS, POSES, film_hip, virtual_hips
from bonestudio.training.hip_tasks import MaskedPatches, PatchShuffle
from bonestudio.training.hips import nudged, read_pairs
from bonestudio.training.losses import gradient_correlation
from bonestudio.training.recipes import read_recipe
from bonestudio.training.terminal import Silence

SMALL = [
    "data.count=4",
    "data.poses=1",
    "data.exposures=2",
    "options.size=64",
    "options.width=0.0625",
    "training.epochs=2",
    "training.batch=2",
    "training.precision=32-true",
    "run.draw_every=0",
    "run.evaluate_every=0",
]
EPOCHS = {
    "sr": 1270, "mp": 630, "ps": 1270, "sc": 630, "pac": 630, "poc": 630, "pc": 1270, "pi": 630,
    "bd": 150, "mp-bd": 150,
}  # fmt: skip


class Chance:
    """What a step may draw."""

    def rand(self, *shape):
        return torch.rand(*shape)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BONESTUDIO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def hips(cache):
    return virtual_hips(4, size=64, poses=1, exposures=2)


@pytest.fixture(scope="module")
def chain(cache, hips, tmp_path_factory):
    """Masked patches, then bone decomposition, then the target, each from the one before."""
    out = tmp_path_factory.mktemp("chain")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("pretrain-mp", "pretrain-mp-bd", "map-mp-bd"):
            narrow = [] if name == "pretrain-mp" else ["options.channels=8"]
            made = train(
                f"density/{name}-quick", overrides=[*SMALL, *narrow], out=out, view=Silence()
            )
            patch.setenv("BONESTUDIO_CHECKPOINTS", str(made.folder / "checkpoints"))
        yield made.folder / "checkpoints"


def test_the_first_exposure_is_the_patient_himself():
    made = film_hip(7, "supine", size=64, exposures=2)
    truth = VirtualPatient(7, "M").hip("supine", "L", size=(64, 32))
    assert np.abs(truth.image.pixels * 255 - made.films[0]).max() <= 0.51
    map_ = truth.truth.maps["proximal_femur_bmd_g_cm2"]
    assert np.allclose(made.proximal * made.factors[0], map_, atol=1e-5)
    told = dict(zip(FACTS, made.facts[0], strict=True))
    assert told["total_hip"] == pytest.approx(truth.truth.measures["areal_bmd_total_hip_g_cm2"])
    assert POSES[int(told["pose"])] == "supine"
    # The second has the same bones, another density and another exposure.
    assert made.factors[1] != pytest.approx(made.factors[0], rel=1e-3)
    assert np.abs(made.films[1].astype(int) - made.films[0]).mean() > 1


def test_a_batch_is_in_its_units(hips):
    batch = hips.batch(np.array([0, 1]))
    assert batch["film"].shape == (2, 1, 64, 32)
    assert -1 <= float(batch["film"].min()) <= float(batch["film"].max()) <= 1
    ratio = batch["proximal"][1].max() / batch["proximal"][0].max()
    assert float(ratio) == pytest.approx(float(hips.factor[1] / hips.factor[0]))
    assert (batch["bone"] >= batch["proximal"] - 1e-2).all()
    assert len(hips.themselves()) == len(hips) / 2


def test_folds_are_by_patient_and_hold_everyone_out_once(hips):
    held = []
    for number in range(4):
        parts = [set(part.fact("patient").tolist()) for part in hips.fold(number)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert set.union(*parts) == set(hips.fact("patient").tolist())
        held += parts[2]
    assert sorted(held) == sorted(set(hips.fact("patient").tolist()))
    with pytest.raises(TrainingError):
        hips.fold(4)


@pytest.fixture
def pairs(tmp_path):
    """Two hips as files, one of them a right one; whole-bone maps for pretraining."""
    random = np.random.default_rng(0)
    rows = []
    for name, side in (("a", "L"), ("b", "R")):
        film = random.integers(0, 255, (128, 64), dtype=np.uint8)
        map_ = np.zeros((128, 64), np.float32)
        map_[40:80, 4:24] = 0.8  # near the left edge
        for folder in ("xray", "bmd", "bmd_whole"):
            (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(film).save(tmp_path / "xray" / f"{name}.png")
        np.save(tmp_path / "bmd" / f"{name}.npy", map_)
        np.save(tmp_path / "bmd_whole" / f"{name}.npy", map_ * 2)
        rows.append({"file": f"{name}.png", "patient": name, "age": 70, "sex": "F", "height_cm": 160,
                     "weight_kg": "", "pose": "supine", "side": side})  # fmt: skip
    with (tmp_path / "pairs.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def test_pairs_of_a_hospital_lie_as_left_hips(pairs, cache):
    films = read_pairs(pairs, size=64)
    assert films.films.shape == (2, 64, 32)
    left, right = films.proximal.float()
    assert left[20:40, 2:12].mean() == pytest.approx(0.8, abs=1e-3)
    assert right[20:40, 20:30].mean() == pytest.approx(0.8, abs=1e-3)  # mirrored
    assert torch.allclose(films.bone.float(), 2 * films.proximal.float(), atol=1e-3)
    told = dict(zip(FACTS, films.facts[0].tolist(), strict=True))
    assert (told["age"], told["male"], told["height"]) == (70, 0, 160)
    assert np.isnan(told["weight"])
    shutil.rmtree(pairs / "bmd_whole")
    only = read_pairs(pairs, size=64)
    assert torch.isnan(only.bone.float()).all()


def test_films_and_maps_are_nudged_alike():
    torch.manual_seed(0)
    film = torch.full((8, 1, 64, 32), -1.0)
    film[:, :, 24:40, 12:20] = 1
    maps = (film > 0).float()
    x, y = nudged(film, maps, Chance())
    assert (x - film).abs().max() > 0.5
    assert torch.allclose((x + 1) / 2, y, atol=1e-5)
    assert y.sum((1, 2, 3)).tolist() == pytest.approx([128] * 8, rel=0.2)  # areas nearly stay


def test_gradient_correlation_is_the_metrics():
    torch.manual_seed(0)
    a, b = torch.randn(2, 1, 40, 30), torch.randn(2, 1, 40, 30)
    near = a + 0.3 * b
    found = gradient_correlation(a, near)
    theirs = [
        measured_correlation(x[0].numpy(), y[0].numpy()) for x, y in zip(a, near, strict=True)
    ]
    # The metric takes central differences, the loss neighbours: alike on alike images.
    assert found.tolist() == pytest.approx(theirs, abs=0.05)
    assert gradient_correlation(a, 3 * a + 1).tolist() == pytest.approx([1, 1])
    assert gradient_correlation(a, torch.zeros_like(a)).tolist() == [0, 0]


def test_densities_of_batches_are_equation_2():
    maps = torch.zeros(2, 1, 8, 8)
    maps[0, 0, 2:4, 2:4], maps[0, 0, 0, 0] = 0.9, 0.05
    assert equation_2(maps).tolist() == pytest.approx([0.9, 0.0])
    assert values_of(maps[0, 0].numpy())[0] == pytest.approx(0.9)
    assert np.isnan(values_of(maps[1, 0].numpy())).all()
    assert float(density_error(maps + 0.1, maps)) == pytest.approx(0.05)  # the empty one counts 0
    assert softly_2(maps).tolist() == pytest.approx([0.9, 0.0], abs=5e-3)
    maps[0, 0, 4, 2:4] = 0.2  # an outline that is blurred
    assert softly_2(maps).tolist() == pytest.approx(equation_2(maps).tolist(), abs=5e-3)


def test_a_line_takes_back_what_a_network_leans_towards_the_usual():
    true = np.linspace(0.7, 1.4, 60)
    found = 0.5 * true + 0.45
    start, slope = fitted_line(true, np.where(np.arange(60) == 7, np.nan, found))
    assert (start, slope) == pytest.approx((-0.9, 2.0), abs=1e-3)
    assert fitted_line(true, -true) == [0.0, 1.0]  # it knows nothing
    assert fitted_line(true[:9], found[:9]) == [0.0, 1.0]


@pytest.mark.parametrize("n", [19, 99, 400])
def test_the_interval_holds_nine_in_ten_of_new_patients(n):
    """Split-conformal: over many draws of calibration and patient, 90 % or a little more."""
    random = np.random.default_rng(n)
    draws = random.standard_t(3, (4000, n + 1)) * 0.05  # tails that no Gaussian has
    inside = [abs(row[-1]) <= half_width(row[:-1]) for row in draws]
    assert 0.885 < np.mean(inside) < 0.915 + 1 / (n + 1)


def test_too_few_patients_give_no_interval():
    assert half_width(np.array([0.1] * 8)) is None
    assert half_width(np.arange(9) / 10) == pytest.approx(0.8)


def test_masked_patches_are_three_quarters():
    torch.manual_seed(0)
    films = torch.ones(3, 1, 256, 128)
    shown, weight = MaskedPatches(torch.nn.Identity()).seen(films, Chance())
    assert weight.mean((1, 2, 3)).tolist() == [0.75] * 3
    assert torch.equal(shown, 1 - weight)
    patches = weight.unfold(2, 16, 16).unfold(3, 16, 16)
    assert set(patches.mean((4, 5)).flatten().tolist()) == {0.0, 1.0}


def test_shuffled_patches_can_be_told_by_who_knows_them():
    """Films whose patches hold their own number: an encoder that reads it has no loss."""
    numbers = torch.arange(32.0).view(8, 4)
    film = numbers.repeat_interleave(32, 0).repeat_interleave(32, 1).view(1, 1, 256, 128)

    def reads(shuffled):
        return [shuffled]

    class Knows(torch.nn.Module):
        def forward(self, features):
            seen = features[0][:, 0, ::32, ::32].flatten(1).long()  # [n, place]: which patch
            return 50 * torch.nn.functional.one_hot(seen, 32).float().transpose(1, 2)

    torch.manual_seed(0)
    loss = PatchShuffle(Knows()).loss(reads, {"film": film}, Chance())
    assert float(loss) < 1e-6


@pytest.mark.parametrize("task", sorted(EPOCHS))
def test_pretraining_has_the_numbers_of_the_paper(task):
    recipe = read_recipe(f"density/pretrain-{task}-256")
    assert (recipe.training.epochs, recipe.training.batch) == (EPOCHS[task], 8)
    o = recipe.options
    assert (o.rate, o.decay, o.cycle, o.width, o.features, o.queue) == (
        1e-4,
        1e-4,
        10,
        1,
        2048,
        4096,
    )
    target = read_recipe(f"density/map-{task}-256")
    assert target.options.pretrained == f"density/pretrain-{task}-256"


@pytest.mark.parametrize(("size", "batch"), [(256, 8), (512, 4), (1024, 2)])
def test_the_target_has_the_numbers_of_the_paper(size, batch):
    recipe = read_recipe(f"density/map-none-{size}")
    assert (recipe.training.epochs, recipe.training.batch, recipe.options.size) == (70, batch, size)
    o = recipe.options
    assert (o.l2, o.gradient, o.gan, o.value, o.width, o.rate) == (10, 1, 1, 0, 1, 1e-4)
    assert read_recipe(f"density/pretrain-mp-bd-{size}").training.batch == batch
    assert read_recipe("density/pretrain-mp-bd-1024").training.epochs == 30


def test_a_chain_hands_its_encoder_on_and_ends_in_a_whole_card(chain):
    weights = load("density/map-mp-bd-quick")
    told = weights.card.settings
    assert told["fold"] == [0, 4]
    assert set(told["interval"]) == {"bmd", "total_hip", "neck"}
    assert told["distances"]["0.98"] > 0
    seen = weights["generator"](torch.zeros(1, 1, 64, 32))
    assert seen.shape == (1, 1, 64, 32)
    assert {m.name for m in weights.card.metrics} >= {"mae"}


def test_an_encoder_is_taken_as_it_was(chain, monkeypatch):
    folder = chain.parents[2] / "pretrain-mp-bd-quick" / "001" / "checkpoints"
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(folder))
    recipe = read_recipe("density/map-mp-bd-quick", overrides=[*SMALL, "options.channels=8"])
    experiment = find_experiment("density_map")(recipe.options, recipe.data)
    experiment.datasets()
    experiment.build()
    theirs = load("density/pretrain-mp-bd-quick")["encoder"].state_dict()
    assert all(torch.equal(experiment.G.encoder.state_dict()[k], v) for k, v in theirs.items())


@pytest.mark.parametrize(
    ("change", "said"),
    [("data.fold=1", "held out fold 0"), ("options.width=0.125", "another width")],
)
def test_an_encoder_that_does_not_fit_is_refused(chain, monkeypatch, change, said):
    folder = chain.parents[2] / "pretrain-mp-bd-quick" / "001" / "checkpoints"
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(folder))
    assert find_card("density/pretrain-mp-bd-quick")[0].settings["task"] == "bd"
    recipe = read_recipe("density/map-mp-bd-quick", overrides=[*SMALL, change])
    experiment = find_experiment("density_map")(recipe.options, recipe.data)
    experiment.datasets()
    with pytest.raises(TrainingError, match=said):
        experiment.build()

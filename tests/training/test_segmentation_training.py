"""Training of segmentation: the equations, augmentation that keeps masks and films together, scores."""

import numpy as np
import pytest
import torch

from bonestudio.errors import TrainingError
from bonestudio.imaging.types import Radiograph
from bonestudio.networks.bone_unet import BoneUNet
from bonestudio.networks.wrist_points import places_of
from bonestudio.phantoms.truth import Phantom, Truth
from bonestudio.training.domains import Domain
from bonestudio.training.experiments import multicyclegan
from bonestudio.training.experiments.multicyclegan import WAYS, Domains, MultiCycleGAN, Options
from bonestudio.training.experiments.unet_segmentation import soft_dice
from bonestudio.training.experiments.wrist_points import nudged
from bonestudio.training.film_changes import developed, moved
from bonestudio.training.masked_films import MaskedFilms, only_phantoms
from bonestudio.training.recipes import read_recipe
from bonestudio.training.tables import segmentation as table_module
from bonestudio.training.tables.fingers import finger_errors
from bonestudio.training.tables.segmentation import otsu, segmentation_table


class Now:
    """Random numbers and the losses that a step asked to minimise."""

    def __init__(self, step=0):
        self.draws, self.step = torch.Generator().manual_seed(3), step
        self.minimised, self.logged = {}, {}

    def rand(self, count, *shape):
        return torch.rand(count, *shape, generator=self.draws)

    def randn(self, count, *shape):
        return torch.randn(count, *shape, generator=self.draws)

    def every(self, steps):
        return (self.step + 1) % steps == 0

    def minimise(self, loss, *optimisers, clip=None):
        self.minimised[optimisers[0]] = loss.detach()

    def log(self, **values):
        self.logged |= {
            name: float(torch.as_tensor(value).detach()) for name, value in values.items()
        }


def test_the_paper_s_recipe_says_what_the_paper_says():
    recipe = read_recipe("segmentation/multicyclegan-hand-paper", data="phantom")
    o = recipe.options
    assert (o.cycle, o.identity, o.paired) == (5, 1, 0)
    assert (o.generator_rate, o.discriminator_rate, o.betas) == (2e-4, 5e-5, (0.5, 0.9))
    assert (o.discriminator_every, o.width, o.blocks) == (3, 64, 9)
    assert recipe.training.epochs == 30
    assert o.hold == pytest.approx(10 / 30)


@pytest.mark.parametrize("paired", [0.0, 7.0])
def test_equations_45_to_64(paired):
    """Written out pair by pair, with networks that are not symmetric."""
    torch.manual_seed(1)
    options = Options(
        size=16, width=2, blocks=1, dropout=0.0, discriminator_width=2, halvings=1, paired=paired
    )
    experiment = MultiCycleGAN(options, Domains(source="phantom"))
    parts = experiment.build()
    assert len(parts.networks) == 12
    a, b, c, c_of_b = (torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(i)) for i in range(4))  # fmt: skip
    domain = {"A": (a, a), "B": (b, c_of_b), "C": (c, c)}
    batch = {name: {"film": film, "mask": mask} for name, (film, mask) in domain.items()}
    now = Now(step=2)
    now.rand = torch.ones  # nothing is mirrored
    G, D = experiment.G, experiment.D
    real = {"A": a, "B": b, "C": c}
    with torch.no_grad():
        total = torch.zeros(())
        for i, j in ("AB", "BA", "AC", "CA", "BC", "CB"):
            total += ((D[i + j](G[i + j](real[j])) - 1) ** 2).mean() / 2  # 45 to 50
        for i, j in ("AB", "CA", "BC"):
            there, back = G[i + j], G[j + i]
            total += 5 * (there(back(real[i])) - real[i]).abs().mean()  # 57 to 59
            total += 5 * (back(there(real[j])) - real[j]).abs().mean()
        for i, others in (("A", "BC"), ("B", "AC"), ("C", "BA")):
            for j in others:
                total += (G[i + j](real[i]) - real[i]).abs().mean()  # 60 to 62
        total += paired * (G["CB"](b) - c_of_b).abs().mean()
        judged = torch.zeros(())
        for i, j in WAYS:  # 51 to 56
            judged += ((D[i + j](real[i]) - 1) ** 2).mean() / 2
            judged += (D[i + j](G[i + j](real[j])) ** 2).mean() / 2
    experiment.step(batch, now)
    assert now.minimised["generators"] == pytest.approx(float(total), rel=1e-5)
    assert now.minimised["discriminators"] == pytest.approx(float(judged), rel=1e-5)
    for step, updated in ((1, False), (5, True)):
        other = Now(step=step)
        experiment.step(batch, other)
        assert ("discriminators" in other.minimised) == updated


def test_both_ways_are_those_of_the_paper():
    options = Options(size=16, width=2, blocks=1, dropout=0.5, discriminator_width=2, halvings=1)
    experiment = MultiCycleGAN(options, Domains(source="phantom"))
    experiment.build()
    film = torch.rand(1, 1, 16, 16)
    G = {way: network.eval() for way, network in experiment.G.items()}
    with torch.no_grad():
        assert torch.equal(experiment.direct(film), G["CB"](film))
        assert torch.equal(experiment.two_step(film), G["CB"](G["BA"](film)))


def test_films_of_a_folder_lose_their_test_part_and_are_equalised(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))
    for i in range(20):
        pixels = np.tile(np.linspace(100, 120 + i, 32).astype(np.uint8), (32, 1))
        (tmp_path / "films").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "films" / f"{i}.png")
    films = multicyclegan.open_natural(str(tmp_path / "films"), "hand", 0, size=32)
    assert isinstance(films, Domain)
    assert 10 < len(films) < 20
    assert np.ptp(films.films.numpy()) > 60  # the paper's CLAHE
    assert (films.batch(np.array([0]))["mask"] == -1).all()


def test_films_and_masks_move_together():
    masks = torch.zeros(12, 2, 48, 48)
    masks[:, 0, 10:30, 15:25] = 1
    masks[:, 1, 32:40, 8:40] = 1
    films = masks.amax(1, keepdim=True) * 2 - 1
    now = Now()
    film, mask = moved(films, masks, now, crop=40)
    assert film.shape[-1] == mask.shape[-1] == 40
    agree = ((film[:, 0] > 0) == (mask.amax(1) > 0)).float().mean()
    assert agree > 0.99
    assert (mask.sum((1, 2, 3)).std() > 20).item()  # sizes differ
    bright = developed(film, film, now)
    assert bright.shape == film.shape
    assert bright.min() >= -1
    assert bright.max() <= 1
    assert (bright - film).abs().mean() > 0.1


def test_points_move_with_their_view():
    views = torch.full((6, 1, 88, 88), -1.0)
    points = torch.tensor([[0.2, -0.3]]).expand(6, 1, 2)
    row, column = round((-0.3 + 1) / 2 * 88 - 0.5), round((0.2 + 1) / 2 * 88 - 0.5)
    views[:, :, row - 2 : row + 3, column - 2 : column + 3] = 1
    cut, moved_points = nudged(views, points, Now(), size=64)
    for view, point in zip(cut, moved_points, strict=True):
        places = (view[0] > 0).nonzero().float()
        if len(places) < 12:
            continue  # it has left the view
        x, y = ((places.mean(0) + 0.5) / 64 * 2 - 1).flip(0)
        assert torch.stack([x, y]) == pytest.approx(point[0], abs=0.05)
    assert cut.std(0).mean() > 0.01


def test_a_peak_between_pixels_is_found_there():
    y, x = torch.meshgrid(torch.arange(32), torch.arange(48), indexing="ij")
    maps = -((x - 20.3) ** 2 + (y - 7.6) ** 2) / (2 * 1.5**2)
    places, sure = places_of(maps.view(1, 1, 32, 48))
    assert places[0, 0] == pytest.approx(
        torch.tensor([(20.8) / 48 * 2 - 1, 8.1 / 32 * 2 - 1]), abs=0.01
    )
    assert sure[0, 0] > 0.9
    _, unsure = places_of(torch.zeros(1, 1, 32, 48))
    assert unsure[0, 0] < 0.1


def test_bits_are_the_masks():
    bits = np.zeros((2, 4, 4), np.uint8)
    bits[0, 1, 2] = 0b1000_0001
    films = MaskedFilms(np.zeros_like(bits), np.full_like(bits, 255), bits)
    batch = films.batch(np.array([0, 1]))
    assert batch["masks"].shape == (2, 8, 4, 4)
    assert batch["masks"].sum() == 2
    assert batch["masks"][0, 0, 1, 2] == batch["masks"][0, 7, 1, 2] == 1
    assert (batch["film"] == -1).all()
    assert (batch["clahe"] == 1).all()
    with pytest.raises(TrainingError, match="virtual patients alone"):
        only_phantoms("/films")


def test_the_network_does_not_care_for_exposure():
    network = BoneUNet(bones=3, channels=(2, 2, 2)).eval()
    assert network.multiple == 2
    film = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    with torch.no_grad():
        same, darker = network(film), network(film * 0.5 - 0.3)
    assert same.shape == (1, 3, 32, 32)
    assert (same - darker).abs().max() < 0.05 * same.abs().max()
    odd = network(torch.rand(1, 1, 48, 32))
    assert odd.shape == (1, 3, 48, 32)


def test_soft_dice_of_known_masks():
    a = torch.zeros(1, 2, 8, 8)
    b = torch.zeros(1, 2, 8, 8)
    a[0, 0, :4], b[0, 0, 2:6] = 1, 1
    assert soft_dice(a, b, smooth=0)[0, 0] == pytest.approx(0.5)
    assert soft_dice(a, b)[0, 1] == 1  # neither there nor found


def phantom_of(masks, pixels):
    return Phantom(
        image=Radiograph(pixels=pixels, spacing=(1.0, 1.0)),
        truth=Truth(kind="hand", seed=0, sex="F", age=8.0, masks=masks),
    )


def drawn_finger(degrees):
    y, x = np.mgrid[:60, :60]
    a = np.deg2rad(degrees)
    along = (y - 30) * np.cos(a) + (x - 30) * np.sin(a)
    across = (x - 30) * np.cos(a) - (y - 30) * np.sin(a)
    return (np.abs(along) < 16) & (np.abs(across) < 3.5)


def test_finger_angles():
    truth = {"proximal_phalanx_2": drawn_finger(0), "radius": drawn_finger(90)}
    assert finger_errors(drawn_finger(8), truth) == [pytest.approx(8, abs=1.0)]
    assert finger_errors(np.zeros((60, 60), bool), truth) == [None]
    assert finger_errors(drawn_finger(0), {"radius": drawn_finger(0)}) == []


def test_the_table_scores_what_is_found(monkeypatch):
    finger = drawn_finger(0)
    pixels = (0.1 + 0.8 * finger).astype(np.float32)
    films = [phantom_of({"middle_phalanx_3": finger}, pixels)] * 2
    monkeypatch.setattr(table_module, "_phantoms", lambda kind, count, seed: films)
    shifted = np.roll(finger, 1, axis=1)
    monkeypatch.setattr(
        table_module,
        "_ways",
        lambda kind: {
            "right": lambda film: {"middle phalanges": finger},
            "beside": lambda film: {"bone": shifted},
            "blind": None,
        },
    )
    table = segmentation_table(kinds=("hand",), count=2, seed=0)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert rows["right"]["Dice"][0] == 1
    assert rows["right"]["Dice middle phalanges"][0] == 1
    assert rows["right"]["Dice radius"] is None
    assert rows["right"]["finger angle error, °"][0] == pytest.approx(0)
    expected = 2 * (finger & shifted).sum() / (finger.sum() + shifted.sum())
    assert rows["beside"]["Dice"][0] == pytest.approx(expected)
    assert rows["beside"]["Dice middle phalanges"][0] == pytest.approx(expected)
    assert rows["beside"]["HD95, mm"][0] == pytest.approx(1)
    assert "blind (hand)" in table.notes[-1]


def test_otsu_finds_bright_bone_in_grey_flesh():
    bone = drawn_finger(20)
    y, x = np.mgrid[:60, :60]
    flesh = ((y - 30) ** 2 + (x - 30) ** 2) < 25**2
    film = Radiograph(pixels=(0.05 + 0.3 * flesh + 0.5 * bone).astype(np.float32))
    found = otsu(film)
    assert 2 * (found & bone).sum() / (found.sum() + bone.sum()) > 0.8

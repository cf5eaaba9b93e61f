"""Hands from noise: seeds, truncation, walks, and the search for the training film."""

import numpy as np
import pytest
import torch
from hand_weights import flat, write_generator, write_memory, write_refiners

from bonestudio.errors import BoneStudioError, CheckpointError, RequestError
from bonestudio.imaging import Radiograph, write_radiograph
from bonestudio.instruments.fracture.design import Design
from bonestudio.instruments.fracture.hands import Hand, between, code
from bonestudio.instruments.fracture.studio import FractureStudio
from bonestudio.phantoms import VirtualPatient


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_generator(folder)
    return folder


@pytest.fixture
def studio(weights, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(weights))
    return FractureStudio()


def test_a_seed_is_a_hand_whatever_sheet_it_stands_on(studio):
    sheet = studio.sample(seed=10, count=6)
    assert [hand.seed for hand in sheet] == list(range(10, 16))
    (alone,) = studio.sample(seed=13, count=1)
    assert np.abs(flat(sheet[3].film) - flat(alone.film)).max() < 1e-5
    assert flat(alone.film).shape == (32, 32)
    assert 0 <= flat(alone.film).min() < flat(alone.film).max() <= 1
    assert not np.array_equal(flat(sheet[0].film), flat(sheet[1].film))
    (again,) = FractureStudio().sample(seed=13, count=1)
    assert np.array_equal(flat(again.film), flat(alone.film))


def test_weights_that_were_replaced_or_lie_elsewhere_are_read_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path / "one"))
    write_generator(tmp_path / "one")
    write_refiners(tmp_path / "one")
    studio, design = FractureStudio(), Design(size=64, style="synthetic")

    def drawn():
        (hand,) = studio.sample(seed=3, count=1)
        return flat(hand.film), flat(studio.design(design, refine=True).refined)

    first = drawn()
    for folder in ("one", "two"):  # the same names with other weights
        monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path / folder))
        write_generator(tmp_path / folder, seed=1 if folder == "one" else 2)
        write_refiners(tmp_path / folder, seed=5 if folder == "one" else 9)
        second = drawn()
        assert not any(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
        first = second


def test_truncation_holds_codes_in_and_keeps_their_order():
    free, tight, loose = code(3), code(3, truncation=0.5), code(3, truncation=3.0)
    assert tight.abs().max() <= 0.5 < free.abs().max()
    assert torch.equal(free.argsort(), tight.argsort())
    assert (loose - free).abs().mean() < 0.03
    many = torch.stack([code(seed, truncation=1.0) for seed in range(200)])
    # A normal distribution cut at one standard deviation has a standard deviation of 0.5396.
    assert many.std() == pytest.approx(0.5396, abs=0.01)


def test_the_clearest_is_the_one_whose_joints_are_found(monkeypatch):
    monkeypatch.delenv("BONESTUDIO_CHECKPOINTS", raising=False)
    film = VirtualPatient(seed=4).hand(12.0).image
    noise = np.random.default_rng(0).random((128, 128), np.float32)
    films = [Radiograph(pixels=noise), film, Radiograph(pixels=noise * 0.1)]
    hands = [Hand(seed=seed, film=one) for seed, one in enumerate(films)]
    assert FractureStudio.clearest(hands).seed == 1
    with pytest.raises(RequestError, match="no hand"):
        FractureStudio.clearest([])


def test_a_walk_begins_and_ends_at_its_hands_and_keeps_to_the_shell(studio):
    frames = studio.walk(2, 9, frames=5)
    ends = [studio.sample(seed=seed, count=1)[0].film for seed in (2, 9)]
    assert np.abs(flat(frames[0]) - flat(ends[0])).max() < 1e-4
    assert np.abs(flat(frames[-1]) - flat(ends[1])).max() < 1e-4
    a, b = code(2), code(9)
    norms = torch.stack([between(a, b, share).norm() for share in (0, 0.25, 0.5, 0.75, 1.0)])
    straight = torch.linspace(float(a.norm()), float(b.norm()), 5)
    assert torch.allclose(norms, straight, rtol=1e-4)
    assert torch.allclose(between(a, a, 0.4), a)


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.sample(count=0),
        lambda s: s.sample(count=65),
        lambda s: s.sample(seed=-1, count=1),
        lambda s: s.sample(truncation=9.0),
        lambda s: s.sample(model="fracture/none"),
        lambda s: s.sample(model="extractors/bone2d-phantom"),
        lambda s: s.walk(1, 2, frames=1),
    ],
)
def test_what_cannot_be_drawn_gets_one_sentence(studio, ask):
    with pytest.raises(BoneStudioError) as refused:
        ask(studio)
    assert str(refused.value).endswith(".")
    assert "\n" not in str(refused.value)


def hands(seeds):
    """Films of one bone serve here: what is tested is the search."""
    return [VirtualPatient(seed, "F").phalange(6.0 + seed % 9).image.pixels for seed in seeds]


@pytest.fixture(scope="module")
def films():
    return hands(range(10)), hands(range(20, 28))


@pytest.fixture(scope="module")
def remembering(tmp_path_factory, films):
    folder = tmp_path_factory.mktemp("memory")
    write_generator(folder)
    write_memory(folder, *films)
    return folder


def test_a_copy_is_found_and_its_film_shown_from_the_folder(
    remembering, films, monkeypatch, tmp_path
):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(remembering))
    studio = FractureStudio()
    copy = np.roll(films[0][4][:, ::-1], 3, axis=0)
    found = studio.nearest(Radiograph(pixels=np.ascontiguousarray(copy)))
    assert (found.name, found.films, found.ruler, found.film) == ("film4", 10, 8, None)
    assert found.nearer == 0  # no other person comes so near
    stranger = studio.nearest(Radiograph(pixels=hands([40])[0]))
    assert stranger.distance > 2 * found.distance

    for number, film in enumerate(films[0]):
        write_radiograph(Radiograph(pixels=film), tmp_path / f"film{number}.png")
    monkeypatch.setenv("BONESTUDIO_FILMS", str(tmp_path))
    shown = studio.nearest(Radiograph(pixels=np.ascontiguousarray(copy))).film
    assert np.abs(shown.pixels - films[0][4]).max() < 1e-3


def test_without_a_table_nothing_is_claimed(studio):
    with pytest.raises(CheckpointError, match="remember"):
        studio.nearest(Radiograph(pixels=np.zeros((32, 32), np.float32)))


def test_a_memory_needs_films(remembering):
    from bonestudio.instruments.fracture.memory import remember
    from bonestudio.metrics.extractors import find_extractor

    with pytest.raises(RequestError, match="8 films"):
        remember([np.zeros((8, 8))] * 2, [np.zeros((8, 8))] * 2, find_extractor("bone2d-phantom"))

"""The extractors behind FID: shipped weights, and Inception-v3 of a local file."""

import hashlib
import os

import numpy as np
import pytest
import torch

from bonestudio.checkpoints import find_card
from bonestudio.errors import CheckpointError, RequestError
from bonestudio.metrics.distributions import frechet_distance
from bonestudio.metrics.extractors import (
    INCEPTION,
    extractor_names,
    film_levels,
    find_extractor,
    scan_levels,
)
from bonestudio.phantoms.ordering import orders

SHIPPED = ("bone2d-phantom", "bone2d-rsna")
KINDS = ("phalange", "femur", "forearm")


@pytest.fixture(scope="module")
def films() -> dict[str, list[np.ndarray]]:
    """Films of virtual patients that no extractor was trained on."""
    return {
        kind: [
            order.render(order.views[0]).image.pixels
            for order in orders(kind, 24, seed=2_000_000, style="natural", ages=(4, 17))
        ]
        for kind in KINDS
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_features_are_the_same_each_time(name, films):
    extractor = find_extractor(name)
    once = extractor.features(films["femur"])
    again = find_extractor(name).features(films["femur"], batch=5)
    assert once.shape == (24, 256)
    torch.testing.assert_close(again, once, rtol=1e-4, atol=1e-4)
    assert torch.equal(extractor.features(films["femur"]), once)
    assert once.std(0).gt(0).sum() > 128  # features tell films apart, they are not constants


@pytest.mark.parametrize("name", SHIPPED)
def test_the_hash_is_that_of_the_weights(name):
    card, folder = find_card(f"extractors/{name}")
    digests = [hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in card.files]
    expected = hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()[:12]
    extractor = find_extractor(name)
    assert extractor.hash == expected
    assert str(extractor) == f"{name} ({expected})"
    assert (card.metrics[0].n > 100, bool(card.licence), bool(card.limits)) == (True, True, True)


def test_extractors_have_hashes_of_their_own():
    assert len({find_extractor(name).hash for name in SHIPPED}) == len(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_halves_of_one_kind_are_closer_than_two_kinds(name, films):
    extractor = find_extractor(name)
    seen = {kind: extractor.features(images) for kind, images in films.items()}
    within = [frechet_distance(f[::2], f[1::2]) for f in seen.values()]
    between = [frechet_distance(seen[a][::2], seen[b][1::2]) for a in KINDS for b in KINDS if a < b]
    assert max(within) < min(between)


def test_the_phantom_extractor_names_bones(films):
    extractor = find_extractor("bone2d-phantom")
    for kind, images in films.items():
        named = extractor.read(images)["kind"].argmax(1)
        assert (named == extractor.kinds.index(kind)).float().mean() > 0.9


def test_tensors_and_arrays_are_seen_alike(films):
    extractor = find_extractor("bone2d-rsna")
    stacked = np.stack(films["femur"][:3])
    a = extractor.features(films["femur"][:3])
    assert torch.equal(extractor.features(torch.from_numpy(stacked)[:, None]), a)
    assert torch.equal(extractor.features(stacked), a)


def test_nothing_to_describe_is_one_sentence():
    with pytest.raises(RequestError, match="no images"):
        find_extractor("bone2d-rsna").features([])


def test_an_unknown_extractor_is_told_the_known_ones():
    with pytest.raises(CheckpointError, match="bone2d-rsna"):
        find_extractor("resnet")


def test_films_are_padded_and_scans_windowed():
    film = film_levels(np.ones((40, 20), np.float32), 32)
    assert film[:, 14:18].min() == 255
    assert film[:, :6].max() == 0
    scan = np.full((4, 8, 8), 500.0)
    levels = scan_levels(scan, shape=(2, 4, 4), window=(0.0, 1000.0))
    assert levels.shape == (2, 4, 4)
    assert set(levels.ravel().tolist()) == {128}


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    """Weights of the right shapes; their values are drawn, so only the plumbing is tested."""
    from safetensors.torch import save_file

    from bonestudio.vision import torchvision

    torch.manual_seed(0)
    network = torchvision.models.inception_v3(weights=None, init_weights=False)
    path = tmp_path_factory.mktemp("inception") / "inception.safetensors"
    save_file(network.state_dict(), path)
    return path


def test_inception_of_a_local_file(inception, monkeypatch, films):
    monkeypatch.setenv("BONESTUDIO_INCEPTION", str(inception))
    assert INCEPTION in extractor_names()
    extractor = find_extractor(INCEPTION)
    assert extractor.features(films["phalange"][:2]).shape == (2, 2048)
    assert extractor.hash == hashlib.sha256(inception.read_bytes()).hexdigest()[:12]


def test_inception_is_not_shipped(monkeypatch):
    monkeypatch.delenv("BONESTUDIO_INCEPTION", raising=False)
    assert INCEPTION not in extractor_names()
    with pytest.raises(CheckpointError, match="BONESTUDIO_INCEPTION"):
        find_extractor(INCEPTION)


class Payload:
    """What a pickle could run."""

    def __reduce__(self):
        return os.mkdir, (os.environ["PAYLOAD"],)


def test_code_in_a_weights_file_is_never_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PAYLOAD", str(tmp_path / "ran"))
    torch.save({"weights": Payload()}, tmp_path / "inception.pth")
    monkeypatch.setenv("BONESTUDIO_INCEPTION", str(tmp_path / "inception.pth"))
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        find_extractor(INCEPTION)
    assert not (tmp_path / "ran").exists()


def test_other_weights_are_not_inceptions(tmp_path, monkeypatch):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    monkeypatch.setenv("BONESTUDIO_INCEPTION", str(tmp_path / "other.pth"))
    with pytest.raises(CheckpointError, match="does not hold"):
        find_extractor(INCEPTION)


def test_an_extractor_of_scans_is_read_from_its_card(tmp_path, monkeypatch):
    """One of a user's own, 3D; its card tells the grid and the window of densities."""
    from bonestudio.checkpoints import Card, Part
    from bonestudio.checkpoints.store import save
    from bonestudio.networks.extractor import BoneExtractor

    config = {"kinds": ["radius"], "dims": 3, "width": 4}
    card = Card(
        system="extractors",
        name="scans",
        summary="grades",
        parts={"extractor": Part(architecture="extractor:BoneExtractor", config=config)},
        settings={"scan": {"shape": [8, 16, 16], "window": [-200.0, 1200.0]}},
        trained_on="nothing",
        family="own",
        recipe="none",
        recipe_hash="0",
        steps=0,
        seed=0,
        hardware="none",
        date="2026-01-01",
        licence="none",
        intended_use="a test",
        limits="untrained",
    )
    save(card, {"extractor": BoneExtractor(**config)}, tmp_path)
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path))
    extractor = find_extractor("scans")
    scans = [np.random.default_rng(i).normal(300, 100, (10, 20 + i, 18)) for i in range(3)]
    assert extractor.dims == 3
    assert extractor.prepare(scans).shape == (3, 1, 8, 16, 16)
    assert extractor.features(scans).shape == (3, 32)
    assert not torch.equal(*extractor.features([scans[0], scans[0] + 400]))

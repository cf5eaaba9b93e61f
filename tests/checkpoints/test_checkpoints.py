"""Weights come back as they were written, and nothing that does not fit its card is loaded."""

import errno
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from bonestudio import BoneStudioError
from bonestudio.checkpoints import Card, Part, available, cards, find_card, load, save
from bonestudio.errors import CheckpointError, StorageError
from bonestudio.networks.dcgan import Discriminator, Generator


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path))
    return tmp_path


def make_card(**changes):
    about = {
        "system": "fracture",
        "name": "tiny-phantom",
        "summary": "A critic of hand films",
        "parts": {"discriminator": Part(architecture="dcgan:Discriminator")},
        "trained_on": "nothing: made by a test",
        "family": "own",
        "recipe": "training/fracture/tiny.toml",
        "recipe_hash": "0" * 64,
        "steps": 0,
        "seed": 1,
        "hardware": "CPU",
        "date": "2026-01-01",
        "licence": "Apache-2.0",
        "intended_use": "tests",
        "limits": "untrained",
    }
    return Card(**about | changes)


def test_full_precision_round_trip_is_exact(own):
    torch.manual_seed(0)
    network = Discriminator()
    save(make_card(), {"discriminator": network}, own, precision="float32")
    back = load("fracture/tiny-phantom")
    assert not back["discriminator"].training
    for key, value in network.state_dict().items():
        assert torch.equal(back["discriminator"].state_dict()[key], value), key


def test_half_precision_is_half_the_size_and_close(own):
    network = Discriminator()
    full = save(make_card(), {"discriminator": network}, own)
    size = sum((own / "fracture" / file).stat().st_size for file in full.files)
    assert 2 * 2_795_776 < size < 2 * 2_795_776 + 40_000
    weight = load("fracture/tiny-phantom")["discriminator"].state_dict()
    for key, value in network.state_dict().items():
        torch.testing.assert_close(weight[key], value, atol=1e-3, rtol=1e-3)
        assert weight[key].dtype == value.dtype


def test_what_half_precision_cannot_hold_stays_whole(own):
    network = Discriminator()
    norm = next(layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d))
    norm.running_var.fill_(80_000.0)  # half's largest number is 65 504
    save(make_card(), {"discriminator": network}, own)
    state = load("fracture/tiny-phantom")["discriminator"].state_dict()
    assert (state[next(k for k in state if k.endswith("running_var"))] == 80_000).all()


def test_large_networks_are_sharded_under_sixteen_megabytes(own):
    card = make_card(parts={"generator": Part(architecture="dcgan:Generator")})
    full = save(card, {"generator": Generator()}, own)
    sizes = [(own / "fracture" / file).stat().st_size for file in full.files]
    assert len(sizes) > 1
    # One layer alone (1024 × 512 × 4 × 4) is larger than a shard; it stands by itself.
    assert max(sizes) < 17 * 1024 * 1024
    assert load("fracture/tiny-phantom")["generator"](torch.zeros(1, 100)).shape[-1] == 128


def test_a_checkpoint_describes_itself(own):
    full = save(make_card(), {"discriminator": Discriminator()}, own)
    (file,) = full.files
    with safe_open(own / "fracture" / file, framework="pt") as opened:
        inside = json.loads(opened.metadata()["card"])
    assert inside["parts"] == {
        "discriminator": {"architecture": "dcgan:Discriminator", "config": {}}
    }


def test_the_users_folder_comes_first(own):
    save(make_card(summary="mine"), {"discriminator": Discriminator()}, own)
    assert "fracture/tiny-phantom" in [card.id for card in cards("fracture")]
    assert available("fracture/tiny-phantom")
    assert find_card("fracture/tiny-phantom")[0].summary == "mine"


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda f: (f / "tiny-phantom.safetensors").write_bytes(b"junk"), "damaged"),
        (lambda f: (f / "tiny-phantom.safetensors").unlink(), "cannot be read"),
        (lambda f: (f / "tiny-phantom.json").write_text("{}"), "damaged at system"),
        (lambda f: (f / "tiny-phantom.json").write_text("not json"), "damaged"),
        (lambda f: _swap(f, "dcgan:Discriminator", "dcgan:Generator"), "another discriminator"),
        (lambda f: _swap(f, "dcgan:Discriminator", "dcgan:Nothing"), "does not have"),
        (lambda f: _swap(f, "dcgan:Discriminator", "dcgan:Tensor"), "not a network"),
        (lambda f: _swap(f, '"config": {}', '"config": {"legs": 4}'), "does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(own, harm, says):
    save(make_card(), {"discriminator": Discriminator()}, own)
    harm(own / "fracture")
    with pytest.raises(CheckpointError, match=says) as refused:
        load("fracture/tiny-phantom")
    assert "\n" not in str(refused.value)


def _swap(folder, old, new):
    path = folder / "tiny-phantom.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_a_card_cannot_reach_outside_the_networks(own):
    save(make_card(), {"discriminator": Discriminator()}, own)
    _swap(own / "fracture", "dcgan:Discriminator", "os:system")
    with pytest.raises(CheckpointError, match="does not have"):
        load("fracture/tiny-phantom")
    with pytest.raises(ValueError, match="architecture"):
        Part(architecture="..checkpoints.store:Checkpoint")


@pytest.mark.parametrize("name", ["fracture/none", "", "/", "../etc/passwd", "fracture/../../x"])
def test_unknown_names_are_one_sentence(own, name):
    with pytest.raises(CheckpointError, match="no checkpoint"):
        find_card(name)


def test_a_full_disk_leaves_nothing_behind(own, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        save(make_card(), {"discriminator": Discriminator()}, own)
    assert not [path for path in own.rglob("*") if path.is_file()]


def test_every_shipped_checkpoint_loads():
    for card in cards():
        try:
            networks = load(card.id).networks
        except BoneStudioError as error:  # pragma: no cover - the message is the finding
            pytest.fail(f"{card.id}: {error}")
        assert set(networks) == set(card.parts)


def test_every_shipped_card_says_what_its_data_allow():
    shipped_cards = cards()
    assert shipped_cards
    for card in shipped_cards:
        assert min(map(len, (card.summary, card.intended_use, card.limits))) > 20, card.id
        assert all(metric.n > 0 and metric.data for metric in card.metrics), card.id
        if card.family == "phantom":
            assert card.licence == "Apache-2.0"
            assert "irtual" in card.trained_on, card.id
        else:  # real images ship in no other family
            assert card.family == "rsna"
            assert "non-commercial" in card.licence
            assert "Halabi" in card.citation
            assert "https://www.rsna.org/" in card.citation  # its terms ask for the link
            assert "RSNA" in card.trained_on, card.id


def test_a_folder_that_nobody_may_write_to_is_read(monkeypatch):
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    try:
        save(make_card(), {"discriminator": Discriminator()}, folder)
        for path in (folder, folder / "fracture"):
            path.chmod(0o555)
        monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(folder))
        with _without_the_powers_of_root():
            assert load("fracture/tiny-phantom").card.name == "tiny-phantom"
            with pytest.raises(StorageError, match="Permission denied"):
                save(make_card(), {"discriminator": Discriminator()}, folder)
        assert len(list(folder.rglob("*"))) == 3
    finally:
        for path in (folder, folder / "fracture"):
            path.chmod(0o755)
        shutil.rmtree(folder)


@contextmanager
def _without_the_powers_of_root():
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # nobody
    try:
        yield
    finally:
        os.seteuid(user)

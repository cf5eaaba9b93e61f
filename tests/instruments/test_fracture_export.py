"""Labelled sets: MURA reads them, the manifest makes each image again, what is stopped leaves nothing."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from hand_weights import write_generator, write_refiners
from PIL import Image

from bonestudio.cohorts import Mura
from bonestudio.errors import BoneStudioError, CheckpointError, RequestError, StorageError
from bonestudio.instruments.fracture.design import Design
from bonestudio.instruments.fracture.export import MANIFEST, export, read_manifest, regenerate
from bonestudio.instruments.fracture.studio import FractureStudio
from bonestudio.instruments.fracture.wanted import Wanted

SMALL = {"size": 96, "seed": 8}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_generator(folder)
    write_refiners(folder)
    return folder


@pytest.fixture(autouse=True)
def _own_weights(weights, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(weights))


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A set of three forearms of each class and how its making was told."""
    path = tmp_path_factory.mktemp("set") / "forearms.zip"
    return path, list(export(Wanted(count=3, **SMALL), path))


def test_progress_counts_every_image_and_ends_with_the_file(packed):
    path, steps = packed
    assert [step.done for step in steps] == list(range(7))
    assert {step.total for step in steps} == {6}
    assert [step.path for step in steps] == [None] * 6 + [path]


def test_mura_reads_the_set_back(packed, tmp_path):
    zipfile.ZipFile(packed[0]).extractall(tmp_path)
    mura = Mura(tmp_path, region="XR_FOREARM")
    assert [entry.labels["abnormal"] for entry in mura.entries].count(1) == 3
    assert len(mura.entries) == 6
    assert len(mura.studies) == 4  # two patients of each class, the second with one view
    rows = {row["file"]: row for row in read_manifest(packed[0])}
    for i, entry in enumerate(mura.entries):
        row = rows[f"{entry.name}.png"]
        assert row["label"] == entry.labels["abnormal"]
        assert ("study1_positive" in row["file"]) == bool(row["ao"])
        assert mura[i].image.shape == (96, 96)


def test_masks_show_the_break_and_the_bones(packed):
    with zipfile.ZipFile(packed[0]) as pack:
        for row in read_manifest(packed[0]):
            mask = np.asarray(Image.open(io.BytesIO(pack.read(row["mask"]))))
            truth = Design.from_dict(row["design"]).render()
            assert np.array_equal(mask[..., 0] > 0, truth.mask)
            assert (mask[..., 0] > 0).any() == bool(row["label"])
            for layer, bone in ((1, "radius"), (2, "ulna")):
                assert np.array_equal(mask[..., layer] > 0, truth.truth.masks[bone])
            film = Image.open(io.BytesIO(pack.read(row["file"])))
            assert film.mode == "L"  # 8 bits, as MURA has them


def test_the_manifest_makes_every_image_again_bit_for_bit(packed):
    with zipfile.ZipFile(packed[0]) as pack:
        for line in pack.read(MANIFEST).decode().splitlines():
            row = json.loads(line)
            image, mask = regenerate(row)
            assert image == pack.read(row["file"])
            assert mask == pack.read(row["mask"])
            assert hashlib.sha256(image).hexdigest() == row["sha256"]
        assert FractureStudio().again(row)[2]
        assert "not for diagnosis" in pack.read("README.txt").decode()


def test_processes_pack_the_same_file(packed, tmp_path):
    steps = list(export(Wanted(count=3, **SMALL), tmp_path / "two.zip", workers=2))
    assert [step.done for step in steps] == list(range(7))
    assert (tmp_path / "two.zip").read_bytes() == packed[0].read_bytes()


def test_what_is_stopped_leaves_nothing_half_written(tmp_path):
    path = tmp_path / "set.zip"
    path.write_bytes(b"an older file")
    making = export(Wanted(count=8, **SMALL), path)
    for step in making:
        if step.done == 2:
            break
    assert len(list(tmp_path.iterdir())) == 2
    making.close()
    assert [one.name for one in tmp_path.iterdir()] == ["set.zip"]
    assert path.read_bytes() == b"an older file"


def test_refined_arms_and_their_masks(tmp_path):
    list(export(Wanted(count=1, refined=True, **SMALL), tmp_path / "set.zip"))
    with zipfile.ZipFile(tmp_path / "set.zip") as pack:
        for row in read_manifest(tmp_path / "set.zip"):
            word = "abnormal" if row["label"] else "normal"
            assert row["refiner"]["id"] == f"fracture/cyclegan-forearm-{word}-test"
            image, mask = regenerate(row)
            assert (image, mask) == (pack.read(row["file"]), pack.read(row["mask"]))
            shapes = {np.asarray(Image.open(io.BytesIO(b))).shape[:2] for b in (image, mask)}
            assert shapes == {(64, 64)}
            assert (np.asarray(Image.open(io.BytesIO(mask)))[..., 0] > 0).any() == bool(
                row["label"]
            )


def test_hands_are_a_set_of_one_class(tmp_path, weights):
    wanted = Wanted(source="hand", count=3, seed=9, truncation=1.0)
    list(export(wanted, tmp_path / "hands.zip"))
    rows = read_manifest(tmp_path / "hands.zip")
    assert [row["hand"]["seed"] for row in rows] == [9, 10, 11]
    zipfile.ZipFile(tmp_path / "hands.zip").extractall(tmp_path)
    assert [e.labels["abnormal"] for e in Mura(tmp_path, region="XR_HAND").entries] == [0, 0, 0]
    assert all(regenerate(row)[0] == (tmp_path / row["file"]).read_bytes() for row in rows)
    other = {**rows[0], "model": {**rows[0]["model"], "hash": "0" * 16}}
    with pytest.raises(RequestError, match="not the weights"):
        regenerate(other)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"source": "hip"}, "hip"),
        ({"count": 0}, "not 0"),
        ({"size": 10}, "64 to 1024"),
        ({"seed": -4}, "-4"),
        ({"source": "hand", "refined": True}, "arms"),
        ({"source": "hand", "model": "none"}, "no checkpoint"),
    ],
)
def test_what_cannot_be_packed_gets_one_sentence_and_leaves_nothing(tmp_path, wrong, says):
    with pytest.raises(BoneStudioError, match=says) as refused:
        list(export(Wanted(**wrong), tmp_path / "set.zip"))
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_without_refiners_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setattr("bonestudio.instruments.fracture.refiner.refiners", lambda **_: [])
    with pytest.raises(CheckpointError, match="refine"):
        list(export(Wanted(count=1, refined=True), tmp_path / "set.zip"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(StorageError, match="No space left"):
        list(export(Wanted(count=1, **SMALL), tmp_path / "set.zip"))
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", [{}, {"design": {"colour": "red"}}, {"hand": {}, "model": {}}])
def test_a_line_that_is_none_gets_one_sentence(row):
    with pytest.raises(RequestError):
        regenerate(row)

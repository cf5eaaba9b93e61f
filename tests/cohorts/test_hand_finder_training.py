import csv

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from bonestudio.checkpoints import load
from bonestudio.cohorts.hand import JOINTS
from bonestudio.cohorts.hand_examples import (
    Example,
    boxed_joints,
    label,
    name_boxes,
    phantom_examples,
)
from bonestudio.cohorts.hand_finder import find_joints
from bonestudio.cohorts.hand_finder_training import main, train_finder
from bonestudio.errors import ImageError
from bonestudio.imaging.reading import read_radiograph
from bonestudio.networks.landmarks import LandmarkNet


def drawn_hand(turn=0.0):
    """A drawing of a left hand, 300 × 240, and its joints (x, y)."""
    fingers = []
    for f in range(4):
        angle = np.radians(18 - 12 * f)
        out = np.array([np.sin(angle), -np.cos(angle)])
        knuckle = np.array([150 - 22 * f, 150.0])
        fingers += [knuckle + 100 * out, knuckle + 62 * out, knuckle]
    joints = np.array([*fingers, [205, 150], [180, 185], [115, 230], [130, 262], [100, 262]])
    cos, sin = np.cos(turn), np.sin(turn)
    joints = (joints - 125) @ np.array([[cos, sin], [-sin, cos]]) + 125
    picture = Image.new("L", (240, 300), 20)
    pen = ImageDraw.Draw(picture)
    for i in range(0, 12, 3):
        pen.line([tuple(p) for p in [*joints[i : i + 3], joints[14]]], fill=150, width=12)
    for x, y in joints:
        pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=230)
    return picture, joints


@pytest.fixture
def folder(tmp_path):
    rows, boxes = ["id,boneage,male"], []
    for film in range(3):
        picture, joints = drawn_hand(0.1 * (film - 1))
        picture.save(tmp_path / f"{film}.png")
        rows.append(f"{film},{100 + film},True")
        for name, (x, y) in zip(JOINTS, joints, strict=True):
            kind = (
                name.title()
                if name in {"wrist", "radius", "ulna"}
                else name[:-1].replace("IP", "PIP")
            )
            kind = kind.replace("DPIP", "DIP").replace("PPIP", "PIP")
            left, top = (x - 5.5) / 240, (y - 5.5) / 300
            boxes.append([film, kind, left, top, left + 12 / 240, top + 12 / 300])
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    with (tmp_path / "joints.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "joint", "xmin", "ymin", "xmax", "ymax"])
        order = np.random.default_rng(0).permutation(len(boxes))  # boxes come in any order
        table.writerows([boxes[i] for i in order])
    return tmp_path


def test_boxes_get_the_names_of_their_fingers(folder):
    for film in range(3):
        named = name_boxes(boxed_joints(folder / "joints.csv")[str(film)], (300, 240))
        _, joints = drawn_hand(0.1 * (film - 1))
        assert set(named) == set(JOINTS)
        for name, (x, y) in zip(JOINTS, joints, strict=True):
            np.testing.assert_allclose(
                (named[name][:2] + named[name][2:]) / 2 - 0.5, [x, y], atol=1e-6
            )


def test_virtual_hands_are_examples_and_their_unknown_joints_are_left_out():
    (example,) = phantom_examples(1, seed=8)
    assert example.film.shape == (384, 312)
    assert np.isfinite(example.points[:15]).all()
    assert np.isnan(example.points[15:]).all()  # the ends of radius and ulna
    assert (example.points[0:12:3, 1] < example.points[1:12:3, 1]).all()  # DIP above PIP
    network = LandmarkNet(channels=(8, 8))
    train_finder(network, [example], np.ones(1), steps=1, rate=1e-3, batch=2)
    assert all(torch.isfinite(weight).all() for weight in network.parameters())


def test_training_learns_and_repeats_itself():
    picture, joints = drawn_hand()
    film = torch.from_numpy(np.asarray(picture, np.float32) / 255)
    example, weights = Example(film, joints), []
    for _ in range(2):
        torch.manual_seed(0)
        network = LandmarkNet(channels=(8, 8, 8))
        before = network.maps.weight.clone()
        train_finder(network, [example], np.ones(1), steps=2, rate=1e-3, batch=2)
        assert not torch.equal(before, network.maps.weight)
        weights.append(network.maps.weight.detach().clone())
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
    assert label(network, film, np.random.default_rng(0)) is None  # it is sure of nothing yet


def test_the_command_writes_a_checkpoint_that_loads(folder, tmp_path, monkeypatch):
    out = tmp_path / "weights"
    main([str(folder), "--out", str(out), "--steps", "2", "0", "--without", "2"])
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(out))
    card = load("cohorts/hand-landmarks-rsna").card
    assert (card.family, card.steps) == ("rsna", 2)
    assert card.trained_on.startswith("2 hands")
    with pytest.raises(ImageError, match="No whole hand was found"):
        find_joints(read_radiograph(folder / "0.png"))


def test_a_folder_without_boxes_is_refused(folder, tmp_path):
    (folder / "joints.csv").unlink()
    with pytest.raises(ImageError, match=r"no 'joints\.csv'"):
        main([str(folder), "--out", str(tmp_path / "weights")])

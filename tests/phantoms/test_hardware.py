"""Metal: chords of cylinders and boxes are exact, and metal is the brightest thing on a film."""

import numpy as np
import pytest
import torch

from bonestudio.errors import RequestError
from bonestudio.phantoms.forearm import render_forearms
from bonestudio.phantoms.hardware import Bar, Cylinder, Hardware, metal_path
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.pose_pieces import Canvas

CANVAS = Canvas(
    height=120,
    width=120,
    pixel=torch.tensor([0.25]).double(),
    origin=torch.tensor([[-15.0, -15.0]]).double(),
)


def point(*xyz):
    return torch.tensor([xyz], dtype=torch.float64)


@pytest.mark.parametrize("end", [(10.0, 0.0, 0.0), (6.0, 5.0, 3.0), (0.2, 0.1, 9.0)])
def test_volume_of_a_cylinder(end):
    start = [-v for v in end]
    path = metal_path([Cylinder(point(*start), point(*end), 2.0)], CANVAS)
    volume = path.sum().item() * 0.25**2
    length = 2 * float(np.linalg.norm(end))
    assert volume == pytest.approx(np.pi * 4 * length, rel=0.02)


def test_the_chord_through_the_middle_of_a_lying_wire_is_its_diameter():
    path = metal_path([Cylinder(point(-8, 0.0, 0.0), point(8, 0.0, 0.0), 0.8)], CANVAS)
    assert path.max().item() == pytest.approx(1.6, abs=0.01)


def test_volume_of_a_tilted_box():
    turn = torch.linalg.qr(
        torch.tensor([[1.0, 0.3, 0.2], [0.1, 1.0, -0.4], [0.3, 0.2, 1.0]]).double()
    ).Q
    path = metal_path([Bar(point(0.0, 0.0, 0.0), turn[None], (8.0, 4.0, 1.5))], CANVAS)
    assert path.sum().item() * 0.25**2 == pytest.approx(8 * 16 * 8 * 3 * 0.125, rel=0.02)


def test_a_hole_is_taken_out():
    bar = Bar(point(0.0, 0.0, 0.0), torch.eye(3).double()[None], (8.0, 4.0, 1.5))
    hole = Cylinder(point(0.0, 0.0, -1.5), point(0.0, 0.0, 1.5), 2.0)
    whole, drilled = metal_path([bar], CANVAS), metal_path([bar], CANVAS, holes=[hole])
    lost = (whole - drilled).sum().item() * 0.25**2
    assert lost == pytest.approx(np.pi * 4 * 3, rel=0.05)


@pytest.mark.parametrize(
    "hardware",
    [Hardware(), Hardware(kind="wires", count=2, level=0.9), Hardware(bone="ulna", metal="steel")],
)
def test_metal_is_bright_and_masked(hardware):
    person = [VirtualPatient(3)]
    plain = render_forearms(person, "PA", style="synthetic")[0]
    film = render_forearms(person, "PA", hardware=hardware, style="synthetic")[0]
    mask = film.truth.masks[hardware.metal]
    assert mask.sum() > 20
    assert film.image.pixels[mask].mean() > plain.image.pixels[mask].mean() + 0.1
    assert film.truth.labels["hardware"] == hardware.kind


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "glue"},
        {"bone": "both"},
        {"metal": "gold"},
        {"level": 2.0},
        {"count": 40},
        {"kind": "wires", "count": 6},
    ],
)
def test_a_bad_request_gets_one_sentence(wrong):
    with pytest.raises(RequestError) as caught:
        Hardware(**wrong)
    assert str(caught.value).endswith(".")

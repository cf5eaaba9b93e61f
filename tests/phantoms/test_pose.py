"""Kinematics: a rigid tree, joints that turn about their axes, fingers that lie as asked."""

import math

import pytest
import torch

from bonestudio.phantoms.hand_bones import sizes
from bonestudio.phantoms.hand_pose import hand_on_cassette
from bonestudio.phantoms.patient import VirtualPatient
from bonestudio.phantoms.pose import Ray, articulate, lay, long_axis, rotation, stretch
from bonestudio.phantoms.pose_kinematics import BONES, finger_chain, kinematics

UNIT = {bone: torch.eye(3, dtype=torch.float64)[None] for bone in BONES}


def flexed(**degrees):
    angles = {joint: torch.deg2rad(torch.tensor([v])).double() for joint, v in degrees.items()}
    return articulate(angles or {"pro_sup": torch.zeros(1).double()}, scale=UNIT)


def test_every_transform_is_rigid():
    for place in flexed(pro_sup=40.0, elbow_flexion=70.0, mcp2_flexion=60.0).values():
        turn = place[0, :3, :3]
        assert torch.allclose(turn @ turn.T, torch.eye(3).double(), atol=1e-9)
        assert torch.det(turn).item() == pytest.approx(1.0)


def test_the_root_stays_at_the_zero():
    assert torch.allclose(flexed(pro_sup=50.0)["lunate"][0], torch.eye(4).double(), atol=1e-12)


def test_a_bent_knuckle_moves_the_fingertip_to_the_palm_and_nothing_else():
    straight, bent = flexed(), flexed(mcp2_flexion=45.0)
    tip = "distal_phalanx_2"
    assert bent[tip][0, 2, 3] < straight[tip][0, 2, 3] - 20  # the palm is away from the tube
    reach = (
        torch.linalg.norm(straight[tip][0, :3, 3] - straight["proximal_phalanx_2"][0, :3, 3]),
        torch.linalg.norm(bent[tip][0, :3, 3] - bent["proximal_phalanx_2"][0, :3, 3]),
    )
    assert reach[0].item() == pytest.approx(reach[1].item(), abs=1e-9)
    for bone in ("metacarpal_2", "distal_phalanx_3", "radius"):
        assert torch.allclose(bent[bone], straight[bone])


def test_rotation_agrees_with_the_matrix_exponential():
    axis = torch.tensor([1.0, 2.0, -2.0]).double() / 3
    x, y, z = axis.tolist()
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]]).double()
    found = rotation(axis, torch.tensor([0.7]).double())[0]
    assert torch.allclose(found, torch.matrix_exp(0.7 * cross), atol=1e-12)


def test_stretch_lengthens_along_and_widens_across():
    axis = long_axis("proximal_phalanx_3")
    scale = stretch(
        "proximal_phalanx_3", torch.tensor([2.0]).double(), torch.tensor([0.5]).double()
    )
    assert torch.allclose(scale[0] @ axis, 2 * axis)
    across = torch.linalg.cross(axis, torch.tensor([0.0, 0.0, 1.0]).double())
    assert torch.allclose(scale[0] @ across, 0.5 * across)


def test_a_laid_finger_points_where_it_was_told():
    degrees = (12.0, 20.0, 25.0, 10.0)
    ray = Ray(
        tuple(torch.tensor([d]).double() for d in degrees),
        torch.zeros(1).double(),
        tuple(torch.zeros(1).double() for _ in degrees),
    )
    placed = lay(flexed(), {3: ray}, scale=UNIT)
    for bone, asked in zip(finger_chain(3), degrees, strict=True):
        way = placed[bone][0, :3, :3] @ long_axis(bone)
        assert math.degrees(math.atan2(way[0], -way[1])) == pytest.approx(asked, abs=1e-6)
        assert way[2].item() == pytest.approx(0.0, abs=1e-9)
    joint = torch.linalg.norm(
        placed["middle_phalanx_3"][0, :3, 3] - placed["proximal_phalanx_3"][0, :3, 3]
    )
    rest = torch.from_numpy(kinematics().rest["middle_phalanx_3"][:3, 3])
    assert joint.item() == pytest.approx(torch.linalg.norm(rest).item())


def test_hands_differ_and_a_hand_is_the_same_in_any_batch():
    people = [VirtualPatient(i) for i in range(4)]
    together = hand_on_cassette(people, sizes(people, [10.0] * 4))
    alone = hand_on_cassette(people[2:3], sizes(people[2:3], [10.0]))
    assert torch.allclose(together["distal_phalanx_2"][2], alone["distal_phalanx_2"][0], atol=1e-9)
    assert not torch.allclose(
        together["distal_phalanx_2"][0], together["distal_phalanx_2"][1], atol=1
    )

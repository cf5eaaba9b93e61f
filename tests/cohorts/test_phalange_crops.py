import numpy as np
import pytest

from bonestudio.cohorts import HandJoints, PhalangeBox, crop_box, crop_phalange, phalange_box
from bonestudio.cohorts.hand import JOINTS, plausible
from bonestudio.cohorts.phalange import FRAME
from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.phantoms import VirtualPatient


def drawn_finger(angle, *, shape=(240, 200), centre=(120, 100), length=60):
    """A dark film with a bone of 60 × 16 pixels, its tip half brighter, turned clockwise."""
    rows, columns = np.indices(shape).astype(np.float64)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    up = -(rows - centre[0]) * cos + (columns - centre[1]) * sin
    right = (rows - centre[0]) * sin + (columns - centre[1]) * cos
    bone = (np.abs(up) < length / 2) & (np.abs(right) < 8)
    pixels = 0.1 + 0.4 * bone + 0.3 * (bone & (up > 0)) + 0.1 * (bone & (right > 4))
    return Radiograph(pixels=pixels.astype(np.float32), spacing=(0.2, 0.2), age=7.0, sex="F")


def hand_with_index(dip, pip, mcp, *, score=0.95, mirrored=False):
    points = {name: (0.0, float(i)) for i, name in enumerate(JOINTS)}
    points |= {"DIP2": dip, "PIP2": pip, "MCP2": mcp}
    return HandJoints(points=points, scores=dict.fromkeys(JOINTS, score), mirrored=mirrored)


@pytest.mark.parametrize("angle", [0, 30, -75, 180])
def test_a_crop_is_upright_whatever_the_angle(angle):
    film = drawn_finger(angle)
    crop = crop_box(film, PhalangeBox(row=120, column=100, side=80, angle=angle), contrast="film")
    upright = crop_box(drawn_finger(0), PhalangeBox(row=120, column=100, side=80), contrast="film")
    assert crop.pixels.shape == (128, 128)
    assert np.abs(crop.pixels - upright.pixels).mean() < 0.012
    assert crop.pixels[40, 60] == pytest.approx(0.8, abs=0.02)  # the tip is up
    assert crop.pixels[90, 60] == pytest.approx(0.5, abs=0.02)
    assert crop.pixels[90, 73] == pytest.approx(0.6, abs=0.02)  # right stays right
    assert crop.spacing == pytest.approx((0.2 * 80 / 128, 0.2 * 80 / 128))
    assert (crop.age, crop.sex) == (7.0, "F")


def test_the_crop_shows_the_box_to_the_pixel():
    levels = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    film = Radiograph(pixels=levels)
    box = PhalangeBox(row=19.5, column=31.5, side=32)  # pixels 4 … 35 and 16 … 47
    crop = crop_box(film, box, size=32, contrast="film")
    np.testing.assert_allclose(crop.pixels, levels[4:36, 16:48], atol=1e-5)
    np.testing.assert_allclose(box.corners[0] + 0.5, [4, 16])
    np.testing.assert_allclose(box.corners[2] - 0.5, [35, 47])


def test_a_right_hand_is_flipped_to_look_like_a_left_one():
    levels = np.random.default_rng(1).random((64, 64)).astype(np.float32)
    box = PhalangeBox(row=31.5, column=31.5, side=32, mirrored=True)
    crop = crop_box(Radiograph(pixels=levels), box, size=32, contrast="film")
    np.testing.assert_allclose(crop.pixels, levels[16:48, 16:48][:, ::-1], atol=1e-5)


def test_a_large_film_is_smoothed_before_it_is_sampled():
    stripes = np.zeros((512, 512), np.float32)
    stripes[:, ::2] = 1
    crop = crop_box(
        Radiograph(pixels=stripes),
        PhalangeBox(row=255, column=255, side=400),
        size=64,
        contrast="film",
    )
    assert crop.pixels[8:-8, 8:-8].std() < 0.02


def test_stretch_uses_the_crops_own_range():
    crop = crop_box(drawn_finger(10), PhalangeBox(row=120, column=100, side=80, angle=10))
    assert crop.pixels.min() == 0
    assert crop.pixels.max() == 1
    assert crop.window == (0, 1)


@pytest.mark.parametrize("angle", [0, 25, -40])
def test_box_between_two_joints(angle):
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    near, far = (120 + 30 * cos, 100 - 30 * sin), (120 - 30 * cos, 100 + 30 * sin)
    joints = hand_with_index(far, near, (120 + 100 * cos, 100 - 100 * sin))
    box = phalange_box(joints)
    assert (box.row, box.column) == pytest.approx((120, 100))
    assert box.side == pytest.approx(60 * FRAME)
    assert box.angle == pytest.approx(angle)
    crop, same = crop_phalange(drawn_finger(angle), joints, contrast="film")
    assert same == box
    bone = crop.pixels[:, 64] > 0.3
    assert bone.sum() == pytest.approx(128 / FRAME, abs=2)  # the bone fills 1/1.35 of the frame
    proximal = phalange_box(joints, phalanx="proximal")
    assert proximal.side == pytest.approx(70 * FRAME)
    distal = phalange_box(joints, phalanx="distal")
    assert distal.side == pytest.approx(60 * FRAME * 15.8 / 22.4)
    assert (distal.row - 120) * cos - (distal.column - 100) * sin < -30  # beyond the DIP joint


def test_real_and_virtual_phalanges_fill_their_images_alike():
    landmarks = VirtualPatient(3, "F").phalange(9.0, style="synthetic").truth.landmarks
    apart = np.hypot(*(np.array(landmarks["pip"]) - landmarks["dip"]))
    assert apart == pytest.approx(128 / FRAME, abs=0.01)


def test_wrong_requests_get_one_sentence():
    film = drawn_finger(0)
    joints = hand_with_index((90, 100), (150, 100), (220, 100), score=0.3)
    with pytest.raises(ImageError, match="Finger 2 was not found with confidence"):
        crop_phalange(film, joints)
    joints = hand_with_index((90, 100), (150, 100), (220, 100))
    with pytest.raises(RequestError, match=r"2 \(index\) to 5 \(little\) here, not 1"):
        crop_phalange(film, joints, finger=1)
    with pytest.raises(RequestError, match="'proximal', 'middle' or 'distal', not 'tip'"):
        crop_phalange(film, joints, phalanx="tip")
    with pytest.raises(RequestError, match="outside the film"):
        crop_box(film, PhalangeBox(row=500, column=10, side=50))
    with pytest.raises(RequestError, match="at least 4 pixels"):
        PhalangeBox(row=10, column=10, side=0)
    with pytest.raises(RequestError, match="at least 4 pixels"):
        PhalangeBox(row=float("nan"), column=10, side=9)
    with pytest.raises(RequestError, match="8 to 4096 pixels wide, not 0"):
        crop_box(film, PhalangeBox(row=100, column=100, side=50), size=0)
    with pytest.raises(ImageError, match="one grey level"):
        crop_box(film, PhalangeBox(row=20, column=20, side=8))


def test_a_box_over_the_films_edge_repeats_the_edge():
    levels = np.random.default_rng(2).random((40, 40)).astype(np.float32)
    crop = crop_box(
        Radiograph(pixels=levels), PhalangeBox(row=2, column=20, side=32), size=32, contrast="film"
    )
    assert np.isfinite(crop.pixels).all()
    np.testing.assert_allclose(crop.pixels[0], crop.pixels[5], atol=0.05)


def hand_like():
    """[17, 2] x, y of a schematic left hand: thumb to the right."""
    fingers = []
    for f in range(4):
        angle = np.radians(15 - 10 * f)
        out = np.array([np.sin(angle), -np.cos(angle)])
        knuckle = np.array([60 - 12 * f, 100.0])
        fingers += [knuckle + 68 * out, knuckle + 42 * out, knuckle]
    return np.array([*fingers, [100, 100], [85, 120], [45, 160], [50, 190], [35, 190]])


def test_only_hands_are_plausible():
    hand = hand_like()
    assert plausible(hand)
    assert plausible(hand * [-1, 1])  # a right hand
    bent = hand.copy()
    bent[0] = hand[1] + [0, 20]  # the index finger folded back
    assert not plausible(bent)
    crossed = hand.copy()
    crossed[[2, 5]] = crossed[[5, 2]]
    assert not plausible(crossed)
    long = hand.copy()
    long[0] += 3 * (hand[0] - hand[1])
    assert not plausible(long)
    assert not plausible(np.zeros((17, 2)))

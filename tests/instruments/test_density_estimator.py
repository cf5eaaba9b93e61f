"""DensityEstimator: sides, places and values against a model that knows the truth; refusals; files."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from density_weights import SIZE, card
from PIL import Image
from scipy.ndimage import binary_dilation

from bonestudio.errors import CheckpointError, ImageError, RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.density import estimator as room
from bonestudio.instruments.density.domain import has_metal
from bonestudio.instruments.density.estimator import DensityEstimator
from bonestudio.instruments.density.export import export, told
from bonestudio.instruments.density.film import prepare
from bonestudio.instruments.density.pictures import (
    SCALE,
    colour_bar,
    coloured,
    error_layer,
    map_layer,
    region_layer,
)
from bonestudio.instruments.density.truth import compared, read_truth
from bonestudio.measures.density_regions import equation_2
from bonestudio.phantoms import VirtualPatient

MAP = "proximal_femur_bmd_g_cm2"


class Knowing:
    """Weights whose generator gives the map that it was told, of films that lie as left hips."""

    def __init__(self, map_, *, distance=0.5, **settings):
        self.card = card(**settings)
        self.networks = {"familiar": lambda _seen, _kind: torch.tensor([distance])}
        generator = SimpleNamespace(described=lambda film: film.flatten(1).mean(1, keepdim=True))
        answer = torch.from_numpy(np.ascontiguousarray(map_))[None, None]
        self.parts = {
            "generator": type("G", (), {"encoder": generator, "__call__": lambda *_: answer})()
        }

    def __getitem__(self, part):
        return self.parts.get(part) or self.networks[part]


@pytest.fixture(scope="module")
def hip():
    return VirtualPatient(21, "F").hip("supine", "L", size=(SIZE, SIZE // 2))


@pytest.fixture
def knows(monkeypatch):
    def make(map_, **more):
        weights = Knowing(map_, **more)
        monkeypatch.setattr(room, "_weights", lambda _card: weights)
        monkeypatch.setattr(DensityEstimator, "card", lambda _self, _model=None: weights.card)
        return DensityEstimator()

    return make


def mirrored(film):
    return replace(film.with_pixels(film.pixels[:, ::-1].copy()), laterality="R")


def test_a_left_hip_is_told_as_it_is(hip, knows):
    truth = hip.truth.maps[MAP]
    found = knows(truth).estimate(hip.image, age=67, sex="F")
    assert found.prepared.side == "L"
    assert found.domain.verdict == "in-domain"
    above = np.where(truth > 0.1, truth, 0)
    assert np.allclose(found.density, above, atol=1e-4)
    assert np.abs(found.error(above)).max() < 1e-4
    assert found.bmd.density == pytest.approx(equation_2(truth))
    assert found.bmd.interval == pytest.approx((found.bmd.density - 0.08, found.bmd.density + 0.08))
    told_truth = hip.truth.measures["areal_bmd_total_hip_g_cm2"]
    assert found.sites["total_hip"].density == pytest.approx(told_truth, abs=0.015)
    assert found.scores["total_hip"].kind == "T"
    assert sum(found.scores["total_hip"].classes.values()) == pytest.approx(1)
    places, profile = found.profile
    assert len(places) == len(profile) > 15


def test_a_density_is_corrected_by_the_cards_line(hip, knows):
    truth = hip.truth.maps[MAP]
    plain, line = equation_2(truth), (0.2, 0.9)
    found = knows(truth, correction=line).estimate(hip.image)
    assert found.bmd.density == pytest.approx(line[0] + line[1] * plain, rel=0.01)
    factor = found.bmd.density / plain
    assert np.allclose(found.density[truth > 0.2], factor * truth[truth > 0.2], rtol=0.02)


def test_a_right_hip_is_its_mirror_image(hip, knows):
    truth = hip.truth.maps[MAP]
    estimator = knows(truth)
    left = estimator.estimate(hip.image)
    right = estimator.estimate(mirrored(hip.image))
    assert right.prepared.mirrored
    assert np.allclose(right.density, left.density[:, ::-1], atol=1e-6)
    assert np.array_equal(right.masks["neck"], left.masks["neck"][:, ::-1])


def test_a_pelvis_film_is_halved_and_the_map_lies_on_its_half(hip, knows):
    truth = hip.truth.maps[MAP]
    both = np.concatenate([hip.image.pixels[:, ::-1], hip.image.pixels], 1)
    pelvis = Radiograph(pixels=both, spacing=hip.image.spacing, laterality="L")
    estimator = knows(truth)
    left, right = (estimator.estimate(pelvis, side=side) for side in ("L", "R"))
    middle = both.shape[1] // 2
    assert left.density[:, :middle].max() == 0
    assert right.density[:, middle:].max() == 0
    assert np.allclose(left.density[:, middle:], np.where(truth > 0.1, truth, 0), atol=1e-4)
    assert np.allclose(right.prepared.pixels, left.prepared.pixels)


def test_the_side_that_looks_more_like_a_hip_is_taken(hip, knows, monkeypatch):
    estimator = knows(hip.truth.maps[MAP])
    plain = replace(hip.image, laterality=None)
    ahead = hip.image.pixels

    def distance(_weights, seen):
        return 0.2 if np.allclose(seen[0, 0].numpy(), 2 * ahead - 1, atol=0.01) else 3.0

    monkeypatch.setattr(room, "distance_of", distance)
    assert estimator.estimate(plain).prepared.side == "L"
    assert (
        estimator.estimate(mirrored(plain).__class__(pixels=ahead[:, ::-1].copy())).prepared.side
        == "R"
    )


def test_a_film_of_known_spacing_is_cut_to_the_field(hip):
    pitch = hip.image.spacing[0]
    wider = np.pad(hip.image.pixels, ((20, 20), (0, 30)))
    film = Radiograph(pixels=wider, spacing=(pitch, pitch))
    made = prepare(film, "L", size=SIZE)
    assert made.box == (20, 0, SIZE, SIZE // 2)
    assert np.allclose(made.pixels, hip.image.pixels, atol=1e-5)


def test_without_age_or_sex_there_is_no_score(hip, knows):
    plain = replace(hip.image, age=None, sex=None)
    found = knows(hip.truth.maps[MAP]).estimate(plain, age=40)
    assert found.told
    assert {score.kind for score in found.scores.values()} == {None}
    woman = knows(hip.truth.maps[MAP]).estimate(plain, age=40, sex="F")
    assert {score.kind for score in woman.scores.values()} == {"Z"}
    assert not any(score.classes for score in woman.scores.values())


def cut_off(map_):
    moved = np.zeros_like(map_)
    rows = np.flatnonzero((map_ > 0.1).any(1))
    moved[: SIZE - rows[0] - 20] = map_[rows[0] + 20 :]
    return moved


@pytest.mark.parametrize(
    ("change", "more", "verdict", "said"),
    [
        (lambda m: m, {"distance": 1.3}, "doubtful", "unlike 98"),
        (lambda m: m, {"distance": 2.5}, "out", "does not look like"),
        (lambda m: m * 0, {}, "out", "No proximal femur"),
        (lambda m: m * 0.2, {}, "out", ""),
        (lambda m: m * 2.5, {}, "out", "no adult's"),
        (cut_off, {}, "out", "cut off"),
        (lambda m: m, {"distances": {}}, "doubtful", "Nothing is known"),
    ],
)
def test_what_cannot_be_trusted_is_said(hip, knows, change, more, verdict, said):
    map_ = change(hip.truth.maps[MAP]).astype(np.float32)
    found = knows(map_, **more).estimate(hip.image, age=67, sex="F")
    assert found.domain.verdict == verdict
    assert said in found.domain.reason
    assert found.told == (verdict != "out")
    if verdict == "out":  # nothing that could be read as a value
        assert not found.sites
        assert not found.scores
        assert found.profile is None
        assert "g_cm2" not in json.dumps(told(found)["densities"])


def test_metal_is_seen(hip, knows):
    pixels = hip.image.pixels * 0.7
    head = hip.truth.landmarks["head"]
    rows, columns = np.indices(pixels.shape)
    stem = (np.abs(columns - head[1] - 12) < 4) & (rows > head[0]) & (rows < head[0] + 70)
    metal = np.where(stem, np.float32(1), pixels)
    assert has_metal(metal)
    assert not has_metal(pixels)
    found = knows(hip.truth.maps[MAP]).estimate(hip.image.with_pixels(metal))
    assert found.domain.verdict == "out"
    assert "metal" in found.domain.reason
    foreign = knows(hip.truth.maps[MAP], distance=9.0).estimate(hip.image.with_pixels(metal))
    assert "as sharp as metal" in foreign.domain.reason


@pytest.mark.parametrize(
    ("pixels", "error"),
    [
        (np.full((256, 128), 0.5, np.float32), ImageError),
        (np.zeros((40, 20), np.float32), ImageError),
    ],
)
def test_what_is_no_film_is_refused(knows, hip, pixels, error):
    with pytest.raises(error):
        knows(hip.truth.maps[MAP]).estimate(Radiograph(pixels=pixels), side="L")


@pytest.mark.parametrize("wrong", [{"side": "left"}, {"age": 300}, {"sex": "x"}])
def test_nonsense_is_refused(knows, hip, wrong):
    with pytest.raises(RequestError):
        knows(hip.truth.maps[MAP]).estimate(hip.image, **wrong)


def test_without_weights_it_says_so(monkeypatch, tmp_path, hip):
    monkeypatch.setattr(room, "cards", lambda _system: [])
    with pytest.raises(CheckpointError, match="bonestudio train"):
        DensityEstimator().estimate(hip.image)


def test_files_of_a_hip(hip, knows, tmp_path):
    found = knows(hip.truth.maps[MAP]).estimate(hip.image, age=67, sex="F")
    files = export(hip.image, found, tmp_path / "out")
    with Image.open(files["png"]) as page:
        assert page.size == (1240, 877)
    assert files["pdf"].read_bytes().startswith(b"%PDF")
    assert np.array_equal(np.load(files["npy"]), found.density)
    answer = json.loads(files["json"].read_text())
    assert "Confirm by DXA" in answer["notice"]
    assert answer["densities"]["proximal_femur"]["g_cm2"] == pytest.approx(found.bmd.density)
    assert answer["scores"]["neck"]["kind"] == "T"


def test_layers_lie_where_the_femur_is(hip, knows):
    truth = hip.truth.maps[MAP]
    found = knows(truth).estimate(hip.image)
    assert np.array_equal(map_layer(found)[..., 3] > 0, found.density > 0)
    outlines = region_layer(found)[..., 3] > 0
    assert outlines.any()
    assert not outlines[~binary_dilation(found.density > 0)].any()
    apart = error_layer(np.array([[-0.5, 0.0, 0.25]], np.float32))
    assert apart[0, :, 3].tolist() == [255, 0, 128]
    assert apart[0, 0, 2] > apart[0, 0, 0]
    assert apart[0, 2, 0] > apart[0, 2, 2]


def test_a_true_map_is_read_and_held_against_the_estimate(hip, knows, tmp_path):
    truth = np.where(hip.truth.maps[MAP] > 0.1, hip.truth.maps[MAP], 0).astype(np.float32)
    np.save(tmp_path / "true.npy", truth)
    Image.fromarray(np.rint(truth * 1000).astype(np.uint16)).save(tmp_path / "true.png")
    found = knows(truth * np.float32(1.1)).estimate(hip.image)
    for name, near in (("true.npy", 1e-6), ("true.png", 1e-3)):
        beside = compared(found, read_truth(tmp_path / name))
        assert beside.found == pytest.approx(1.1 * beside.true, rel=5e-3)
        assert np.allclose(beside.error[truth > 0.2], 0.1 * truth[truth > 0.2], atol=near + 1e-4)
    with pytest.raises(RequestError, match="film's size"):
        compared(found, truth[1:])
    with pytest.raises(ImageError, match="nothing to compare"):
        compared(knows(truth * 0).estimate(hip.image), truth)


@pytest.mark.parametrize("wrong", [np.full((9, 9), 77.0), np.full((9, 9), np.nan), np.ones(9)])
def test_what_is_no_map_is_refused(tmp_path, wrong):
    np.save(tmp_path / "wrong.npy", wrong)
    with pytest.raises(ImageError, match="A true map is"):
        read_truth(tmp_path / "wrong.npy")
    Image.new("L", (64, 64)).save(tmp_path / "grey.png")
    (tmp_path / "text.png").write_text("no picture")
    for name in ("grey.png", "text.png"):
        with pytest.raises(ImageError, match="A true map is"):
            read_truth(tmp_path / name)


def test_colours_grow_brighter_with_density():
    values = np.linspace(*SCALE, 50, dtype=np.float32)[None]
    grey = coloured(values)[0].astype(float) @ [0.299, 0.587, 0.114]
    assert (np.diff(grey) > 0).all()
    bar = colour_bar(20)
    assert np.array_equal(bar[0, 0], coloured(np.float32([[SCALE[1]]]))[0, 0])

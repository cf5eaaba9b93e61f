"""Tables and map of ageing: tiny untrained models, few patients, real arithmetic."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from bonestudio.checkpoints import Card, Part
from bonestudio.checkpoints.store import save
from bonestudio.cli import main
from bonestudio.errors import RequestError
from bonestudio.networks.bapgan import Encoder, Generator
from bonestudio.training.tables.agers import ABLATIONS, Ager
from bonestudio.training.tables.identity import SamePatient
from bonestudio.training.tables.lives import AGAIN, YEARS, grow

SEED = 1_500_000


def write_model(folder, name: str, *, bone: str = "phalange", **settings) -> None:
    """An untrained model of the narrowest kind."""
    told = {"classes": 5, "smoothing": 0.2, "continuous": True, "sexes": True}
    told |= {"bone": bone, "size": 128, **settings}
    torch.manual_seed(0)
    encoder = {"width": 2, "latent": 8}
    generator = {"width": 2, "latent": 8, "sexes": told["sexes"]}
    card = Card(
        system="age",
        name=name,
        summary="untrained",
        parts={
            "encoder": Part(architecture="bapgan:Encoder", config=encoder),
            "generator": Part(architecture="bapgan:Generator", config=generator),
        },
        settings=told,
        trained_on="nothing",
        family="phantom",
        recipe="none",
        recipe_hash="0",
        steps=0,
        seed=0,
        hardware="none",
        date="2026-01-01",
        licence="Apache-2.0",
        intended_use="tests",
        limits="none",
    )
    networks = {"encoder": Encoder(**encoder), "generator": Generator(**generator)}
    save(card, networks, folder, precision="float32")


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Two of the four models; a cache of its own would only cost time."""
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path / "weights"))
    write_model(tmp_path / "weights", "caae-phalange-phantom")
    drift = np.random.default_rng(0).normal(0, 0.5, (6, 8)).tolist()
    write_model(tmp_path / "weights", "bapgan-phalange-phantom", drift=drift)
    return tmp_path


@pytest.fixture(scope="module")
def patients():
    return grow("phalange", 12, seed=SEED)


def test_the_two_tables_and_the_map(models, capsys):
    out = models / "e"
    words = ["evaluate", "age", "--count", "16", "--patients", "8", "--others", "10"]
    main([*words, "--seed", str(SEED), "--no-tsne", "--out", str(out), "--json"])
    redrawn, grown = json.loads(capsys.readouterr().out)
    rows = {row["model"]: row for row in redrawn["rows"]}
    assert list(rows)[:4] == [model.name for model in ABLATIONS]
    (fid,) = [name for name in redrawn["rows"][0] if name.startswith("FID bone2d-rsna (")]
    assert rows["BAPGAN"]["FID Inception-v3, as printed"] == 43.73
    assert rows["+ SA"][fid] is None  # its weights are not there
    # An untrained model draws gray: far from bones, farther than a blur.
    assert rows["CAAE"][fid][0] > rows["real, blurred by 1 px"][fid][0]
    assert 0.05 < rows["CAAE"]["error, share of the grey range"][0] < 0.6

    steps = {(row["years"], row["drawn by"]) for row in grown["rows"]}
    assert len(steps) == len(grown["rows"]) == 6 * 7
    by = {(row["years"], row["drawn by"]): row for row in grown["rows"]}
    for years in ("+4", "-12"):
        again, copy = by[years, "the truth, filmed again"], by[years, "a copy"]
        assert again["SSIM"][0] > copy["SSIM"][0] > by[years, "BAPGAN"]["SSIM"][0]
        assert again["age error, years"][0] < copy["age error, years"][0]
    with (out / "age-truth-phalange.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file))[:5] == ["years", "drawn by", "SSIM", "SSIM low", "SSIM high"]
    for name in ("age-truth-phalange.png", "age-phalange-phantom.png"):
        assert np.asarray(Image.open(out / name)).std() > 10


def test_labels_are_those_of_training(tmp_path, monkeypatch):
    """Without continuous labels a year more within a class changes nothing; with them it does."""
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path))
    write_model(tmp_path, "steps", continuous=False, smoothing=0.0, sexes=False)
    write_model(tmp_path, "smooth")
    films = np.random.default_rng(0).integers(0, 255, (1, 128, 128), dtype=np.uint8)

    def drawn(model, age, male=1.0):
        return Ager(f"age/{model}").draw(films, np.array([age]), np.array([male])).astype(int)

    assert (drawn("steps", 4.5) == drawn("steps", 7.5)).all()
    assert (drawn("steps", 4.5) == drawn("steps", 4.5, male=0.0)).all()
    assert (drawn("steps", 4.5) != drawn("steps", 8.5)).any()
    assert (drawn("smooth", 4.5) != drawn("smooth", 7.5)).any()
    assert (drawn("smooth", 4.5) != drawn("smooth", 4.5, male=0.0)).any()


def test_patients_grow_and_are_filmed_again(patients):
    again = grow("phalange", 12, seed=SEED, later=AGAIN)
    assert patients.films.shape == (12, len(YEARS), 128, 128)
    assert patients.male.tolist() == [0.0, 1.0] * 6
    apart = np.abs(patients.films.astype(float) - again.films).mean((2, 3))
    years = np.abs(patients.films[:, 0].astype(float) - patients.films[:, 3]).mean((1, 2))
    assert (apart > 0).all()
    assert apart.mean() < years.mean()


def test_a_patient_is_told_from_others(patients):
    """Films of others teach it; the patients' own second films find the first."""
    same = SamePatient(grow("phalange", 30, seed=SEED + 1000).films)
    again = grow("phalange", 12, seed=SEED, later=AGAIN).films[:, 2]
    hits = same.found(again, among=patients.films[:, 2])
    assert hits.mean() > 0.5  # 1 in 12 by chance
    shuffled = same.found(again[::-1], among=patients.films[:, 2])
    assert shuffled.mean() < 0.3


@pytest.mark.parametrize("words", [["--patients", "3"], ["--count", "2"]])
def test_too_few_are_refused(models, capsys, words):
    with pytest.raises(SystemExit):
        main(["evaluate", "age", "--no-tsne", "--out", str(models / "e"), *words])
    assert "needed" in capsys.readouterr().err


def test_a_map_of_real_and_drawn_bones(models, monkeypatch):
    from bonestudio.training.tables import age_map as pages

    monkeypatch.setattr(pages, "EACH", 12)
    monkeypatch.setattr(pages, "STEPS", 60)
    monkeypatch.setattr(pages, "EXAGGERATED", 20)
    monkeypatch.setattr(pages, "PERPLEXITY", 10.0)
    found = pages.age_map(bone="phalange", data="phantom", seed=SEED)
    assert [len(films) for films in found.films] == [60, 60, 60]
    assert [np.bincount(classes).tolist() for classes in found.classes] == [[12] * 5] * 3
    again = pages.age_map(bone="phalange", data="phantom", seed=SEED)
    assert all((a == b).all() for a, b in zip(found.places, again.places, strict=True))
    path = pages.write_map(found, models, name="map")
    assert np.asarray(Image.open(path)).std() > 10
    monkeypatch.setattr(pages, "PERPLEXITY", 500.0)
    with pytest.raises(RequestError, match="needs 1500 films"):
        pages.age_map(bone="phalange", data="phantom", seed=SEED)

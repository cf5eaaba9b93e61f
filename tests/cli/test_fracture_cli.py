"""``bonestudio synthesise`` and ``classify`` as a person types them."""

import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bonestudio.cli import main
from bonestudio.imaging import read_radiograph

sys.path.append(str(Path(__file__).resolve().parents[1] / "instruments"))
from hand_weights import write_classifier, write_generator


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_generator(folder)
    write_classifier(folder)
    return folder


@pytest.fixture
def run(weights, tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder and return what it prints."""
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(weights))
    monkeypatch.chdir(tmp_path)

    def ran(*words):
        main([str(word) for word in words])
        return capsys.readouterr().out

    return ran


def test_hands(run):
    told = json.loads(
        run("synthesise", "hands", "--out", "hands", "--count", 2, "--seed", 7, "--json")
    )
    assert [row["seed"] for row in told] == [7, 8]
    assert read_radiograph(Path("hands", told[1]["file"])).shape == (32, 32)


def test_a_fracture_its_mask_and_its_design(run):
    words = ["--bone", "ulna", "--gap", "8", "--size", "128", "--style", "synthetic", "--json"]
    told = json.loads(run("synthesise", "fracture", "--out", "film.png", *words))
    assert told["ao"] == "2U2A3"
    mask = np.asarray(Image.open(told["mask"])) > 0
    assert mask.sum() == told["break_pixels"] > 0
    assert read_radiograph("film.png").shape == mask.shape == (128, 128)
    assert told["design"]["gap"] == 8
    beside = json.loads(Path("film-design.json").read_text())
    assert beside["notice"].startswith("Simulated")
    assert (beside["design"], beside["ao"], beside["refiner"]) == (told["design"], "2U2A3", None)
    assert "2R3" in run(
        "synthesise", "fracture", "--out", "wrist.png", "--site", "wrist", "--size", 128
    )


def test_a_set_and_one_of_its_images_again(run):
    said = run("synthesise", "export", "--out", "set.zip", "--count", 1, "--size", 96)
    assert said == "2 images in set.zip\n"
    with zipfile.ZipFile("set.zip") as pack:
        name = next(name for name in pack.namelist() if "positive" in name and name[0] != "m")
        said = run("synthesise", "again", "set.zip", name, "--out", "again.png")
        assert said == "again.png: the same bytes as in the set\n"
        assert Path("again.png").read_bytes() == pack.read(name)
        assert Path("again-mask.png").read_bytes() == pack.read(f"masks/{name}")


def test_a_study_is_classified(run):
    for view in ("PA", "lateral"):
        run("synthesise", "fracture", "--out", f"{view}.png", "--view", view, "--size", 96)
    told = json.loads(run("classify", "PA.png", "lateral.png", "--heat", "heat", "--json"))
    assert told["study"] == pytest.approx(np.mean(told["views"]), abs=1e-4)
    assert told["model"] == "fracture/residual-test"
    assert [read_radiograph(path).shape for path in told["heat"]] == [(96, 96)] * 2
    assert "P" not in run("classify", "PA.png").split("view 1")[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("synthesise hands --out o --model none", "no checkpoint"),
        ("synthesise fracture --out film.png --gap 400", "gap"),
        ("synthesise fracture --out film.bmp", "written as"),
        ("synthesise export --out set.tar --count 1", "packed into a .zip"),
        ("synthesise again none.zip x --out y.png", "holds no manifest"),
        ("classify", "views of a study"),
        ("classify none.png", "no file"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(run, capsys, words, says):
    with pytest.raises(SystemExit) as left:
        run(*words.split())
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert says in said
    assert "\n" not in said.strip()


def test_remembering_films_makes_a_table(run, tmp_path):
    from bonestudio.imaging import Radiograph, write_radiograph
    from bonestudio.phantoms import VirtualPatient

    for seed in range(40):
        film = VirtualPatient(seed, "F").phalange(5.0 + seed % 8).image
        Path("films").mkdir(exist_ok=True)
        write_radiograph(Radiograph(pixels=film.pixels), Path("films", f"film{seed}.png"))
    words = [
        "--data",
        "films",
        "--out",
        "own",
        "--extractor",
        "bone2d-phantom",
        "--copies",
        "4",
        "--json",
    ]
    told = json.loads(run("synthesise", "remember", *words))
    assert (told["table"], told["films"], told["others"]) == ("fracture/hands-seen-own", 32, 8)
    card = json.loads((tmp_path / "own/fracture/hands-seen-own.json").read_text())
    assert len(card["settings"]["names"]) == 32
    assert [metric["n"] for metric in card["metrics"]] == [4, 4]

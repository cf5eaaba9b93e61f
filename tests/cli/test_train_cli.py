"""``bonestudio train`` and ``bonestudio evaluate`` as a person types them."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from bonestudio.cli import main

SMALL = ("--set", "options.size=32", "--set", "options.width=4", "--set", "training.batch=4")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def hands(tmp_path):
    """Twenty pictures with ages and sexes."""
    folder = tmp_path / "hands"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(20):
        Image.fromarray(random.integers(0, 255, (40, 30), dtype=np.uint8)).save(folder / f"{i}.png")
    rows = "".join(f"{i}.png,{i % 17 + 1},{'FM'[i % 2]}\n" for i in range(20))
    (folder / "labels.csv").write_text("file,age,sex\n" + rows)
    return folder


def test_train_resume_and_models(hands, tmp_path, capsys, monkeypatch):
    words = ["train", "extractors/bone2d-rsna", "--data", str(hands), "--out", str(tmp_path / "r")]
    main([*words, *SMALL, "--set", "training.steps=2", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (told["step"], told["finished"]) == (2, True)
    main([*words, *SMALL, "--set", "training.steps=3", "--resume"])
    assert "Finished at step 3" in capsys.readouterr().out

    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", f"{told['folder']}/checkpoints")
    main(["models", "extractors/bone2d-rsna", "--json"])
    assert json.loads(capsys.readouterr().out)["steps"] == 3


def test_a_dry_run_on_phantoms(tmp_path, capsys):
    kinds = 'data.kinds=["phalange", "forearm"]'
    words = ["train", "extractors/bone2d-phantom", "--out", str(tmp_path / "r"), *SMALL]
    main([*words, "--set", kinds, "--set", "data.count=12", "--dry-run"])
    said = capsys.readouterr().out
    assert "parameters  extractor" in said
    assert (
        "images      18 films" in said
    )  # of twelve, two are held out to test and one to choose by
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "extractors/bone2d-rsn"], "no recipe"),
        (["train", "extractors/bone2d-rsna"], "--data FOLDER"),
        (["train", "extractors/bone2d-rsna", "--set", "options.widht=3"], "did you mean 'width'"),
        (["train", "extractors/bone2d-rsna", "--data", "nowhere"], "no folder nowhere"),
        (["evaluate", "hands", "--synthetic", "nowhere", "--count", "8"], "nowhere"),
        (["evaluate", "hands", "--extractor", "nothing", "--count", "8"], "no extractor"),
        (["evaluate", "hands", "--count", "2"], "At least 8"),
    ],
)
def test_what_can_be_put_right_is_one_sentence_and_exit_2(words, says, capsys, tmp_path):
    with pytest.raises(SystemExit) as end:
        main([*words, "--out", str(tmp_path / "out")])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.strip().count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_a_folder_against_itself_is_at_no_distance(hands, tmp_path, capsys):
    words = ["evaluate", "hands", "--real", str(hands), "--synthetic", str(hands)]
    main([*words, "--extractor", "bone2d-rsna", "--out", str(tmp_path / "e"), "--json"])
    told = json.loads(capsys.readouterr().out)
    same, halves, paper, _ = told["rows"]
    (fid,) = [key for key in same if key.startswith("FID bone2d-rsna (")]
    assert same[fid][0] == pytest.approx(0, abs=1e-3)
    assert halves[fid][0] > 0.01
    assert (same["precision"], same["recall"], same["coverage"]) == (1, 1, 1)
    assert (same["N real"], halves["N real"]) == (20, 10)
    # Scores of another network stand in another column.
    assert paper["FID Inception-v3, as printed"] == 166.755
    assert paper[fid] is None

    with (tmp_path / "e" / "hands.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[1][fid]) == pytest.approx(halves[fid][0])
    assert float(rows[1][f"{fid} low"]) <= float(rows[1][fid]) <= float(rows[1][f"{fid} high"])
    text = (tmp_path / "e" / "hands.md").read_text()
    assert "166.8" in text
    assert "not for diagnosis" in text
    assert np.asarray(Image.open(tmp_path / "e" / "hands.png").convert("L")).std() > 5


def test_tables_run_on_phantoms_alone(tmp_path, capsys):
    main(["evaluate", "hands", "--count", "8", "--out", str(tmp_path)])
    assert "virtual hands | virtual hands, without grain" in capsys.readouterr().out
    main(["evaluate", "extractors", "--count", "2", "--out", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out)
    rows = [row for row in told["rows"] if "phantoms" in row["data"]]
    assert {row["N"] for row in rows} == {2}
    assert {row["data"] for row in rows} >= {"hand (phantoms)", "forearm (phantoms)"}


def test_a_generator_of_a_run_is_compared(hands, tmp_path, capsys, monkeypatch):
    small = [
        *("--set", "options.size=32", "--set", "options.generator_width=4"),
        *("--set", "options.discriminator_width=4", "--set", "training.batch=4"),
        *("--set", "training.steps=1", "--set", "data.hold_out=false", "--json"),
    ]
    recipe = "fracture/dcgan-hands-quick"
    main(["train", recipe, "--data", str(hands), "--out", str(tmp_path / "r"), *small])
    told = json.loads(capsys.readouterr().out)
    # Only the generator is the run's own; extractors are still those that ship.
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", f"{told['folder']}/checkpoints")
    words = ["evaluate", "hands", "--real", str(hands), "--synthetic", recipe, "--count", "12"]
    main([*words, "--out", str(tmp_path / "e"), "--json"])
    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert (row["N real"], row["N synthetic"]) == (12, 12)
    assert next(value for key, value in row.items() if key.startswith("FID bone2d"))[0] > 1

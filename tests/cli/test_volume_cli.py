"""``bonestudio volume`` as a person types it."""

import json
from pathlib import Path

import numpy as np
import pytest
from volume_weights import BONE, PLAIN, SHAPE, SPACING

from bonestudio.cli import main
from bonestudio.imaging import read_volume


@pytest.fixture
def volume(volume_weights: Path, tmp_path: Path, monkeypatch, capsys):
    """Run a command in an empty folder: its answer, or the sentence and status it ended with."""
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(volume_weights))
    monkeypatch.chdir(tmp_path)

    def run(*words: object):
        try:
            main(["volume", *map(str, words)])
        except SystemExit as left:
            return left.code, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return run


def test_each_command_works_on_what_the_one_before_left(volume) -> None:
    first = volume("sample", "--seed", 3, "--out", "a.nii.gz", "--json")
    assert (first["file"], first["session"]) == ("a.nii.gz", "a.session.json")
    assert first["model"] == f"volume/{BONE}"
    drawn = read_volume("a.nii.gz")
    assert drawn.shape == SHAPE
    assert drawn.spacing == pytest.approx((SPACING,) * 3, rel=1e-5)

    inverted = volume("invert", "a.nii.gz", "--updates", 2, "--out", "b.npy", "--json")
    assert inverted["guess"] == "encoder"
    assert inverted["rmse_mg_cm3"] <= inverted["rmse_first_mg_cm3"]

    mid = volume(
        "morph", "a.session.json", "b.session.json", "--share", 0, "--out", "c.npy", "--json"
    )
    np.testing.assert_allclose(read_volume("c.npy").voxels, drawn.voxels, atol=0.1)
    assert mid["step"] == "0 % of the second"
    mixed = volume("mix", "c.session.json", 4, "--layers", 3, "--out", "d.nrrd", "--json")
    assert mixed["step"] == "Style after layer 3"

    words = ["edit", "a.session.json", "--direction", "Tb.BMD", "--out", "e.png", "--json"]
    edited = volume(*words, "--amount", 1.0, "--keep", "Ct.BMD")
    told = edited["measured"]["Tb.BMD"]["value"] - first["measured"]["Tb.BMD"]["value"]
    assert edited["change of Tb.BMD"] == pytest.approx(told, abs=1e-3)
    assert told > 0
    ring = edited["measured"]["Ct.BMD"]["value"] - first["measured"]["Ct.BMD"]["value"]
    kept = edited["keep"]["Ct.BMD"]
    assert (kept["change"], kept["unit"]) == (pytest.approx(ring, abs=1e-3), "mg HA/cm³")
    assert kept["kept"] is (abs(ring) < 0.25)  # a quarter of the atlas' deviation
    assert edited["direction"] == "Tb.BMD"
    assert "not comparable" in edited["measured"]["note"]
    assert Path("e.png").read_bytes()[:4] == b"\x89PNG"
    assert volume("measure", "e.session.json", "--json") == edited["measured"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sample", "--out", "a.doc"], "is written as"),
        (["sample", "--out", "a.npy", "--model", "nothing"], "no checkpoint"),
        (["sample", "--out", "a.npy", "--truncation", "9"], "truncation"),
        (["morph", "here.txt", "2", "--share", "0.5", "--out", "a.npy"], "or a seed"),
        (["morph", "1", "2", "--share", "2", "--out", "a.npy"], "0 to 1"),
        (["mix", "1", "2", "--layers", "3", "--out", "a.npy", "--model", PLAIN], "no styles"),
        (["edit", "1", "--direction", "sefa-1", "--out", "a.npy"], "either --amount"),
        (["edit", "1", "--direction", "up", "--amount", "1", "--out", "a.npy"], "no direction"),
        (["measure", "gone.session.json"], "cannot be read"),
        (["learn", "--count", "3"], "At least 40"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence(volume, words: list, says: str) -> None:
    status, said = volume(*words)
    assert status == 2
    assert says in said
    assert not list(Path().glob("a.*"))

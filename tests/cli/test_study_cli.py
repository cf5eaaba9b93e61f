"""Reader studies from the command line: opened, listed, linked, watched, unblinded, reported."""

import csv
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bonestudio.cli import main
from bonestudio.turing.reading import Reading
from bonestudio.turing.store import Store


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A database of studies of this test alone."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BONESTUDIO_DATABASE_URL", raising=False)
    return tmp_path


def study(*arguments):
    """Run ``bonestudio study …``; return exit code, output and complaint."""
    said, complaint = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(complaint):
        try:
            code = main(["study", *map(str, arguments)]) or 0
        except SystemExit as end:
            code = end.code or 0
    return code, said.getvalue(), complaint.getvalue()


def images(folder, count, *, first=0):
    folder.mkdir()
    chance = np.random.default_rng(first)
    for i in range(count):
        Image.fromarray(chance.integers(0, 255, (40, 30)).astype(np.uint8)).save(
            folder / f"{i:02}.png"
        )
    return folder


def read_all(link):
    reading = Reading(Store(), link.removeprefix("/read/"))
    view, number = reading.view(), 0
    while view.slot:
        sure = None if view.kind == "grading" else 3
        view = reading.answer(
            view.slot, view.choices[number % 2], confidence=sure, milliseconds=800
        )
        number += 1


def create(*arguments):
    code, said, complaint = study("create", *arguments, "--json")
    assert code == 0, complaint
    return json.loads(said)


def test_a_study_from_folders_goes_its_whole_way(home):
    real, synthetic = images(home / "real", 12), images(home / "fake", 12, first=1)
    made = create(
        "--title", "Hands", "--real", real, "--synthetic", synthetic, "--practice", 2,
        "--override", "noise for a test", "--readers", "Dr. A",
    )  # fmt: skip
    assert made["questions"] == 22
    assert set(made["audit"]) == {"file size", "histogram", "border", "spectrum"}

    code, said, _ = study("list", "--json")
    assert (code, json.loads(said)[0]["id"]) == (0, made["study"])
    assert "Dr. A 0/" in study("list")[1]

    code, link, _ = study("link", made["study"], "B")
    assert code == 0
    assert re.fullmatch(r"/read/[0-9a-f]{40}\n", link)
    read_all(link.strip())
    renewed = study("link", made["study"], "B", "--renew")[1].strip()
    assert renewed != link.strip()

    status = json.loads(study("status", made["study"], "--json")[1])
    assert status["log"] == "verifies"
    assert [(p["reader"], p["answered"]) for p in status["progress"]] == [("Dr. A", 0), ("B", 26)]
    assert "synthetic" not in str(status["progress"])

    code, _, complaint = study("report", made["study"], "--out", home / "early")
    assert (code, "unblinded" in complaint) == (2, True)
    assert study("unblind", made["study"], "--reason", "all done")[0] == 0

    code, said, _ = study("report", made["study"], "--out", home / "out", "--number-readers")
    assert code == 0
    assert [Path(line).name for line in said.split()] == [
        "report.html", "reads.csv", "reads.imrmc",
    ]  # fmt: skip
    page = (home / "out" / "report.html").read_text()
    assert "R as S" in page
    assert "Reader 1" in page
    with (home / "out" / "reads.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 26


@pytest.mark.parametrize("kind", ["real-or-synthetic", "older-of-two", "grading"])
def test_a_study_on_virtual_patients_needs_no_image(home, kind):
    made = create("--title", "Try", "--kind", kind, "--phantoms", 6, "--practice", 2,
                  "--override", "a try-out", "--readers", "A")  # fmt: skip
    assert made["questions"] == 4
    read_all(made["links"]["A"])
    protocol = Store().protocol(made["study"])
    assert "virtual patients" in str(protocol.sources)
    assert (kind == "grading") == all("sharpness" in item.scores for item in protocol.items)


def test_virtual_patients_are_the_synthetic_half_of_real_images(home):
    made = create("--title", "Half", "--real", images(home / "real", 4), "--phantoms", 3,
                  "--practice", 0, "--override", "a test")  # fmt: skip
    truths = [item.truth for item in Store().protocol(made["study"]).items]
    assert (truths.count("real"), truths.count("synthetic")) == (4, 3)


def test_pairs_take_older_and_younger_versions(home):
    originals = images(home / "now", 5)
    older, younger = images(home / "later", 5, first=1), images(home / "before", 3, first=2)
    made = create("--title", "Pairs", "--kind", "older-of-two", "--real", originals,
                  "--progressed", older, "--regressed", younger, "--practice", 0)  # fmt: skip
    assert made["audit"].startswith("not audited: the two images of a pair")
    truths = [item.truth for item in Store().protocol(made["study"]).items]
    assert (truths.count("progression"), truths.count("regression")) == (5, 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "--title", "x"], "needs --real and --synthetic"),
        (["create", "--title", "x", "--kind", "grading"], "needs --images"),
        (["create", "--title", "x", "--kind", "older-of-two"], "--progressed or --regressed"),
        (["create", "--title", "x", "--kind", "grading", "--images", "nowhere"], "no folder"),
        (["create", "--title", "x", "--phantoms", "0", "--kind", "grading"], "at least one"),
        (["status", "none"], "no study 'none'"),
        (["link", "none", "A"], "no study 'none'"),
        (["unblind", "none", "--reason", "x"], "no study 'none'"),
        (["report", "none", "--out", "x"], "no study 'none'"),
    ],
)
def test_what_a_person_can_put_right_is_one_sentence_and_exit_2(home, arguments, says):
    code, said, complaint = study(*arguments)
    assert code == 2
    assert said == ""
    assert says in complaint
    assert "Traceback" not in complaint
    assert complaint.strip().count("\n") == 0


def test_a_leaking_study_does_not_open(home):
    real = images(home / "real", 12)
    flat = home / "fake"
    flat.mkdir()
    for i in range(12):
        ramp = np.add.outer(np.arange(40), np.arange(30) * (i + 1)).astype(np.uint8)
        Image.fromarray(ramp).save(flat / f"{i}.png")
    code, _, complaint = study("create", "--title", "x", "--real", real, "--synthetic", flat)
    assert code == 2
    assert "leak audit" in complaint
    assert Store().studies() == []

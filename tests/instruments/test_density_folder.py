"""A folder of hips as a table: rows, what is asked for all, and a run that is taken up again."""

import csv
import io
import json

import pytest
from density_weights import SIZE, write_untrained

from bonestudio import batch
from bonestudio.checkpoints import find_card
from bonestudio.commands.density import density as command
from bonestudio.errors import BoneStudioError
from bonestudio.imaging import write_radiograph
from bonestudio.instruments.density.export import COLUMNS, as_csv, estimate_folder, unreadable
from bonestudio.phantoms import VirtualPatient


@pytest.fixture
def untrained(tmp_path, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(tmp_path / "weights"))
    return write_untrained(tmp_path / "weights")


@pytest.fixture(scope="module")
def hip():
    return VirtualPatient(21, "F").hip("supine", "L", size=(SIZE, SIZE // 2))


@pytest.fixture
def films(tmp_path, hip):
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("a", "b"):
        write_radiograph(hip.image, folder / f"{name}.png")
    (folder / "c.png").write_bytes(b"no picture")
    lines = ["file,age,sex", "a.png,67,F", "b.png,,M", "c.png,50,F"]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_folder_becomes_a_table(films, untrained, tmp_path):
    out = tmp_path / "out"
    progress = list(estimate_folder(films, out, age=55, model=untrained))
    assert progress == [(1, 3), (2, 3), (3, 3)]
    with (out / "density.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["file"] for row in rows] == ["a", "b", "c"]
    assert (rows[0]["age"], rows[0]["sex"]) == ("67.0", "F")
    assert (rows[1]["age"], rows[1]["sex"]) == ("55", "M")
    assert rows[2]["verdict"] == "unreadable"
    assert rows[2]["reason"]
    assert rows[0]["model"] == untrained
    assert [p.name for p in out.iterdir()] == ["density.csv"]


def test_a_run_taken_up_again_keeps_what_was_asked_alike_and_nothing_else(
    films, untrained, tmp_path, monkeypatch
):
    seen = []

    def one(work, items, *, ledger, **_):
        """Do all in this process, as a pool would; what the ledger holds is not done again."""
        done = json.loads(ledger.read_text()) if ledger.exists() else {}
        for key, item in items.items():
            if key not in done:
                seen.append(item)
                done[key] = unreadable("", "-") | {"age": item["age"]}
            ledger.write_text(json.dumps(done))
            yield batch.Outcome(key, value=done[key])

    monkeypatch.setattr(batch, "run", one)
    out = tmp_path / "out"

    def stopped(**asked):
        seen.clear()
        steps = estimate_folder(films, out, model=untrained, **asked)
        list(zip(range(3), steps, strict=False))  # before the table is written
        return len(seen)

    assert [stopped(age=55, sex="F") for _ in range(2)] == [3, 0]
    # Of 'a' and 'c' the table says age and sex; of 'b' the sex alone.
    assert stopped(age=0) == 1
    assert seen[0]["age"] == 0
    assert stopped(age=0, side="L") == 3
    assert stopped(age=0, side="L", postmenopausal=False) == 3
    (films / "a.png").write_bytes((films / "a.png").read_bytes() + b"more")
    assert stopped(age=0, side="L") == 1
    weights = find_card(untrained)[1] / "own.json"
    weights.write_text(weights.read_text().replace("nothing", "other films"))
    assert stopped(age=0, side="L") == 3


def test_the_command_passes_everything_on_for_a_folder(films, untrained, tmp_path, monkeypatch):
    told = {}
    monkeypatch.setattr(
        "bonestudio.instruments.density.export.estimate_folder",
        lambda *_, **asked: told.update(asked) or iter([(1, 1)]),
    )
    command(films, side="R", postmenopausal=False, age=0, sex="F", model=untrained, out=tmp_path)
    assert told == {
        "side": "R", "postmenopausal": False, "age": 0, "sex": "F", "model": untrained,
    }  # fmt: skip


def test_the_command_answers_in_json_and_refuses_what_it_does_not_know(films, untrained, capsys):
    command(films / "a.png", age=67, sex="F", side="L", model=untrained, json=True)
    answer = json.loads(capsys.readouterr().out)
    assert answer["verdict"] == "out"  # an untrained map shows no femur
    assert answer["densities"] == {}
    assert answer["reason"]
    with pytest.raises(BoneStudioError):
        command(films / "c.png", model=untrained)


def test_a_spreadsheet_does_not_run_the_name_of_a_film() -> None:
    named = as_csv([unreadable("=HYPERLINK(0).png", "-"), unreadable(" hip.png", "not an image")])
    rows = list(csv.DictReader(io.StringIO(named.decode())))
    assert [row["file"] for row in rows] == ["'=HYPERLINK(0).png", " hip.png"]
    assert [row["reason"] for row in rows] == ["'-", "not an image"]

"""What is saved while the disk is full: one sentence, nothing half-written, and once more afterwards."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from full_disk import full_disk

from bonestudio import batch
from bonestudio.errors import StorageError
from bonestudio.imaging import Volume

Save = Callable[[Path], object]


@pytest.fixture(scope="module")
def ball() -> Volume:
    """A ball of bone with a radius of 4.5 mm, [30, 30, 30]."""
    away = np.linalg.norm(np.mgrid[:30, :30, :30] - 14.5, axis=0)
    voxels = np.where(away < 9, 900.0, -100.0).astype(np.float32)
    return Volume(voxels=voxels, spacing=(0.5, 0.5, 0.5), unit="mg HA/cm³")


@pytest.fixture(params=["turntable", "surface.stl", "surface.ply"])
def scan(request: pytest.FixtureRequest, ball: Volume) -> tuple[str, Save]:
    from bonestudio.instruments.lightbox import scan_pictures

    if request.param == "turntable":
        if why := scan_pictures.why_not_rendered():
            pytest.skip(why)
        return "a.mp4", lambda path: scan_pictures.turntable(ball, path, frames=12, size=(160, 160))
    return request.param, lambda path: scan_pictures.write_surface(ball, path)


def check(name: str, save: Save, folder: Path) -> None:
    older = folder / name
    older.write_bytes(b"an older file of that name")
    with full_disk(), pytest.raises(StorageError) as told:
        save(older)
    assert "\n" not in str(told.value)
    assert str(told.value).endswith(".")
    assert [(p.name, p.read_bytes()) for p in folder.iterdir()] == [(name, b"an older file of that name")]  # fmt: skip
    save(older)
    assert older.stat().st_size > 3000


def test_pictures_of_a_scan(scan: tuple[str, Save], tmp_path: Path) -> None:
    check(*scan, tmp_path)


@pytest.mark.parametrize("ending", ["png", "gif", "mp4"])
def test_a_progression(
    ending: str, age_weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from bonestudio.instruments.age.export import export
    from bonestudio.instruments.age.progression import AgeProgression

    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(age_weights))
    ages = AgeProgression()
    film = ages.samples.open_sample("1-phalanx-6").film
    made = ages.progress(film, model="age/bapgan-phalange-phantom", detail=False)
    check(f"bone.{ending}", lambda path: export(made, path, age=7.0), tmp_path)


def test_a_design(tmp_path: Path) -> None:
    from bonestudio.instruments.fracture.design import Design
    from bonestudio.instruments.fracture.samples import save_design
    from bonestudio.instruments.fracture.studio import FractureStudio

    made = FractureStudio().design(Design(size=128))
    check("design.zip", lambda path: save_design(made, path), tmp_path)


def test_a_batch_goes_on_where_the_disk_filled_up(tmp_path: Path) -> None:
    ledger = tmp_path / "done.jsonl"
    items = {f"film {n}": n for n in range(30)}
    told = []
    with full_disk(1500), pytest.raises(StorageError, match="what is done is kept"):
        told.extend(
            outcome.key for outcome in batch.run(_measured, items, ledger=ledger, workers=1)
        )
    assert 0 < len(told) < 30
    again = {one.key: one.value for one in batch.run(_measured, items, ledger=ledger, workers=1)}
    assert again == {name: [n] * 20 for name, n in items.items()}
    assert _measured.calls <= 32  # nothing that was kept is done again, but for the one in hand


def test_phantoms_end_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bonestudio.cli import main

    words = ["phantom", "phalange", "--count", "2", "--out", str(tmp_path / "bones")]
    with full_disk(), pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]  # after the progress bar
    assert last.startswith("bonestudio: The file cannot be written (File too large)")


def test_an_answer_into_a_file_that_cannot_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bonestudio.cli import main

    with (tmp_path / "models.json").open("w", encoding="utf-8") as answer:
        monkeypatch.setattr("sys.stdout", answer)
        with full_disk(), pytest.raises(SystemExit) as left:
            main(["models", "--json"])
        monkeypatch.undo()
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("bonestudio: The disk refuses (File too large)")


def _measured(number: int) -> list[int]:
    _measured.calls += 1
    return [number] * 20


_measured.calls = 0

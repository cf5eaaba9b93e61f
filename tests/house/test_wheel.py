"""A wheel of the tree holds all that ships, and the studio starts from it without the checkout."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest
from starting import free_port, wait_until_open

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("assets", "checkpoints", "training")


def pip(*words: str) -> None:
    """Run pip without asking any registry."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--no-deps", "--no-index", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the tracked files alone, as a fresh clone would."""
    clean, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("wheel")
    for name in tracked:
        if name.parts[0] in {"bonestudio", *SHIPPED} or len(name.parts) == 1:
            (clean / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clean / name)
    pip("wheel", str(clean), "--no-build-isolation", "--wheel-dir", str(out))
    (built,) = out.glob("bonestudio-*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel in an empty folder."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", str(wheel), "--target", str(folder))
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """Put the installed wheel before the checkout, which an editable install puts on the path."""
    return {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}


def answer(folder: Path, *words: str) -> str:
    """Say what a Python outside the checkout prints, importing from the wheel first."""
    done = subprocess.run(
        [sys.executable, "-P", *words],
        cwd=folder,
        env=surroundings(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_that_ships_is_inside(wheel: Path, tracked: list[Path]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    wanted = {str(name) for name in tracked if name.parts[0] == "bonestudio"}
    wanted |= {
        f"bonestudio/shipped/{name.as_posix()}" for name in tracked if name.parts[0] in SHIPPED
    }
    assert any(name.endswith(".safetensors") for name in wanted)
    assert wanted - inside == set()


def test_the_wheel_says_that_some_weights_have_other_terms(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        told = archive.read(name).decode()
        assert archive.read(name.replace("METADATA", "licenses/LICENSE-RSNA-WEIGHTS"))
    assert "License-Expression: Apache-2.0 AND LicenseRef-RSNA-weights" in told


def test_nothing_else_is_inside(wheel: Path, tracked: list[Path]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = archive.namelist()
    shipped = {name.as_posix() for name in tracked}
    own = [name for name in inside if ".dist-info/" not in name]
    assert [name for name in own if name.removeprefix("bonestudio/shipped/") not in shipped] == []
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in inside)


def test_recipes_and_checkpoints_are_read_from_the_wheel(
    elsewhere: Path, tracked: list[Path]
) -> None:
    code = (
        "import json, bonestudio; from bonestudio.places import shipped;"
        "from bonestudio.training.recipes import read_recipe;"
        "recipes = sorted(p.relative_to(shipped('training')) for p in shipped('training').glob('*/*.toml'));"
        "print(json.dumps([bonestudio.__file__, [read_recipe(r).name for r in recipes]]))"
    )
    place, recipes = json.loads(answer(elsewhere, "-c", code))
    assert Path(place).is_relative_to(elsewhere)
    assert sorted(recipes) == sorted(
        name.relative_to("training").with_suffix("").as_posix()
        for name in tracked
        if name.parts[0] == "training" and name.suffix == ".toml"
    )
    cards = json.loads(answer(elsewhere, "-m", "bonestudio.cli", "models", "--json"))
    assert {card["system"] + "/" + card["name"] for card in cards} == {
        name.relative_to("checkpoints").with_suffix("").as_posix()
        for name in tracked
        if name.parts[0] == "checkpoints" and name.suffix == ".json"
    }
    for card in cards:
        for file in card["files"]:
            assert (elsewhere / "bonestudio/shipped/checkpoints" / card["system"] / file).is_file()


def test_the_studio_opens_from_the_wheel(elsewhere: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-P", str(elsewhere / "bin" / "bonestudio"), "serve", "--port", str(port)],
        cwd=elsewhere,
        env=surroundings(elsewhere),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_open(process, address)
        assert process.stdout.readline().startswith(f"Bone Studio is open at {address}")
        with urllib.request.urlopen(f"{address}/config") as told:
            config = told.read().decode()
        # Static files are named by their place on disk: they come from the wheel, not from here.
        assert str(elsewhere / "bonestudio") in config
        assert str(ROOT / "bonestudio") not in config
        assert "Light box" in config
        with urllib.request.urlopen(address) as told:
            assert "Bone Studio" in told.read().decode()
    finally:
        process.terminate()
        process.communicate(timeout=30)

"""``bonestudio age`` as a person types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bonestudio.instruments.age.export import read_manifest

FILM = Path(__file__).resolve().parents[2] / "assets" / "age" / "4-knee-5.png"


@pytest.fixture
def age(age_weights: Path, tmp_path: Path):
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bonestudio.cli", "age", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "BONESTUDIO_CHECKPOINTS": str(age_weights)},
        )

    return run


def test_a_picture_and_what_was_found(age, tmp_path: Path) -> None:
    done = age(
        FILM, "--bone", "femur", "--age", 12.3, "--now", 5, "--sex", "F", "--out", "k.png", "--json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["notice"], told["file"]) == ("SIMULATED, not a forecast", "k.png")
    assert (told["age_now"], told["sex"], told["domain"]) == (5, "F", "in-domain")
    assert 12.3 in told["manifest"]["frames"]  # the very age, not one blended from its neighbours
    assert read_manifest(tmp_path / "k.png") == told["manifest"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--age", 45, "--out", "k.png"), "45 is outside"),
        (("--age", 12, "--out", "k.jpg"), ".png, .gif or .mp4"),
        (("--age", 12, "--out", "nowhere/k.png"), "no folder"),
        (("--age", 12, "--out", "k.png", "--model", "age/unknown"), "no checkpoint"),
    ],
)
def test_refused_with_one_sentence_and_nothing_written(
    age, tmp_path: Path, arguments: tuple, says: str
) -> None:
    done = age(FILM, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []

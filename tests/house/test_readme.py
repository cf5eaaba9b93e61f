"""What the documents show is what happens: Python and commands are run, links are followed."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from starting import free_port, start_studio, wait_until_open

from bonestudio.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("README.md", "EXAMPLES.md")
PAGES = (
    *SHOWN,
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "training/README.md",
)
STUDIO = "http://127.0.0.1:7860"


def fenced(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def python_lines(page: str) -> str:
    """A page's Python at the page's line numbers, so that a traceback points at it."""
    lines, inside = [], False
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        inside = inside and line != "```"
        lines.append(line if inside else "")
        inside = inside or line == "```python"
    return "\n".join(lines)


RUN = """
import json, sys
for page, text in json.load(open("pages.json")).items():
    exec(compile(text, page, "exec"), {"__name__": "__main__"})
"""


def test_the_python_runs(tmp_path: Path) -> None:
    assert sum(len(fenced(page, "python")) for page in SHOWN) >= 10
    port = free_port()
    pages = {page: python_lines(page).replace(STUDIO, f"http://127.0.0.1:{port}") for page in SHOWN}
    (tmp_path / "pages.json").write_text(json.dumps(pages), encoding="utf-8")
    process = start_studio(port, environment={"XDG_DATA_HOME": str(tmp_path)})
    try:
        wait_until_open(process, f"http://127.0.0.1:{port}")
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", RUN],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=480,
        )
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert done.returncode == 0, done.stderr


def test_commands_that_are_only_shown_exist() -> None:
    shown = "".join(block for page in SHOWN for block in fenced(page, "sh"))
    named = re.findall(r"^bonestudio ([a-z]+)", shown, re.MULTILINE)
    assert len(named) >= 5
    assert set(named) <= set(COMMANDS)


def commands() -> list[tuple[str, str]]:
    """Each command of the console blocks and what it answers there."""
    told = "".join(block for page in SHOWN for block in fenced(page, "console"))
    return [(one.split("\n", 1)[0], one.split("\n", 1)[1]) for one in told.split("$ ")[1:]]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.mark.parametrize(
    ("command", "answer"), commands(), ids=[" ".join(c.split()[:3]) for c, _ in commands()]
)
def test_the_commands_answer_as_shown(command: str, answer: str, desk: Path) -> None:
    name, *words = shlex.split(command)
    assert name == "bonestudio"
    done = subprocess.run(
        [sys.executable, "-m", "bonestudio.cli", *words],
        cwd=desk,
        env={**os.environ, "OMP_NUM_THREADS": "1", "XDG_DATA_HOME": str(desk)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    # Blanks align columns; an ellipsis stands for what differs each time, or for more.
    shown = r".*".join(re.escape(part) for part in re.split(r"\s*…\s*", _plain(answer)))
    assert re.fullmatch(shown, _plain(done.stdout), re.DOTALL), done.stdout


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert ((ROOT / page).parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page: str) -> None:
    """`bonestudio/…`, `tests/…`, `benchmarks/…` in backticks is a file or folder of the tree."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`(?:python )?((?:bonestudio|tests|benchmarks|training|assets)/[\w./-]+)", text)  # fmt: skip
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_benchmark_is_in_its_table(tracked: list[Path]) -> None:
    table = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    scripts = [name.name for name in tracked if name.parent.name == "benchmarks"]
    assert [name for name in scripts if name.endswith(".py") and name not in table] == []


def test_every_figure_names_what_makes_it() -> None:
    table = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    measured = table.split("## Measured", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in measured.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        made_by = row.rstrip("| ").rsplit("|", 1)[1].strip(" `").split()
        assert made_by, row
        assert made_by[0] == "make" or (ROOT / "benchmarks" / made_by[0]).is_file(), row


def test_every_recipe_is_in_its_table(tracked: list[Path]) -> None:
    table = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    recipes = [p.stem for p in tracked if p.suffix == ".toml" and p.parts[0] == "training"]
    assert recipes
    # Twins may share a row: `fracture/…-fast`, `…/…-quick`.
    assert [name for name in recipes if f"/{name}" not in table] == []


def test_the_citation_names_this_version() -> None:
    from bonestudio import __version__

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["version"] == project["version"] == __version__
    # A citation has no word for terms that belong to some of the weights alone.
    assert project["license"] == f"{cited['license']} AND LicenseRef-RSNA-weights"
    assert [author["name"] for author in project["authors"]] == [
        a["name"] for a in cited["authors"]
    ]


def test_pictures_are_small_enough_for_a_page(tracked: list[Path]) -> None:
    pictures = [name for name in tracked if name.parts[:2] == ("assets", "readme")]
    assert {name.as_posix() for name in pictures} == set(
        re.findall(r"\((assets/readme/\S+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    )
    assert max((ROOT / name).stat().st_size for name in pictures) < 300_000

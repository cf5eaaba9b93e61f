"""The tree itself: its sizes, what must not be in it, and that each room says what it is."""

import ast
import itertools
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
MB = 1024**2
LONGEST = {
    "tests": 400
}  # lines; a file is read from top to bottom, a list of tests is looked up in
USUAL = 300
# Where a developer's files lie; a path of ours in a container (/app, /data) is not one.
OF_A_MACHINE = re.compile(
    r"(?<![\w.~])/(?:root|work|Users/\w+|home/(?!bone\b)\w+)/|[A-Z]:\\Users\\"
)
OF_A_REGISTRY = re.compile(
    r"--(?:extra-)?index-url|--find-links|--trusted-host|--registry|\bregistry\s*=|\"resolved\"|"
    r"@\s*(?:git\+)?(?:https?|file)://"
)
PINS = ("constraints.txt", "package-lock.json", "package.json", "Makefile", ".ci/run", "Dockerfile")
# Films and scans of people; tests draw their own, and samples show virtual patients.
LICENSED = re.compile(
    r"rsna|bone-?age|mura|hrpqct|deeplesion|\d{4,5}\.(?:png|jpe?g)$", re.IGNORECASE
)
IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".nii", ".gz", ".nrrd", ".mha", ".aim", ".isq", ".npy"}  # fmt: skip


def text(name: Path) -> str | None:
    """Return the file's text; None for a picture or weights."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def test_no_path_of_a_machine(tracked: list[Path]) -> None:
    told = {name: OF_A_MACHINE.findall(text(name) or "") for name in tracked if name != _own()}
    assert {str(name): found for name, found in told.items() if found} == {}


@pytest.mark.parametrize("line", ["cd /root/x", "'/home/ann/data'", "C:\\Users\\ann"])
def test_a_path_of_a_machine_would_be_found(line: str) -> None:
    assert OF_A_MACHINE.search(line)


def test_pins_name_no_registry(tracked: list[Path]) -> None:
    named = {str(name) for name in tracked}
    for pin in PINS:
        assert pin in named
        assert OF_A_REGISTRY.findall((ROOT / pin).read_text(encoding="utf-8")) == []


def test_every_python_pin_is_exact() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+]+", line)] == []
    names = [line.partition("==")[0].lower().replace("_", "-") for line in lines]
    assert len(set(names)) == len(names)


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    names = {canonicalize_name(Requirement(one).name) for one in asked}
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(one.partition("==")[0]): one.partition("==")[2] for one in pins}
    assert names - set(pinned) == set()
    needs = {canonicalize_name(one.name): one.specifier for one in map(Requirement, asked)}
    assert [name for name, allowed in needs.items() if pinned[name] not in allowed] == []


def test_no_file_is_large(tracked: list[Path]) -> None:
    sizes = {str(name): (ROOT / name).stat().st_size for name in tracked}
    assert {name: size for name, size in sizes.items() if size >= 16 * MB} == {}
    assert sum(size for name, size in sizes.items() if name.startswith("checkpoints/")) < 120 * MB


def test_python_files_are_short(tracked: list[Path]) -> None:
    python = [name for name in tracked if name.suffix == ".py"]
    assert len(python) > 100
    lines = {name: len((text(name) or "").splitlines()) for name in python}
    assert [str(n) for n, count in lines.items() if count > LONGEST.get(n.parts[0], USUAL)] == []


def test_every_python_file_says_what_it_is(tracked: list[Path]) -> None:
    """A room's docstring is a sentence, not its name again."""
    silent = []
    for name in tracked:
        source = text(name) if name.suffix == ".py" and name.parts[0] == "bonestudio" else None
        if source is not None:
            said = ast.get_docstring(ast.parse(source)) or ""
            if len(said.split()) < 2:
                silent.append(str(name))
    assert silent == []


def test_no_licensed_image_is_kept(tracked: list[Path]) -> None:
    images = [name for name in tracked if name.suffix.lower() in IMAGES]
    assert [str(name) for name in images if LICENSED.search(name.as_posix())] == []
    places = {name.parts[0] for name in images}
    assert places <= {"assets", "bonestudio", "tests"}


def _own() -> Path:
    return Path(__file__).resolve().relative_to(ROOT)

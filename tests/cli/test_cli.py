"""The command line as a person types it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from bonestudio.commands.output import print_json

HEAVY = ("torch", "gradio", "pyvista", "SimpleITK", "vtk", "pandas", "matplotlib", "scipy")


def bonestudio(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "bonestudio.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **kwargs,
    )


def test_help_names_every_command():
    from bonestudio.commands import COMMANDS

    done = bonestudio("--help")
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert name in done.stdout


@pytest.mark.parametrize("command", ["--help", "models --help", "inspect --help", "phantom --help"])
def test_help_loads_nothing_heavy(command):
    code = (
        "import sys\nfrom bonestudio.cli import main\n"
        f"try: main({command.split()!r})\nexcept SystemExit as end: assert end.code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr


def test_importing_the_package_or_its_rooms_loads_nothing_heavy():
    code = (
        "import sys, bonestudio, bonestudio.imaging, bonestudio.checkpoints, bonestudio.errors\n"
        "import bonestudio.instruments, bonestudio.instruments.age, bonestudio.instruments.volume\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_what_json_has_no_number_for_is_null(capsys):
    print_json({"dB": np.float32(np.inf), "least": [-np.inf, 1.5], "none": float("nan")})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "dB": None, "least": [None, 1.5], "none": None,
    }  # fmt: skip


def test_models_answers_for_people_and_programs():
    done = bonestudio("models", "--json")
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), list)
    assert bonestudio("models").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("models", "age/unknown"), "no checkpoint 'age/unknown'"),
        (("inspect", "there-is-no-such-file.dcm"), "no file"),
    ],
)
def test_what_a_person_can_put_right_is_one_sentence_and_exit_2(arguments, says):
    done = bonestudio(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_inspect_tells_what_was_read(tmp_path):
    import numpy as np
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    image.SetSpacing((0.5, 0.6, 0.7))
    sitk.WriteImage(image, str(tmp_path / "scan.nrrd"))
    done = bonestudio("inspect", tmp_path / "scan.nrrd", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["kind"] == "volume"
    text = bonestudio("inspect", tmp_path / "scan.nrrd").stdout
    assert "0.7" in text
    assert "volume" in text

"""No folder, no permission, a full disk: one sentence, and nothing half-written."""

import os
import subprocess
import sys

import pytest
from samples_of_bone import bone_film, bone_volume

from bonestudio.errors import RequestError, StorageError
from bonestudio.imaging import files, write_radiograph, write_volume


def test_no_folder_and_a_folder_in_the_way(tmp_path):
    with pytest.raises(StorageError, match="does not exist"):
        write_radiograph(bone_film(), tmp_path / "no" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(StorageError, match="folder has this name"):
        write_radiograph(bone_film(), tmp_path / "a.png")


@pytest.mark.parametrize("ending", ["png", "npy", "aim", "nii.gz", "dcm"])
def test_a_full_disk_leaves_the_old_file(tmp_path, ending):
    """A limit on the size of files stands for a full disk; writers meet it half-way."""
    name = tmp_path / f"a.{ending}"
    name.write_bytes(b"older")
    program = f"""
import resource, signal, sys
import numpy as np
from bonestudio.errors import StorageError
from bonestudio.imaging import Radiograph, Volume, write_radiograph, write_volume
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
noise = np.random.default_rng(0).random((40, 100, 100)).astype(np.float32)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    if {ending!r} in ("aim", "nii.gz"):
        write_volume(Volume(voxels=noise), {str(name)!r})
    else:
        write_radiograph(Radiograph(pixels=noise.reshape(400, 1000)), {str(name)!r})
except StorageError as error:
    print(error)
    sys.exit(7)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr[-2000:]
    assert "cannot be written" in done.stdout
    assert name.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [name]


def test_no_write_permission(tmp_path, monkeypatch):
    if os.geteuid() == 0:  # Root may write anywhere, so the system's refusal is put in its place.

        def refuse(**_):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Permission denied"):
        write_radiograph(bone_film(), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_an_isq_needs_a_unit(tmp_path):
    with pytest.raises(RequestError, match="unit"):
        write_volume(bone_volume("unknown"), tmp_path / "a.isq")

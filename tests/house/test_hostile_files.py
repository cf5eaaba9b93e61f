"""Files that are traps: markup as an image, an image with something behind it, markup in its tags."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from bonestudio.errors import ImageError
from bonestudio.imaging import describe, read_radiograph, write_radiograph

SCRIPT = b"<script>alert(4711)</script>"


@pytest.mark.parametrize("name", ["film.png", "film.svg", "film.html", "film"])
@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">' + SCRIPT + b"</svg>",
        b"<!doctype html><html>" + SCRIPT + b"</html>",
        b"GIF89a/*" + SCRIPT + b"*/=1;",
    ],
    ids=["svg", "html", "gif"],
)
def test_markup_is_no_image_whatever_it_is_called(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ImageError) as refused:
        read_radiograph(file)
    assert "4711" not in str(refused.value)


def test_what_hides_in_and_behind_an_image_is_not_handed_on(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SCRIPT.decode())
    trap = tmp_path / "trap.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(trap, pnginfo=info)
    trap.write_bytes(trap.read_bytes() + SCRIPT)
    assert trap.read_bytes().count(b"4711") == 2
    for ending in (".png", ".tif", ".dcm"):
        clean = write_radiograph(read_radiograph(trap), tmp_path / f"clean{ending}")
        assert b"4711" not in clean.read_bytes()


def test_markup_in_tags_is_neither_kept_nor_told(tmp_path: Path) -> None:
    import pydicom

    film = tmp_path / "film.dcm"
    write_radiograph(read_radiograph(_ramp(tmp_path)), film)
    tags = pydicom.dcmread(film)
    tags.PatientName = tags.StudyDescription = tags.InstitutionName = SCRIPT.decode()
    tags.save_as(film)
    told = " ".join(describe(film).lines())
    assert "patient name" in told
    assert "4711" not in told
    assert "<script" not in told


def _ramp(folder: Path) -> Path:
    path = folder / "ramp.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path

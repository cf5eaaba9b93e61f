"""Files that are traps: markup as an image, an image with something behind it, markup in its tags."""

import ast
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin

from bonestudio.errors import ImageError
from bonestudio.imaging import describe, read_radiograph, read_volume, write_radiograph
from bonestudio.instruments.segmentation.export import read_labels

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
    film = tmp_path / "film.dcm"
    write_radiograph(read_radiograph(_ramp(tmp_path)), film)
    tags = pydicom.dcmread(film)
    tags.PatientName = tags.StudyDescription = tags.InstitutionName = SCRIPT.decode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what follows is against the standard, as it is meant
        for name in ("ViewPosition", "ImageLaterality", "BodyPartExamined", "PatientSex"):
            setattr(tags, name, SCRIPT.decode()[:16])
        tags.PatientAge = "<b>9"
        tags.save_as(film)
    image = read_radiograph(film)
    assert (image.view, image.laterality, image.age, image.sex) == (None, None, None, None)
    told = " ".join(describe(film).lines())
    assert "patient name" in told
    assert "4711" not in told
    assert "<script" not in told


def test_a_program_before_a_dicom_is_not_handed_on(tmp_path: Path) -> None:
    """The 128 bytes before a DICOM file may start a program or a page; viewers skip them."""
    trap = tmp_path / "film.dcm"
    write_radiograph(read_radiograph(_ramp(tmp_path)), trap)
    whole = trap.read_bytes()
    trap.write_bytes((b"MZ" + SCRIPT).ljust(128, b"\0") + whole[128:])
    clean = write_radiograph(read_radiograph(trap), tmp_path / "clean.dcm")
    assert clean.read_bytes()[:132] == bytes(128) + b"DICM"


def test_a_deflated_dicom_is_measured_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "film.dcm"
    write_radiograph(read_radiograph(_ramp(tmp_path)), film)
    deflated = pydicom.dcmread(film)
    deflated.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    deflated.save_as(film)
    small = read_radiograph(film)
    assert small.shape == (8, 8)
    deflated.add_new(0x00091001, "OB", bytes(40_000_000))
    deflated.private_block(0x0009, "TRAP", create=True)
    deflated.save_as(film)
    assert film.stat().st_size < 100_000
    monkeypatch.setenv("BONESTUDIO_MEMORY_GB", "0.1")
    for read in (read_radiograph, read_volume):
        with pytest.raises(ImageError, match=r"unpacks to more than 0\.0 GB"):
            read(film)


def test_texts_of_a_picture_that_unpack_without_end_are_refused(tmp_path: Path) -> None:
    trap = tmp_path / "trap.png"
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "0" * 5_000_000, zip=True)
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(trap, pnginfo=info)
    assert trap.stat().st_size < 10_000
    with pytest.raises(ImageError, match="damaged"):
        read_radiograph(trap)


def test_a_mask_is_a_png_and_nothing_that_pillow_hands_to_a_program(tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    Image.new("L", (8, 8), 1).save(mask)
    assert read_labels(mask).max() == 1
    Image.new("L", (8, 8), 1).save(mask, "EPS")  # Ghostscript would run it
    with pytest.raises(ImageError, match="PNG"):
        read_labels(mask)
    Image.new("1", (12_000, 12_000)).save(mask)
    with pytest.raises(ImageError, match="million"):
        read_labels(mask)


def _ramp(folder: Path) -> Path:
    path = folder / "ramp.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path


def test_pillow_is_told_what_it_may_open() -> None:
    """Pillow opens EPS too, and hands it to Ghostscript; whoever opens a file names its formats."""
    bonestudio = Path(__file__).resolve().parents[2] / "bonestudio"
    opened = [
        (file.name, call)
        for file in bonestudio.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Image.open"
    ]
    assert len(opened) > 5
    open_to_all = [
        f"{name}:{call.lineno}"
        for name, call in opened
        if "formats" not in {keyword.arg for keyword in call.keywords}
    ]
    assert open_to_all == []

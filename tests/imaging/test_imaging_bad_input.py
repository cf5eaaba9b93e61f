"""What bad input gets: one sentence that says what is wrong, and nothing half-written."""

import gzip
import os
import resource
import struct
import zlib

import nibabel as nib
import numpy as np
import pytest
import tifffile
from PIL import Image
from samples_of_bone import bone_film, bone_volume

from bonestudio.errors import ImageError
from bonestudio.imaging import (
    describe,
    read_radiograph,
    read_volume,
    windowed,
    write_radiograph,
    write_volume,
)

GREY = (bone_film().pixels * 65535).astype(np.uint16)
EIGHT = (GREY // 257).astype(np.uint8)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"hello, I am a letter", "not an image"),
        (b"GIF89a" + bytes(100), "not an image"),
        (b"PK\x03\x04" + bytes(100), "not an image"),
        (b"\x1f\x8b" + bytes(40), "not an image"),
        (gzip.compress(b"text" * 100, mtime=0), "not an image"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "damaged or incomplete"),
        (b"\x93NUMPY\x01\x00" + bytes(50), "damaged or incomplete"),
        (b"NRRD0004\ntype: short\n", "no end"),
        (b"ObjectType = Image\nNDims = 3\n", "no end"),
        (b"NRRD0004\ntype: short\nsizes: 2 2 2\ndata file: /etc/passwd\n\n", "another file"),
        (b"ObjectType = Image\nNDims = 3\nElementDataFile = /etc/passwd\n", "another file"),
    ],
)
def test_not_an_image(tmp_path, content, sentence):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match=sentence):
        describe(tmp_path / "a.png")


def test_no_file_no_permission(tmp_path, monkeypatch):
    with pytest.raises(ImageError, match="no file"):
        read_radiograph(tmp_path / "nothing.png")
    path = write_radiograph(bone_film(), tmp_path / "a.png")
    path.chmod(0)
    if os.access(
        path, os.R_OK
    ):  # Root may read anything; the system's refusal is put in its place.

        def refuse(*_):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(ImageError, match="may read"):
        read_radiograph(path)


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "dcm", "npy"])
@pytest.mark.parametrize("part", [0.3, 0.7, 0.98])
def test_truncated_films(tmp_path, ending, part):
    path = write_radiograph(bone_film((300, 200)), tmp_path / f"a.{ending}")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(ImageError):
        read_radiograph(path)


@pytest.mark.parametrize(
    "ending", ["nii", "nii.gz", "nrrd", "mha", "tif", "npy", "dcm", "aim", "isq"]
)
@pytest.mark.parametrize("part", [0.05, 0.5, 0.98])
def test_truncated_volumes(tmp_path, ending, part):
    path = write_volume(bone_volume(shape=(20, 30, 40)), tmp_path / f"a.{ending}")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(ImageError):
        read_volume(path)


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.zeros((20, 20), np.uint8), "same value"),
        (np.full((20, 20), 7.5, np.float32), "same value"),
        (np.full((20, 20), np.nan), "not numbers"),
        (np.where(np.eye(20) > 0, np.inf, 0), "not numbers"),
        (np.zeros((0, 20)), "no pixels"),
        (np.eye(5, dtype=np.complex64), "not grey levels"),
        (np.array(["a", "b"]), "axes"),
        (np.zeros((2, 2, 2, 2)), "axes"),
    ],
)
def test_zero_nan_and_constant_pixels(tmp_path, pixels, sentence):
    np.save(tmp_path / "a.npy", pixels)
    with pytest.raises(ImageError, match=sentence):
        read_radiograph(tmp_path / "a.npy")
    if pixels.dtype == np.float32:
        tifffile.imwrite(tmp_path / "a.tif", pixels)
        with pytest.raises(ImageError, match=sentence):
            read_radiograph(tmp_path / "a.tif")


def test_an_empty_volume_and_one_of_nan(tmp_path):
    for value, sentence in ((0, "same value"), (np.nan, "not numbers")):
        np.save(tmp_path / "a.npy", np.full((3, 4, 5), value))
        with pytest.raises(ImageError, match=sentence):
            read_volume(tmp_path / "a.npy")


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}, None]), allow_pickle=True)
    with pytest.raises(ImageError, match="damaged"):
        read_radiograph(tmp_path / "a.npy")


def test_sixteen_bits_keep_their_depth(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    tifffile.imwrite(tmp_path / "b.tif", GREY, byteorder=">", photometric="miniswhite")
    for name in ("a.png", "a.tif"):
        assert np.allclose(read_radiograph(tmp_path / name).pixels, GREY / 65535, atol=1e-7)
    assert np.allclose(read_radiograph(tmp_path / "b.tif").pixels, 1 - GREY / 65535, atol=1e-6)


def test_twelve_bits_in_sixteen_ask_for_a_window(tmp_path):
    Image.fromarray(GREY // 16).save(tmp_path / "a.png")
    film = read_radiograph(tmp_path / "a.png")
    assert film.pixels.max() == pytest.approx(4095 / 65535)
    assert film.window == pytest.approx((0, 4095 / 65535))
    shown = windowed(film)
    assert (shown.pixels.min(), shown.pixels.max(), shown.window) == (0, 1, (0, 1))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16, np.int32, np.uint32])
def test_floats_and_signed_numbers(tmp_path, kind):
    values = (bone_film().pixels * 3000 - 1000).clip(0 if kind == np.uint32 else None).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", values)
    low, high = float(values.min()), float(values.max())
    wanted = (values.astype(float) - low) / (high - low)
    assert np.allclose(read_radiograph(tmp_path / "a.tif").pixels, wanted, atol=1e-5)
    tifffile.imwrite(tmp_path / "b.tif", bone_film().pixels.astype(np.float32) / 2)
    assert read_radiograph(tmp_path / "b.tif").pixels.max() == 0.5


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "raw"])
def test_compressed_tiff(tmp_path, compression):
    Image.fromarray(EIGHT).save(tmp_path / "a.tif", compression=compression)
    assert np.allclose(read_radiograph(tmp_path / "a.tif").pixels, EIGHT / 255, atol=1e-6)
    Image.fromarray(GREY).save(tmp_path / "b.tif", compression=compression)
    assert np.allclose(read_radiograph(tmp_path / "b.tif").pixels, GREY / 65535, atol=1e-6)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1", "CMYK"])
def test_colours_become_grey(tmp_path, mode):
    grey = Image.fromarray(EIGHT)
    picture = grey.quantize(256) if mode == "P" else grey.convert(mode)
    for ending in ["jpg"] if mode == "CMYK" else ["png", "tif"]:
        picture.save(tmp_path / f"a.{ending}")
        film = read_radiograph(tmp_path / f"a.{ending}")
        assert film.pixels.shape == EIGHT.shape
        if mode == "1":
            assert set(np.unique(film.pixels)) == {0.0, 1.0}
        else:
            assert np.abs(film.pixels - EIGHT / 255).max() < 0.05


def test_transparent_is_black(tmp_path):
    clear = np.stack([EIGHT, EIGHT, EIGHT, np.where(EIGHT > 100, 255, 0).astype(np.uint8)], axis=2)
    Image.fromarray(clear).save(tmp_path / "a.png")
    film = read_radiograph(tmp_path / "a.png")
    assert film.pixels[EIGHT <= 100].max() == 0
    assert film.pixels.max() == 1


def test_exif_turns_the_picture_and_is_dropped(tmp_path):
    picture = Image.fromarray(EIGHT)
    exif = picture.getexif()
    exif[0x0112], exif[0x010E] = 6, "SECRET"  # Turn a quarter; a description.
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    film = read_radiograph(tmp_path / "a.jpg")
    assert film.shape == EIGHT.shape[::-1]
    assert "camera data (EXIF)" in describe(tmp_path / "a.jpg").dropped
    assert b"SECRET" not in write_radiograph(film, tmp_path / "b.jpg").read_bytes()


def png_bomb(width, height):
    """A PNG of a few hundred bytes that says it is huge."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(30_000, 30_000), (11_000, 11_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bomb(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_bomb(*size))
    with pytest.raises(ImageError, match=r"at most 100 million|damaged"):
        read_radiograph(tmp_path / "a.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 3 * 2**20


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_nifti_that_lies_about_its_size(tmp_path, name):
    image = nib.Nifti1Image(bone_volume().voxels.transpose(2, 1, 0), np.eye(4))
    content = bytearray(image.to_bytes())
    struct.pack_into("<4h", content, 40, 3, 1200, 1000, 1000)
    packed = gzip.compress(content, mtime=0) if name.endswith("gz") else bytes(content)
    (tmp_path / name).write_bytes(packed)
    with pytest.raises(ImageError, match="promises"):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("kind", ["nii", "nrrd", "mha", "npy", "isq"])
def test_a_volume_too_large_for_memory(tmp_path, monkeypatch, kind):
    path = write_volume(bone_volume(shape=(100, 200, 300)), tmp_path / f"a.{kind}")
    monkeypatch.setenv("BONESTUDIO_MEMORY_GB", "0.1")
    with pytest.raises(ImageError, match=r"100 × 200 × 300 voxels.*0\.1 GB.*halve"):
        read_volume(path)
    monkeypatch.setenv("BONESTUDIO_MEMORY_GB", "lots")
    with pytest.raises(ImageError, match="number of gigabytes"):
        read_volume(path)


def test_the_other_kind_is_named(tmp_path):
    film = write_radiograph(bone_film(), tmp_path / "a.png")
    volume = write_volume(bone_volume(), tmp_path / "a.mha")
    pages = write_volume(bone_volume(), tmp_path / "a.tif")
    with pytest.raises(ImageError, match="one picture"):
        read_volume(film)
    with pytest.raises(ImageError, match="8 slices"):
        read_radiograph(volume)
    with pytest.raises(ImageError, match="8 pages"):
        read_radiograph(pages)
    assert read_radiograph(pages, frame=3).shape == (10, 12)


def test_four_dimensions_and_two_files_are_refused(tmp_path):
    nib.Nifti1Image(np.random.default_rng(0).random((4, 4, 4, 3)), np.eye(4)).to_filename(
        tmp_path / "a.nii"
    )
    with pytest.raises(ImageError, match="3 volumes"):
        read_volume(tmp_path / "a.nii")
    nib.Nifti1Pair(np.random.default_rng(0).random((4, 4, 4)), np.eye(4)).to_filename(
        tmp_path / "b.img"
    )
    with pytest.raises(ImageError, match=r"\.img"):
        read_volume(tmp_path / "b.hdr")

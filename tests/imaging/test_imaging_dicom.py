"""DICOM: tables, inversion, compression, frames, series, and nothing of the patient."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEGLSLossless, RLELossless
from samples_of_bone import bone_film, bone_volume

from bonestudio.errors import ImageError
from bonestudio.imaging import (
    describe,
    read_radiograph,
    read_volume,
    write_radiograph,
    write_volume,
)


def sample(name):
    """A file inside the pydicom package; nothing is downloaded."""
    return get_testdata_file(name, download=False)


@pytest.fixture
def film_file(tmp_path):
    """A 12-bit film that the tests change; returns its dataset and a way to save and read it."""
    ds = pydicom.dcmread(write_radiograph(bone_film(), tmp_path / "a.dcm"))
    stored = (bone_film().pixels * 4095).astype(np.uint16)
    ds.BitsStored, ds.HighBit = 12, 11
    ds.PixelData = stored.tobytes()
    del ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction

    def read(**options):
        ds.save_as(tmp_path / "b.dcm")
        return read_radiograph(tmp_path / "b.dcm", **options)

    return ds, stored, read


def test_twelve_bits_fill_the_range(film_file):
    _, stored, read = film_file
    assert np.allclose(read().pixels, stored / 4095, atol=1e-6)
    assert read().window == (0, 1)


def test_monochrome1_is_turned_so_that_bone_is_bright(film_file):
    ds, stored, read = film_file
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = 1000, 400, "LINEAR_EXACT"
    film = read()
    assert np.allclose(film.pixels, 1 - stored / 4095, atol=1e-6)
    assert film.window == pytest.approx((1 - 1200 / 4095, 1 - 800 / 4095))


def test_window_is_in_rescaled_units(film_file):
    ds, _, read = film_file
    ds.RescaleSlope, ds.RescaleIntercept = 2, -100
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = [1900, 5], [2000, 6], "LINEAR_EXACT"
    assert read().window == pytest.approx((1000 / 2 / 4095, 3000 / 2 / 4095))
    ds.VOILUTFunction = "LINEAR"  # PS3.3 C.11.2.1.2.1: half a step aside, one step narrower.
    assert read().window == pytest.approx((1000 / 2 / 4095, 2999 / 2 / 4095), abs=1e-4)


def test_negative_slope_turns_the_film(film_file):
    ds, stored, read = film_file
    ds.RescaleSlope, ds.RescaleIntercept = -1, 4095
    assert np.allclose(read().pixels, 1 - stored / 4095, atol=1e-6)


@pytest.mark.parametrize("keyword", ["ModalityLUTSequence", "VOILUTSequence"])
def test_look_up_tables_are_applied(film_file, keyword):
    ds, stored, read = film_file
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 16])
    squares = (np.arange(4096.0) ** 2 / 4095**2 * 65535).astype(np.uint16)
    table.add_new("LUTData", "OW", squares.tobytes())
    if keyword == "ModalityLUTSequence":
        table.ModalityLUTType = "US"
    setattr(ds, keyword, Sequence([table]))
    ds["PixelData"].VR = "OW"
    assert np.allclose(read().pixels, squares[stored] / 65535, atol=1e-5)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_pixels_are_the_same_pixels(film_file, syntax):
    ds, stored, read = film_file
    if syntax == RLELossless:
        ds.compress(syntax)
    else:
        plain = pydicom.dcmread(sample("MR_small.dcm")).pixel_array
        packed = read_radiograph(sample("MR_small_jpeg_ls_lossless.dcm"))
        assert np.allclose(packed.pixels, (plain + 32768.0) / 65535, atol=1e-6)
        return
    assert np.allclose(read().pixels, stored / 4095, atol=1e-6)


@pytest.mark.parametrize(
    ("packed", "plain"),
    [
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_implicit.dcm", "MR_small.dcm"),
        ("MR_small_padded.dcm", "MR_small.dcm"),
        ("SC_rgb_rle.dcm", "SC_rgb_small_odd.dcm"),
    ],
)
def test_files_of_pydicom_in_other_encodings(packed, plain):
    one, other = read_radiograph(sample(packed)), read_radiograph(sample(plain))
    if packed.startswith("MR"):
        assert np.array_equal(one.pixels, other.pixels)
        assert one.spacing == other.spacing == (0.3125, 0.3125)
    else:
        assert one.pixels.max() <= 1


def test_all_files_of_pydicom_give_an_image_or_a_sentence():
    folder = Path(sample("CT_small.dcm")).parent
    images, sentences = 0, {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                found = describe(path)
            except ImageError as error:
                sentences[path.name] = str(error)
            else:
                images += 1
                assert np.isfinite(found.range).all(), path.name
    assert all(20 < len(sentence) < 300 for sentence in sentences.values())
    assert images >= 80  # of which 60 are grey; the others are reports, plans and directories.


def test_palette_and_colour_become_grey():
    for name in ("examples_palette.dcm", "examples_rgb_color.dcm", "SC_rgb_jpeg_dcmtk.dcm"):
        film = read_radiograph(sample(name))
        assert film.pixels.ndim == 2
        assert 0 <= film.pixels.min() < film.pixels.max() <= 1


def test_a_dicom_without_pixels_says_so():
    with pytest.raises(ImageError, match="no pixels"):
        read_radiograph(sample("test-SR.dcm"))
    with pytest.raises(ImageError, match="no pixels"):
        read_volume(sample("rtplan.dcm"))


def test_truncated_dicom_says_so():
    with pytest.raises(ImageError, match="damaged or incomplete"):
        read_radiograph(sample("MR_truncated.dcm"))


def test_one_frame_of_many(tmp_path):
    path = write_volume(bone_volume(), tmp_path / "v.dcm")
    with pytest.raises(ImageError, match=r"8 frames.*0 to 7"):
        read_radiograph(path)
    with pytest.raises(ImageError, match="no frame 8"):
        read_radiograph(path, frame=8)
    assert (
        read_radiograph(path, frame=7).pixels.mean() > read_radiograph(path, frame=0).pixels.mean()
    )
    assert describe(path).kind == "volume"


def test_compressed_pixels_that_contradict_the_tags_are_refused(tmp_path):
    ds = pydicom.dcmread(sample("JPEG2000.dcm"))
    ds.Rows = 100
    ds.save_as(tmp_path / "a.dcm")
    with pytest.raises(ImageError, match="256 × 1024 but the tags say 256 × 100"):
        read_radiograph(tmp_path / "a.dcm")


def test_patient_data_never_leaves(film_file, tmp_path):
    ds, _, read = film_file
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = "Doe^Jane", "SECRET1", "20100315"
    ds.StudyDate, ds.InstitutionName = "20190915", "SECRET2"
    ds.PatientSex, ds.ImageLaterality, ds.ViewPosition = "F", "L", "SECRET3"
    ds.PatientAge = ""
    ds.add_new(0x00091001, "LO", "SECRET4")
    film = read()
    assert film.age == pytest.approx(9.5, abs=0.01)
    assert (film.sex, film.laterality, film.view) == ("F", "L", None)
    told = describe(tmp_path / "b.dcm")
    assert {"patient name", "patient number", "birth date", "institution", "private tags"} <= set(
        told.dropped
    )
    said = repr(film) + str(told.as_dict()) + "\n".join(told.lines())
    for ending in ("png", "jpg", "tif", "dcm", "npy"):
        out = write_radiograph(film, tmp_path / f"out.{ending}")
        said += out.read_bytes().decode("latin-1")
    said += (tmp_path / "out.json").read_text()
    for secret in ("Doe", "Jane", "SECRET", "20100315", "20190915", "2010-03-15"):
        assert secret not in said


@pytest.mark.parametrize(
    ("told", "years"), [("012Y", 12), ("018M", 1.5), ("010D", 10 / 365.25), ("abc", None)]
)
def test_age(film_file, told, years):
    ds, _, read = film_file
    ds["PatientAge"] = pydicom.DataElement(0x00101010, "AS", told, validation_mode=0)
    assert read().age == (pytest.approx(years) if years else None)


def test_spacing_at_the_detector_is_divided_by_the_magnification(film_file):
    ds, _, read = film_file
    del ds.PixelSpacing
    ds.ImagerPixelSpacing, ds.EstimatedRadiographicMagnificationFactor = [0.2, 0.2], 1.25
    assert read().spacing == (0.16, 0.16)


def test_what_we_write_is_valid_dicom(tmp_path):
    for path in (
        write_radiograph(bone_film(), tmp_path / "a.dcm"),
        write_volume(bone_volume(), tmp_path / "b.dcm"),
    ):
        ds = pydicom.dcmread(path)
        assert ds.PatientIdentityRemoved == "YES"
        assert str(ds.PatientName) == "ANONYMOUS"
        assert ds.StudyInstanceUID.is_valid
        assert ds.ImageComments == "Research use, not for diagnosis"
    one, two = (
        pydicom.dcmread(write_radiograph(bone_film(), tmp_path / "c.dcm")).SOPInstanceUID
        for _ in range(2)
    )
    assert one != two

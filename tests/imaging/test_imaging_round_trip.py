"""Every format, written and read back; by our writers and by the libraries others use."""

import gzip

import numpy as np
import pytest
from samples_of_bone import bone_film, bone_volume

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging import (
    describe,
    read_radiograph,
    read_volume,
    write_radiograph,
    write_volume,
)


@pytest.mark.parametrize(
    ("ending", "error"),
    [("png", 0.5 / 65535), ("jpg", 0.02), ("tif", 0), ("dcm", 0.5 / 65535), ("npy", 0)],
)
def test_a_film_comes_back(tmp_path, ending, error):
    film = bone_film()
    path = write_radiograph(film, tmp_path / f"a.{ending}")
    back = read_radiograph(path)
    assert back.pixels.dtype == np.float32
    assert np.abs(back.pixels - film.pixels).max() <= error + 1e-7
    assert back.window == pytest.approx(film.window, abs=1e-6)
    for field in ("spacing", "view", "laterality", "age", "sex"):
        assert getattr(back, field) == getattr(film, field), field


@pytest.mark.parametrize("unit", ["mg HA/cm³", "HU", "unknown"])
@pytest.mark.parametrize(
    "ending", ["nii", "nii.gz", "nrrd", "mha", "tif", "npy", "dcm", "aim", "isq"]
)
def test_a_volume_comes_back(tmp_path, ending, unit):
    volume = bone_volume(unit)
    if (ending, unit) == ("isq", "unknown"):
        with pytest.raises(RequestError, match="unit"):
            write_volume(volume, tmp_path / "a.isq")
        return
    back = read_volume(write_volume(volume, tmp_path / f"a.{ending}"))
    # 16 bits: over the volume's own range, or for HU in AIM and ISQ over twice the largest value.
    whole_numbers = ending in {"dcm", "isq"} or (ending == "aim" and unit != "unknown")
    reach = 2 * np.abs(volume.voxels + 1000).max()
    assert np.abs(back.voxels - volume.voxels).max() <= (reach / 65000 if whole_numbers else 0)
    assert back.spacing == pytest.approx(volume.spacing, rel=2e-3 if ending == "isq" else 1e-6)
    for field in ("unit", "laterality", "age", "sex"):
        assert getattr(back, field) == getattr(volume, field), field
    assert back.voxels.flags.writeable
    assert back.voxels.flags.c_contiguous
    assert type(back.voxels) is np.ndarray  # Not a map of the file, which may go.


@pytest.mark.parametrize("ending", ["nii.gz", "nrrd", "mha", "npy", "dcm", "aim"])
def test_a_volume_without_spacing_stays_without(tmp_path, ending):
    volume = bone_volume()
    bare = type(volume)(voxels=volume.voxels)
    back = read_volume(write_volume(bare, tmp_path / f"a.{ending}"))
    if ending == "aim":  # AIM has no way to say so.
        assert back.spacing == (1.0, 1.0, 1.0)
    else:
        assert back.spacing is None
    assert back.unit == "unknown"


def test_the_format_is_told_by_content_not_by_name(tmp_path):
    volume = write_volume(bone_volume(), tmp_path / "a.nrrd").rename(tmp_path / "a.png")
    assert describe(volume).format == "NRRD"
    film = write_radiograph(bone_film(), tmp_path / "b.png").rename(tmp_path / "b.aim")
    assert read_radiograph(film).shape == (60, 50)


def test_unknown_ending_and_wrong_arrays_are_refused(tmp_path):
    with pytest.raises(RequestError, match=r"\.png"):
        write_radiograph(bone_film(), tmp_path / "a.gif")
    with pytest.raises(RequestError, match=r"\.nii"):
        write_volume(bone_volume(), tmp_path / "a.gif")
    film = bone_film()
    with pytest.raises(ImageError, match="numbers"):
        write_radiograph(film.with_pixels(film.pixels * np.nan), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["nrrd", "mha", "nii.gz"])
def test_simpleitk_reads_what_we_write(tmp_path, ending):
    import SimpleITK as sitk

    volume = bone_volume()
    path = write_volume(volume, tmp_path / f"a.{ending}")
    image = sitk.ReadImage(str(path))
    assert np.array_equal(sitk.GetArrayFromImage(image), volume.voxels)
    assert image.GetSpacing()[::-1] == pytest.approx(volume.spacing, rel=1e-6)
    assert image.GetDirection() == pytest.approx(np.eye(3).ravel())


@pytest.mark.parametrize("ending", ["nrrd", "mha", "nii", "nii.gz"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("packed", [False, True])
def test_we_read_what_simpleitk_writes(tmp_path, ending, kind, packed):
    import SimpleITK as sitk

    voxels = (bone_volume().voxels - bone_volume().voxels.min()).astype(kind)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((0.083, 0.082, 0.0607))
    sitk.WriteImage(image, str(tmp_path / f"a.{ending}"), packed)
    back = read_volume(tmp_path / f"a.{ending}")
    assert np.array_equal(back.voxels, voxels.astype(np.float32))
    assert back.spacing == pytest.approx((0.0607, 0.082, 0.083), rel=1e-6)


_POINTS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}  # fmt: skip


@pytest.mark.parametrize("code", ["LPS", "RAS", "LPI", "PSR", "SAR", "IRA"])
@pytest.mark.parametrize("ending", ["nrrd", "mha", "nii"])
def test_every_orientation_ends_the_right_way_up(tmp_path, code, ending):
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(bone_volume().voxels)
    image.SetSpacing((0.3, 0.2, 0.1))
    turned = sitk.DICOMOrient(image, code)
    assert turned.GetDirection()[0::3] == pytest.approx(_POINTS[code[0]])
    sitk.WriteImage(turned, str(tmp_path / f"a.{ending}"))
    back = read_volume(tmp_path / f"a.{ending}")
    assert np.array_equal(back.voxels, bone_volume().voxels)
    assert back.spacing == pytest.approx((0.1, 0.2, 0.3), rel=1e-6)


def test_nifti_of_nibabel_with_slope_units_and_no_orientation(tmp_path):
    import nibabel as nib

    stored = bone_volume().voxels.astype(np.int16)
    image = nib.Nifti1Image(stored.transpose(2, 1, 0), None)
    image.header.set_zooms((83, 82, 60.7))
    image.header.set_xyzt_units("micron")
    image.header["scl_slope"], image.header["scl_inter"] = 2, -5
    image.header["qform_code"] = image.header["sform_code"] = 0
    (tmp_path / "a.nii").write_bytes(
        image.header.binaryblock + bytes(4) + stored.transpose(2, 1, 0).tobytes(order="F")
    )
    back = read_volume(tmp_path / "a.nii")
    assert np.array_equal(back.voxels, 2.0 * stored - 5)
    assert back.spacing == pytest.approx((0.0607, 0.082, 0.083), rel=1e-6)
    assert (back.unit, read_volume(tmp_path / "a.nii", unit="HU").unit) == ("unknown", "HU")


def test_nifti_2_and_one_slice_as_a_film(tmp_path):
    import nibabel as nib

    voxels = bone_volume(shape=(1, 30, 40)).voxels
    nib.Nifti2Image(voxels.transpose(2, 1, 0), np.diag([-1, -1, 1, 1])).to_filename(
        tmp_path / "a.nii"
    )
    film = read_radiograph(tmp_path / "a.nii")
    assert film.shape == (30, 40)
    assert (film.pixels.min(), film.pixels.max()) == (0, 1)
    packed = gzip.compress((tmp_path / "a.nii").read_bytes())
    (tmp_path / "b.nii.gz").write_bytes(packed)
    assert np.array_equal(read_volume(tmp_path / "b.nii.gz").voxels, voxels)


def test_npy_side_car_and_colour(tmp_path):
    write_radiograph(bone_film(), tmp_path / "a.npy")
    assert (tmp_path / "a.json").is_file()
    (tmp_path / "a.json").write_text("not json")
    assert read_radiograph(tmp_path / "a.npy").spacing is None
    colour = np.zeros((5, 6, 3), np.uint8)
    colour[2:, :, 1] = 255
    np.save(tmp_path / "c.npy", colour)
    assert read_radiograph(tmp_path / "c.npy").pixels.max() == pytest.approx(0.587, abs=1e-3)

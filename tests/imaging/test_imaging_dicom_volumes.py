"""DICOM volumes: a folder of slices, the frames of one file."""

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from samples_of_bone import bone_volume

from bonestudio.errors import ImageError
from bonestudio.imaging import describe, read_radiograph, read_volume, write_volume


def sample(name):
    """A file inside the pydicom package; nothing is downloaded."""
    return get_testdata_file(name, download=False)


def write_series(folder, *, positions, flip=False):
    """A CT series of files in another order than their places."""
    folder.mkdir()
    base = pydicom.dcmread(sample("CT_small.dcm"))
    order = np.random.default_rng(1).permutation(len(positions))
    for number in order:
        ds = base.copy()
        ds.file_meta = base.file_meta
        ds.Rows = ds.Columns = 16
        plane = np.full((16, 16), 1024 + 10 * number, np.int16)
        plane[0, 0] = 0
        ds.PixelData = plane.tobytes()
        ds.RescaleIntercept, ds.RescaleSlope, ds.PixelSpacing = -1024, 1, [0.7, 0.8]
        ds.SeriesInstanceUID = "1.2.3"
        ds.SOPInstanceUID = f"1.2.3.{number}"
        ds.ImagePositionPatient = [0, 0, positions[number]]
        ds.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0] if flip else [1, 0, 0, 0, 1, 0]
        ds.InstanceNumber = 99 - int(number)
        ds.save_as(folder / f"{np.random.default_rng(int(number)).integers(10**9)}")
    return folder


@pytest.mark.parametrize("flip", [False, True])
def test_a_series_is_put_in_order(tmp_path, flip):
    folder = write_series(tmp_path / "s", positions=[5, 7.5, 10, 12.5], flip=flip)
    (folder / "notes.txt").write_text("not DICOM")
    volume = read_volume(folder)
    assert volume.voxels[:, 8, 8].tolist() == [0, 10, 20, 30]
    assert volume.spacing == (2.5, 0.7, 0.8)
    assert volume.unit == "HU"
    # The dark corner lies on the patient's right, or on the left when rows run that way.
    assert volume.voxels[0, 0, -1 if flip else 0] == -1024
    assert describe(folder).kind == "volume"


def test_a_series_with_a_gap_or_two_at_one_place_is_refused(tmp_path):
    with pytest.raises(ImageError, match="missing"):
        read_volume(write_series(tmp_path / "a", positions=[0, 1, 2, 4, 5]))
    with pytest.raises(ImageError, match=r"one place|evenly"):
        read_volume(write_series(tmp_path / "b", positions=[0, 0, 1, 1]))


def test_an_enhanced_file_keeps_its_geometry_per_frame(tmp_path):
    ds = pydicom.dcmread(write_volume(bone_volume("HU"), tmp_path / "v.dcm"))
    stored = ds.pixel_array
    wanted = stored * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    measures, plane, values = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.4, 0.5]
    plane.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]  # A coronal scan: rows run to the feet.
    values.RescaleSlope, values.RescaleIntercept = ds.RescaleSlope, ds.RescaleIntercept
    values.RescaleType = "HU"
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    shared.PixelValueTransformationSequence = Sequence([values])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for number in range(8):
        position = Dataset()
        position.ImagePositionPatient = [0, 70 - 10 * number, 0]  # From the back to the front.
        frame = Dataset()
        frame.PlanePositionSequence = Sequence([position])
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    for keyword in ("PixelSpacing", "RescaleSlope", "RescaleIntercept", "RescaleType"):
        delattr(ds, keyword)
    ds.save_as(tmp_path / "e.dcm")
    volume = read_volume(tmp_path / "e.dcm")
    assert volume.unit == "HU"
    assert volume.spacing == (0.4, 10, 0.5)
    # Stored [front-to-back reversed, downwards, leftwards] → [upwards, backwards, leftwards].
    assert np.allclose(volume.voxels, wanted[::-1, ::-1].transpose(1, 0, 2), atol=1e-2)


def test_a_folder_without_images_says_so(tmp_path):
    with pytest.raises(ImageError, match="no DICOM images"):
        read_volume(tmp_path)
    with pytest.raises(ImageError, match="folder"):
        read_radiograph(tmp_path)

"""Scans opened, shrunk for a screen, and handed on; against values that can be worked out by hand."""

import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging import write_volume
from bonestudio.imaging.types import Volume
from bonestudio.instruments.lightbox import scan_files, scan_views
from bonestudio.instruments.lightbox.scan_views import (
    difference,
    preview,
    shrink,
    surface_level,
    windows,
)
from bonestudio.instruments.lightbox.scans import ScanViewer, samples

JOINT = Path(__file__).resolve().parents[3] / "shared/data/hrpqct-joint/test_joint.nii.gz"


def numbered(shape=(5, 7, 9), unit="HU", spacing=(2.0, 1.0, 0.5)):
    """A volume in which voxel (z, y, x) has the value 100 z + 10 y + x."""
    z, y, x = np.indices(shape, dtype=np.float32)
    return Volume(voxels=100 * z + 10 * y + x, spacing=spacing, unit=unit)


def sphere(radius=12.0, side=32, *, inside=900.0, outside=-100.0, spacing=0.5):
    """A ball of ``radius`` voxels, soft by one voxel at its edge."""
    grid = np.indices((side,) * 3, dtype=np.float32) - (side - 1) / 2
    depth = np.clip(radius - np.sqrt((grid**2).sum(0)) + 0.5, 0, 1)
    return Volume(voxels=(outside + (inside - outside) * depth).astype(np.float32), spacing=(spacing,) * 3, unit="mg HA/cm³")  # fmt: skip


def test_shrinking_averages_whole_blocks_and_thins_the_finest_axis_first():
    volume = numbered()
    small, factors = shrink(volume, max_voxels=5 * 7 * 5)
    assert factors == (1, 1, 2)
    pairs = volume.voxels[:, :, :8].reshape(5, 7, 4, 2).mean(-1)
    np.testing.assert_array_equal(small.voxels[:, :, :4], pairs)
    np.testing.assert_array_equal(small.voxels[:, :, 4], volume.voxels[:, :, 8])
    assert small.spacing == (2.0, 1.0, 1.0)


def test_a_small_volume_is_not_shrunk():
    volume = numbered()
    small, factors = shrink(volume, max_voxels=volume.voxels.size)
    assert factors == (1, 1, 1)
    np.testing.assert_array_equal(small.voxels, volume.voxels)


@pytest.mark.parametrize("most", [1, 2, 10, 100])
def test_shrinking_ends_at_or_under_the_wish(most):
    small, _ = shrink(numbered(), max_voxels=most)
    assert small.voxels.size <= most
    if most == 1:
        assert small.voxels.item() == pytest.approx(numbered().voxels.mean(), rel=0.05)


def test_the_preview_holds_whole_numbers_exactly_and_lies_where_the_file_says(tmp_path):
    made = preview(numbered(), folder=tmp_path)
    image = nib.load(made.path)
    values = np.asarray(image.dataobj).transpose(2, 1, 0)
    np.testing.assert_array_equal(values, numbered().voxels)
    assert made.step == 1.0
    # Columns run to the left (−x in RAS), rows to the back, slices to the head.
    np.testing.assert_allclose(image.affine @ [2, 0, 0, 1], [-1.0, 0, 0, 1])
    np.testing.assert_allclose(image.affine @ [0, 3, 0, 1], [0, -3.0, 0, 1])
    np.testing.assert_allclose(image.affine @ [0, 0, 4, 1], [0, 0, 8.0, 1])
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")


def test_the_preview_of_a_shrunk_volume_lies_in_the_middle_of_its_blocks(tmp_path):
    made = preview(numbered(), folder=tmp_path, max_voxels=5 * 7 * 5)
    origin = nib.load(made.path).affine[:3, 3]
    np.testing.assert_allclose(origin, [-0.25, 0, 0])


def test_fractions_are_kept_to_half_a_step(tmp_path):
    noise = np.random.default_rng(1).normal(300, 200, (6, 8, 10)).astype(np.float32)
    volume = replace(numbered(), voxels=noise)
    made = preview(volume, folder=tmp_path)
    values = np.asarray(nib.load(made.path).dataobj).transpose(2, 1, 0)
    assert np.abs(values - noise).max() <= 0.51 * made.step
    assert made.step < 0.05


def test_the_preview_says_nothing_but_the_voxels(tmp_path):
    volume = replace(numbered(), laterality="L", age=61.0, sex="F")
    made = preview(volume, folder=tmp_path)
    header = nib.load(made.path).header
    assert made.path.name == "volume.nii.gz"
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        assert bytes(header[field]).strip(b"\0") == b""


def test_windows_follow_the_unit_and_leave_out_what_shows_nothing():
    bone = sphere()
    assert list(windows(bone)) == ["Bone", "Trabeculae", "Cortex", "Full"]
    assert windows(bone)["Full"] == (-100.0, 900.0)
    mask = replace(bone, voxels=(bone.voxels > 400).astype(np.float32))
    assert list(windows(mask)) == ["Auto", "Full"]
    flat = replace(bone, voxels=np.zeros_like(bone.voxels))
    assert windows(flat) == {"Full": (0.0, 1.0)}


def test_the_surface_lies_at_the_units_threshold_or_at_otsus():
    assert surface_level(sphere()) == 320.0
    assert surface_level(replace(sphere(), unit="HU")) == 226.0
    unknown = surface_level(replace(sphere(), unit="unknown"))
    assert -100 < unknown < 900
    air = replace(sphere(outside=-1000.0), unit="unknown")  # a CT whose file does not say so
    assert surface_level(air) == 226.0
    low = replace(sphere(inside=200.0), unit="HU")  # never reaches 226
    assert -100 < surface_level(low) < 200
    with pytest.raises(RequestError, match="same value"):
        surface_level(replace(sphere(), voxels=np.ones((3, 3, 3), np.float32)))


def test_a_difference_is_after_minus_before():
    before = numbered()
    after = replace(before, voxels=before.voxels + 3)
    assert np.all(difference(before, after).voxels == 3)
    with pytest.raises(RequestError, match="one size"):
        difference(before, replace(before, voxels=before.voxels[:-1]))


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha", "a.npy", "a.aim", "a.dcm"])
def test_every_format_opens_with_its_facts(tmp_path, name):
    write_volume(numbered(unit="mg HA/cm³", spacing=(0.0607,) * 3), tmp_path / name)
    viewer = ScanViewer.open(tmp_path / name)
    assert viewer.volume.shape == (5, 7, 9)
    facts = viewer.facts()
    assert facts["Size"] == "5 × 7 × 9 voxels"
    assert list(facts) == ["Stored as", "Size", "Voxel", "Field", "Unit", "Range", "Left out"]
    oriented = name not in {"a.npy", "a.aim"}
    assert viewer.scan.oriented is oriented


def test_facts_speak_of_micrometres_for_hrpqct():
    volume = numbered(unit="mg HA/cm³", spacing=(0.0607, 0.0607, 0.0607))
    from bonestudio.instruments.lightbox.scans import Scan

    facts = ScanViewer(Scan(volume=volume)).facts()
    assert facts["Voxel"] == "60.7 µm cubes"
    assert facts["Range"] == "0 to 468 mg HA/cm³"
    assert ScanViewer(Scan(volume=replace(volume, spacing=None))).facts()["Field"] == "not known"


def test_a_unit_is_taken_where_the_file_has_none(tmp_path):
    np.save(tmp_path / "a.npy", numbered().voxels)
    viewer = ScanViewer.open(tmp_path / "a.npy")
    assert viewer.volume.unit == "unknown"
    assert viewer.with_unit("HU").volume.unit == "HU"
    assert ScanViewer.open(tmp_path / "a.npy", unit="HU").volume.unit == "HU"


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_is_opened_whatever_its_folders_and_names_say(tmp_path):
    write_volume(numbered(), tmp_path / "a.nii.gz")
    inside = (tmp_path / "a.nii.gz").read_bytes()
    packed = zipped(tmp_path / "scan.zip", {"../../Doe^Jane/a.nii.gz": inside, "__MACOSX/x": b"1", "DICOMDIR": b"2"})  # fmt: skip
    assert ScanViewer.open(packed).volume.shape == (5, 7, 9)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.nii.gz", "scan.zip"]


def test_a_zip_of_dicom_slices_is_one_volume(tmp_path):
    import pydicom
    from pydicom.data import get_testdata_file

    # Five slices of pydicom's own CT, moved apart by 5 mm.
    slices = {}
    for number in range(5):
        ct = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
        ct.SOPInstanceUID = f"1.2.3.{number}"
        ct.InstanceNumber = number + 1
        ct.ImagePositionPatient = [-158.1, -179.0, -75.7 + 5 * number]
        path = tmp_path / f"{number}.dcm"
        ct.save_as(path)
        slices[f"PAT/ST/{number}.dcm"] = path.read_bytes()
    by_zip = ScanViewer.open(zipped(tmp_path / "series.zip", slices))
    by_hand = ScanViewer.open(*(tmp_path / f"{n}.dcm" for n in (3, 1, 0, 4, 2)))
    assert by_zip.volume.shape == by_hand.volume.shape == (5, 128, 128)
    assert by_zip.volume.unit == "HU"
    assert by_zip.volume.spacing[0] == pytest.approx(5.0)
    np.testing.assert_array_equal(by_zip.volume.voxels, by_hand.volume.voxels)
    assert by_zip.scan.oriented
    assert any("name" in kind for kind in by_zip.scan.dropped)


def test_zips_that_are_no_scan_get_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(ImageError, match="holds no files"):
        ScanViewer.open(zipped(tmp_path / "empty.zip", {"DICOMDIR": b""}))
    whole = zipped(tmp_path / "whole.zip", {"a": b" ".join(b"%d" % n for n in range(60_000))})
    (tmp_path / "torn.zip").write_bytes(whole.read_bytes()[:-60])
    with pytest.raises(ImageError):
        ScanViewer.open(tmp_path / "torn.zip")
    damaged = bytearray(whole.read_bytes())
    damaged[1000:1020] = b"\xff" * 20
    (tmp_path / "damaged.zip").write_bytes(damaged)
    with pytest.raises(ImageError, match="damaged"):
        ScanViewer.open(tmp_path / "damaged.zip")
    monkeypatch.setattr(scan_files, "_MOST_BYTES", 100_000)
    with pytest.raises(ImageError, match="8 GB"):
        ScanViewer.open(whole)


def test_what_is_not_there_gets_a_sentence(tmp_path):
    with pytest.raises(ImageError, match="no file"):
        ScanViewer.open(tmp_path / "none.nii.gz")
    with pytest.raises(ImageError, match="No file was chosen"):
        ScanViewer.open()
    with pytest.raises(RequestError, match="no scan called"):
        ScanViewer.open_sample("nobody")


def test_saving_drops_what_is_known_of_the_patient(tmp_path):
    from bonestudio.instruments.lightbox.scans import Scan

    volume = replace(numbered(), laterality="L", age=61.0, sex="F")
    path = ScanViewer(Scan(volume=volume)).save(tmp_path / "scan.nii.gz")
    back = ScanViewer.open(path).volume
    np.testing.assert_allclose(back.voxels, volume.voxels)
    assert back.spacing == pytest.approx(volume.spacing)
    assert back.unit == "HU"
    assert (back.laterality, back.age, back.sex) == (None, None, None)


def test_samples_are_found_with_their_titles(tmp_path):
    assert samples(tmp_path) == ()
    (tmp_path / "radius.json").write_text('{"title": "Radius, 25 years"}', "utf-8")
    assert samples(tmp_path) == ()  # no scan beside the card
    write_volume(numbered(), tmp_path / "radius.nii.gz")
    (tmp_path / "radius.png").write_bytes(b"png")
    (found,) = samples(tmp_path)
    assert (found.name, found.title) == ("radius", "Radius, 25 years")


@pytest.mark.skipif(not JOINT.exists(), reason="../shared/data is not there")
def test_a_real_hrpqct_joint_is_shown_by_means_of_its_voxels(tmp_path):
    viewer = ScanViewer.open(JOINT)
    assert viewer.volume.shape == (202, 232, 390)
    made = viewer.preview(tmp_path)
    assert made.factors == (2, 2, 2)
    values = np.asarray(nib.load(made.path).dataobj)  # [columns, rows, slices], L P S
    raw = np.asarray(nib.as_closest_canonical(nib.load(JOINT)).dataobj, np.float64)[::-1, ::-1]
    for x, y, z in ((97, 58, 50), (20, 30, 90), (194, 115, 100)):
        block = raw[2 * x : 2 * x + 2, 2 * y : 2 * y + 2, 2 * z : 2 * z + 2]
        assert values[x, y, z] == pytest.approx(block.mean(), abs=0.51 * made.step)
    assert viewer.volume.voxels.max() == raw.max()
    assert scan_views.surface_level(viewer.volume) == pytest.approx(
        880, rel=0.1
    )  # between marrow and bone

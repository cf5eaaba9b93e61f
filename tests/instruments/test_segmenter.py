"""Segmentation as a tab or the command line calls it; the network's answers are a phantom's truth."""

import csv
import io
import json

import highdicom
import numpy as np
import pydicom
import pytest
from PIL import Image

from bonestudio.cli import main
from bonestudio.errors import CheckpointError, ImageError, RequestError
from bonestudio.imaging import read_volume, write_radiograph
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.segmentation import segmenter
from bonestudio.instruments.segmentation import ways as bone_ways
from bonestudio.instruments.segmentation.export import (
    export,
    mask_png,
    measurements_csv,
    overlay_pixels,
    read_labels,
    seg_bytes,
    seg_source,
)
from bonestudio.instruments.segmentation.segmenter import BoneSegmenter
from bonestudio.instruments.segmentation.ways import Square
from bonestudio.measures.bones import BONES, grouped
from bonestudio.phantoms import VirtualPatient


@pytest.fixture(scope="module")
def wrist():
    return VirtualPatient(7).wrist("PA", radial_inclination=30.0, ulnar_variance=2.0)


@pytest.fixture
def found(wrist, monkeypatch):
    """A segmentation by a network that is right."""
    truth = grouped(wrist.truth.masks)
    empty = np.zeros(wrist.image.shape, np.float32)
    speck = empty.copy()
    speck[:4, :4] = 1  # 16 pixels are no bones of a finger
    shares = {bone: truth[bone].astype(np.float32) if bone in truth else empty for bone in BONES}
    shares["proximal phalanges"] = speck
    marks = wrist.truth.landmarks
    monkeypatch.setattr(segmenter, "by_unet", lambda film: shares)
    monkeypatch.setattr(segmenter, "available", lambda name: True)
    monkeypatch.setattr(
        segmenter, "points_on", lambda film, end: {n: marks[n] for n in segmenter.SEEN[end.view]}
    )
    return BoneSegmenter().segment(wrist.image, way="unet")


def test_masks_labels_and_measurements(wrist, found):
    truth = grouped(wrist.truth.masks)
    assert set(found.masks) == set(truth)
    for bone, mask in found.masks.items():
        assert (mask != truth[bone]).mean() < 1e-3  # specks apart
    assert found.names[BONES.index("ulna") + 1] == "ulna"
    assert found.wrist.view == "PA"
    assert found.wrist["radial_inclination"].value == pytest.approx(30, abs=1.5)
    assert found.wrist["ulnar_variance"].value == pytest.approx(2.0, abs=0.8)
    assert found.wrist["volar_tilt"].value is None
    told = json.loads(json.dumps(found.told()))
    (angle,) = (
        m["value"] for m in told["wrist"]["measurements"] if m["name"] == "radial_inclination"
    )
    assert angle == round(found.wrist["radial_inclination"].value, 1)
    areas = {row["bone"]: row["area_mm2"] for row in told["bones"]}
    assert areas["radius"] == pytest.approx(
        found.masks["radius"].sum() * wrist.image.spacing[0] ** 2, rel=0.01
    )


def test_a_brush_is_measured_anew(found):
    labels = found.labels
    end = found.wrist.landmarks["axis_far"]
    labels[: round(end[0]) + 8][labels[: round(end[0]) + 8] == 1] = 0  # the joint is rubbed out
    edited = found.edited(labels)
    assert edited.way == "edited"
    assert edited.masks["radius"].sum() < found.masks["radius"].sum()
    assert found.wrist["radial_inclination"].value is not None
    nothing = found.edited(np.zeros_like(labels))
    assert nothing.wrist["radial_inclination"].value is None
    assert nothing.labels.max() == 0
    with pytest.raises(RequestError, match="shape"):
        found.edited(labels[:-1])
    with pytest.raises(RequestError, match="labels 0 to 8"):
        found.edited(np.full_like(labels, 9))


def test_a_hand_mends_masks_points_and_view(found):
    masks = dict(found.masks)
    cut = masks["radius"].copy()
    cut[: round(found.wrist.landmarks["axis_far"][0]) + 8] = False
    edited = found.with_masks({**masks, "radius": cut, "humerus": np.zeros_like(cut)})
    assert edited.masks["radius"].sum() == cut.sum()
    assert "humerus" not in edited.masks
    assert edited.masks["ulna"].sum() == masks["ulna"].sum()  # bones may overlap
    row, column = found.wrist.landmarks["radial_styloid"]
    dragged = found.with_landmarks({"radial_styloid": (row - 10, column)})
    assert dragged.wrist["radial_inclination"].value > 2 + found.wrist["radial_inclination"].value
    lateral = found.seen_from("LL")
    assert "from the front, not from the side" in lateral.wrist["volar_tilt"].why
    assert lateral.seen_from(None).wrist["radial_inclination"].value == pytest.approx(30, abs=1.5)
    with pytest.raises(RequestError, match="shape"):
        found.with_masks({"radius": cut[1:]})


def test_dice_against_a_label_map(found, tmp_path):
    (tmp_path / "mask.png").write_bytes(mask_png(found))
    truth = read_labels(tmp_path / "mask.png")
    assert (truth == found.labels).all()
    assert found.dice(truth)["bone"] == 1
    truth[truth == BONES.index("ulna") + 1] = 0
    scores = found.dice(truth)
    assert scores["ulna"] == 0
    assert 0.5 < scores["bone"] < 1
    whole = (found.labels > 0).astype(np.uint8) * 255
    Image.fromarray(whole).save(tmp_path / "whole.png")
    assert found.dice(read_labels(tmp_path / "whole.png"))["bone"] == 1
    Image.fromarray(np.arange(200, dtype=np.uint8).reshape(10, 20)).save(tmp_path / "film.png")
    with pytest.raises(ImageError, match="labels 0 to 8"):
        read_labels(tmp_path / "film.png")
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    with pytest.raises(ImageError, match="palette are labels"):
        read_labels(tmp_path / "text.png")


def test_files_hold_what_was_found(found, tmp_path):
    written = export(found, tmp_path, stem="bones")
    assert set(written) == {"mask", "overlay", "nifti", "csv"}  # no SEG without a DICOM film
    mask = Image.open(written["mask"])
    assert mask.mode == "P"
    assert (np.asarray(mask) == found.labels).all()
    volume = read_volume(written["nifti"])
    assert volume.spacing[1:] == pytest.approx(found.film.spacing, rel=1e-4)
    assert (np.sort(np.unique(volume.voxels)) == np.unique(found.labels)).all()
    assert volume.voxels.sum() == found.labels.sum()
    rows = {
        row["name"]: row for row in csv.DictReader(io.StringIO(measurements_csv(found).decode()))
    }
    assert float(rows["radial_inclination"]["value"]) == pytest.approx(
        found.wrist["radial_inclination"].value, abs=0.051
    )
    assert "side" in rows["volar_tilt"]["not measurable"]
    plain = overlay_pixels(found, opacity=0.0, contour=True)
    filled = overlay_pixels(found, opacity=1.0)
    inside = found.masks["metacarpals"] & ~found.masks["carpals"]
    assert (filled[inside] != plain[inside]).any(-1).mean() > 0.5
    outside = np.ones_like(inside)
    for bone in found.masks.values():
        outside &= ~bone
    assert (np.ptp(plain[outside].astype(int), axis=-1) == 0).all()  # grey, or a white line
    with pytest.raises(RequestError, match="'svg'"):
        export(found, tmp_path, stem="bones", formats=["svg"])


def test_a_dicom_film_becomes_a_dicom_seg(found, tmp_path):
    film = tmp_path / "film.dcm"
    write_radiograph(found.film, film)
    tags = pydicom.dcmread(film)
    tags.PatientName, tags.PatientID, tags.PatientBirthDate = "Doe^Jane", "case-4711-k", "19700101"
    tags.FrameOfReferenceUID = highdicom.UID()
    tags.save_as(film)
    path = tmp_path / "seg.dcm"
    path.write_bytes(seg_bytes(found, film))
    seg = highdicom.seg.segread(path)
    assert [s.SegmentLabel for s in seg.SegmentSequence] == list(found.masks)
    frames = seg.get_pixels_by_source_instance([tags.SOPInstanceUID])
    assert frames.shape == (1, *found.film.shape, len(found.masks))
    for i, mask in enumerate(found.masks.values()):
        assert (frames[0, :, :, i].astype(bool) == mask).all()
    assert (seg.Rows, seg.Columns) == found.film.shape
    assert seg.StudyInstanceUID == tags.StudyInstanceUID
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert list(map(float, measures.PixelSpacing)) == pytest.approx(
        list(map(float, tags.PixelSpacing))
    )
    kept = seg_source(film)  # what a tab keeps of the film answers for it
    assert not any(word in str(kept) for word in ("Doe^Jane", "case-4711-k", "19700101"))
    path.write_bytes(seg_bytes(found, kept))
    assert highdicom.seg.segread(path).StudyInstanceUID == tags.StudyInstanceUID
    Image.new("L", (40, 40)).save(tmp_path / "plain.png")
    assert seg_source(tmp_path / "plain.png") is None
    text = str(seg)
    assert not any(word in text for word in ("Doe^Jane", "case-4711-k", "19700101"))


def test_the_command_writes_everything_and_answers_in_json(found, tmp_path, capsys):
    film = tmp_path / "film.dcm"
    write_radiograph(found.film, film)
    assert main(["segment", str(film), "--way", "unet", "--out", str(tmp_path / "o"), "--json"]) in {0, None}  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert set(told["files"]) == {"mask", "overlay", "nifti", "csv", "seg"}
    assert all(
        (tmp_path / "o" / path.rpartition("/")[2]).is_file() for path in told["files"].values()
    )
    values = {m["name"]: m["value"] for m in told["wrist"]["measurements"]}
    assert values["radial_inclination"] == pytest.approx(30, abs=1.5)
    assert "diagnosis" in told["notice"]


def test_what_cannot_be_segmented_is_refused(monkeypatch):
    film = Radiograph(pixels=np.zeros((64, 48), np.float32))
    with pytest.raises(RequestError, match="auto, unet, two-step, direct"):
        BoneSegmenter().segment(film, way="magic")
    with pytest.raises(RequestError, match="'hand' or 'forearm'"):
        BoneSegmenter().segment(film, anatomy="foot")
    with pytest.raises(RequestError, match="too small"):
        BoneSegmenter().segment(Radiograph(pixels=np.zeros((64, 12), np.float32)))
    monkeypatch.setattr(bone_ways, "available", lambda name: False)
    with pytest.raises(CheckpointError, match="bonestudio train segmentation/multicyclegan-hand"):
        BoneSegmenter().segment(film, way="direct")


@pytest.mark.parametrize("shape", [(60, 40), (37, 90), (256, 256)])
def test_a_film_comes_back_from_its_square(shape):
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    film = 0.5 + 0.4 * np.sin(y / 9) * np.cos(x / 11)
    square = Square(shape, 128)
    taken = square.take(film)
    assert taken.shape == (128, 128)
    back = square.give_back(taken)
    assert back.shape == shape
    assert np.abs(back - film)[3:-3, 3:-3].max() < 0.06

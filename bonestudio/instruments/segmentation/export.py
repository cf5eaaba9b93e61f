"""A segmentation as files: mask and overlay (PNG), NIfTI, measurements (CSV), DICOM SEG."""

import csv
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError, RequestError, StorageError
from bonestudio.imaging import write_volume
from bonestudio.imaging.files import write_bytes
from bonestudio.imaging.limits import check_film
from bonestudio.imaging.types import Volume
from bonestudio.imaging.window import to_bytes, windowed
from bonestudio.instruments.segmentation.segmenter import Segmentation

if TYPE_CHECKING:
    from pydicom import Dataset

NOTICE = "Research use, not for diagnosis"
# Okabe and Ito's colours, which colour-blind people tell apart.
COLOURS = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66),
    (0, 114, 178), (213, 94, 0), (204, 121, 167), (153, 153, 153),
)  # fmt: skip
FORMATS = ("mask", "overlay", "nifti", "csv", "seg")


def export(
    found: Segmentation,
    folder: Path,
    *,
    stem: str,
    formats: Sequence[str] = FORMATS,
    dicom: "Path | Dataset | None" = None,
) -> dict[str, Path]:
    """Write the files of ``formats`` into ``folder``; a SEG only where ``dicom`` is.

    ``dicom`` is the film's file, or what :func:`seg_source` kept of it.

    File names hold ``stem`` alone, which the caller keeps free of patient data.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise RequestError(f"A mask is exported as {', '.join(FORMATS)}, not {unknown[0]!r}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be made: {error.strerror}.") from error
    written: dict[str, Path] = {}
    for name in formats:
        if name == "seg" and dicom is None:
            continue
        path = folder / f"{stem}-{_ENDINGS[name]}"
        if name == "nifti":
            write_volume(_volume(found), path)
        elif name == "seg":
            assert dicom is not None  # noqa: S101 – left out above
            write_bytes(path, seg_bytes(found, dicom))
        else:
            write_bytes(path, _ENCODERS[name](found))
        written[name] = path
    return written


def mask_png(found: Segmentation) -> bytes:
    """Encode the label map as a PNG of 8 bits with a palette: a pixel's value is its label."""
    from PIL import Image

    picture = Image.fromarray(found.labels, mode="P")
    picture.putpalette([0, 0, 0, *(level for colour in COLOURS for level in colour)])
    return _png(picture)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Read a label map [height, width] as :func:`mask_png` writes it; any other PNG of few values too."""
    from PIL import Image, UnidentifiedImageError

    from bonestudio.measures.bones import BONES

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Nothing but PNG: Pillow opens EPS too, and hands it to Ghostscript.
            opened = Image.open(path, formats=("PNG",))
        with opened as picture:
            check_film(picture.height, picture.width)
            if picture.mode not in {"P", "L", "1"}:
                raise ImageError("A true mask is a PNG whose grey values or palette are labels.")
            labels: NDArray[np.uint8] = np.array(picture, np.uint8)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ImageError("A true mask is a PNG whose grey values or palette are labels.") from error
    if labels.max(initial=0) > len(BONES) and len(np.unique(labels)) == 2:  # 0 and 255: bone at all
        labels = (labels > 0).astype(np.uint8)
    if labels.max(initial=0) > len(BONES):
        raise ImageError(f"A true mask has the labels 0 to {len(BONES)}, or two values alone.")
    return labels


def overlay_pixels(
    found: Segmentation, *, opacity: float = 0.4, contour: bool = False
) -> NDArray[np.uint8]:
    """Film with its bones in colour and the wrist's lines: [height, width, 3]."""
    from PIL import Image, ImageDraw
    from scipy.ndimage import binary_erosion

    grey = to_bytes(windowed(found.film))
    shown = np.stack([grey] * 3, -1).astype(np.float32)
    for label, bone in found.names.items():
        mask = found.masks[bone]
        edge = mask & ~binary_erosion(mask)
        colour = np.array(COLOURS[(label - 1) % len(COLOURS)], np.float32)
        if not contour:
            shown[mask] += (colour - shown[mask]) * opacity
        shown[edge] = colour
    picture = Image.fromarray(np.rint(shown).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    thick = max(1, round(max(found.film.shape) / 400))
    for measurement in found.wrist.measurements:
        for (r0, c0), (r1, c1) in measurement.lines:
            pen.line((c0, r0, c1, r1), fill=(255, 255, 255), width=thick)
    drawn: NDArray[np.uint8] = np.asarray(picture)
    return drawn


def measurements_csv(found: Segmentation) -> bytes:
    """Encode the wrist's measurements and the bones' areas as a table."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["name", "value", "unit", "normal low", "normal high", "source", "not measurable"])  # fmt: skip
    for m in found.wrist.measurements:
        value = "" if m.value is None else f"{m.value:.1f}"
        table.writerow([m.name, value, m.unit, m.normal.low, m.normal.high, m.normal.source, m.why or ""])  # fmt: skip
    for bone in found.told()["bones"]:
        area = bone["area_mm2"]
        size = (bone["pixels"], "pixels") if area is None else (area, "mm²")
        table.writerow([f"area of {bone['bone']}", *size, "", "", "", ""])
    table.writerow([NOTICE, "", "", "", "", "", ""])
    return out.getvalue().encode()


def seg_source(dicom: Path) -> "Dataset | None":
    """Keep of a film what a SEG refers to, without its pixels and its patient; None if it is no DICOM."""
    from pydicom.errors import InvalidDicomError

    from bonestudio.imaging import dicom_files

    try:
        film = dicom_files.read(dicom, stop_before_pixels=True)
    except (InvalidDicomError, OSError):
        return None
    return _without_person(film) if "Rows" in film and "SOPInstanceUID" in film else None


def seg_bytes(found: Segmentation, dicom: "Path | Dataset") -> bytes:
    """Encode a DICOM SEG of the film in ``dicom``, one segment a bone, by highdicom.

    It refers to the film by its UIDs and lies in its frame of reference and pixel grid; the
    patient's name, number, birth date and other identifying tags are not taken over.
    """
    import highdicom
    import pydicom
    from pydicom.sr.coding import Code

    from bonestudio.imaging import dicom_files

    film = dicom if isinstance(dicom, pydicom.Dataset) else dicom_files.read(dicom, force=True)
    if (int(film.Rows), int(film.Columns)) != found.film.shape:
        raise RequestError("The mask and the DICOM film differ in size; segment that film itself.")
    if not found.masks:
        raise RequestError("No bone was found, so there is nothing to write as DICOM SEG.")
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=bone,
            segmented_property_category=Code("123037004", "SCT", "Anatomical Structure"),
            segmented_property_type=Code("272673000", "SCT", "Bone"),
            algorithm_type="SEMIAUTOMATIC" if found.way == "edited" else "AUTOMATIC",
            algorithm_identification=highdicom.AlgorithmIdentificationSequence(
                name=f"Bone Studio {found.way}",
                version="1",
                family=Code("123109", "DCM", "Artificial Intelligence"),
            ),
        )
        for number, bone in enumerate(found.masks, start=1)
    ]
    pixels = np.stack([*found.masks.values()], -1)[None].astype(np.uint8)
    seg = highdicom.seg.Segmentation(
        source_images=[_without_person(film)],
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=highdicom.UID(),
        series_number=100,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="Bone Studio",
        manufacturer_model_name="BoneSegmenter",
        software_versions="1",
        device_serial_number="0",
        content_description=NOTICE,
        content_label="BONES",
        pixel_measures=_pixel_measures(found),
    )
    out = io.BytesIO()
    seg.save_as(out)
    return out.getvalue()


def _pixel_measures(found: Segmentation) -> Any:
    """Size of a pixel; a projection has no thickness, but readers of SEG ask for a number."""
    import highdicom

    if found.film.spacing is None:
        return None
    return highdicom.PixelMeasuresSequence(
        pixel_spacing=[float(f"{step:.10g}") for step in found.film.spacing], slice_thickness=1.0
    )


def _without_person(film: Any) -> Any:
    """Copy what a SEG takes from its film: how it lies and what it is called by, not whose it is."""
    from pydicom.dataset import Dataset

    kept = Dataset()
    kept.file_meta = film.file_meta
    for keyword in (
        "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
        "FrameOfReferenceUID", "Rows", "Columns", "PixelSpacing", "ImagerPixelSpacing",
        "ImagePositionPatient", "ImageOrientationPatient", "PatientOrientation", "NumberOfFrames",
        "SliceThickness", "BitsAllocated", "PatientSex", "Laterality",
    ):  # fmt: skip
        if keyword in film:
            kept[keyword] = film[keyword]
    kept.PatientName, kept.PatientID = "ANONYMOUS^", "ANONYMOUS"
    empty = ("PatientBirthDate", "StudyDate", "StudyTime", "AccessionNumber", "StudyID")
    for keyword in (*empty, "ReferringPhysicianName"):
        setattr(kept, keyword, "")
    if "PatientSex" not in kept:
        kept.PatientSex = ""
    return kept


def _volume(found: Segmentation) -> Volume:
    row, column = found.film.spacing or (1.0, 1.0)
    return Volume(
        voxels=found.labels[None].astype(np.float32),
        spacing=(1.0, row, column) if found.film.spacing else None,
    )


def _overlay_png(found: Segmentation) -> bytes:
    from PIL import Image

    return _png(Image.fromarray(overlay_pixels(found)))


def _png(picture: Any) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    told = PngInfo()
    told.add_text("notice", NOTICE)
    out = io.BytesIO()
    picture.save(out, format="PNG", pnginfo=told)
    return out.getvalue()


_ENDINGS = {
    "mask": "mask.png",
    "overlay": "overlay.png",
    "nifti": "mask.nii.gz",
    "csv": "measurements.csv",
    "seg": "seg.dcm",
}
_ENCODERS = {"mask": mask_png, "overlay": _overlay_png, "csv": measurements_csv}

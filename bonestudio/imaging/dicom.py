"""One DICOM film: modality and VOI tables, MONOCHROME1, palettes, every compression of pylibjpeg."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, pixel_array

from bonestudio.errors import ImageError
from bonestudio.imaging import codestream, dicom_files, dicom_tags, greys, labels, limits
from bonestudio.imaging.reading import AnotherKindError, Reading
from bonestudio.imaging.types import Radiograph

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_GREY = {"MONOCHROME1", "MONOCHROME2"}


def film(path: Path, *, frame: int | None) -> Reading[Radiograph]:
    """Read one frame as a radiograph.

    0 and 1 are the ends of what the stored bits can hold (after a modality or VOI table: of what
    the table can give), so exposures stay comparable; the file's window is kept beside the pixels.
    """
    ds = open_dataset(path)
    count = frames(ds)
    if count > 1 and frame is None:
        raise AnotherKindError(
            f"The DICOM file holds {count} frames: read it as a volume, "
            f"or choose one of the frames 0 to {count - 1}."
        )
    if not 0 <= (frame or 0) < count:
        raise ImageError(f"There is no frame {frame}; the file holds {count}.")
    stored = decode(ds, frame or 0)
    tags = dicom_tags.kept(ds) | {"spacing": _spacing(ds)}
    photometric = str(ds.PhotometricInterpretation)
    if photometric in _GREY:
        pixels, window = _grey(ds, stored)
        if photometric == "MONOCHROME1":  # The largest value is to be shown black.
            pixels = np.float32(1) - pixels
            window = (1 - window[1], 1 - window[0])
    else:
        pixels, window = _colour(ds, stored)
    return Reading(
        image=labels.film(pixels, label=tags, window=window),
        detail=describe_storage(ds),
        dropped=dicom_tags.dropped(ds),
    )


def open_dataset(path: Path) -> Dataset:
    """Read a file's tags, with or without its preamble, and check that it has pixels."""
    ds = dicom_files.read(path, force=True)
    if not any(key in ds for key in _PIXELS):
        raise ImageError(
            "The DICOM file holds no pixels (a report, a plan or a directory); choose the image."
        )
    for key in ("Rows", "Columns", "PhotometricInterpretation"):
        if ds.get(key) in {None, "", 0}:
            raise ImageError(f"The DICOM file lacks {key}; export it again from the archive.")
    limits.check_film(int(ds.Rows), int(ds.Columns))
    return ds


def frames(ds: Dataset) -> int:
    """How many images the file holds."""
    return max(int(ds.get("NumberOfFrames") or 1), 1)


def decode(ds: Dataset, index: int) -> NDArray[Any]:
    """Decode the stored values of one frame, [rows, columns] or [rows, columns, 3]."""
    rows, columns = int(ds.Rows), int(ds.Columns)
    if int(ds.get("SamplesPerPixel") or 1) not in {1, 3}:
        raise ImageError("The DICOM file is neither grey nor colour; export it again.")
    _set_missing_syntax(ds)
    if ds.file_meta.TransferSyntaxUID.is_compressed and "PixelData" in ds:
        packed = generate_frames(ds.PixelData, number_of_frames=frames(ds))
        for number, data in enumerate(packed):
            if number == index:
                codestream.check(data, rows, columns)
                break
    try:
        stored: NDArray[Any] = pixel_array(ds, index=index)
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as panic:
        # The run-length decoder is written in Rust; what it calls a panic is no Exception.
        raise ImageError("The compressed pixels are damaged; export the file again.") from panic
    return stored


def describe_storage(ds: Dataset) -> str:
    """'12-bit MONOCHROME1, JPEG Lossless'."""
    syntax = ds.file_meta.TransferSyntaxUID
    name = syntax.name.split(",")[0].split("(")[0].strip()
    name = name.removesuffix(" Image Compression") if syntax.is_compressed else "plain"
    bits = ds.get("BitsStored") or (64 if "DoubleFloatPixelData" in ds else 32)
    return f"{int(bits)}-bit {str(ds.PhotometricInterpretation)[:16]}, {name}"


def _set_missing_syntax(ds: Dataset) -> None:
    """Files from before part 10 have no header that says how they are encoded; they are plain."""
    meta = ds.file_meta
    if "TransferSyntaxUID" not in meta:
        implicit, little = ds.original_encoding
        if little is False:
            meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
        else:
            meta.TransferSyntaxUID = (
                pydicom.uid.ImplicitVRLittleEndian
                if implicit
                else pydicom.uid.ExplicitVRLittleEndian
            )


def _grey(ds: Dataset, stored: NDArray[Any]) -> tuple[NDArray[np.float32], tuple[float, float]]:
    if stored.ndim != 2:
        raise ImageError("The DICOM file says it is grey but holds colours; export it again.")
    if stored.dtype.kind == "f":
        return greys.to_pixels(stored)
    low, high = _stored_range(ds, stored)
    slope = dicom_tags.number(ds, "RescaleSlope") or 1.0
    intercept = dicom_tags.number(ds, "RescaleIntercept") or 0.0
    if tables := _tables(ds, "ModalityLUTSequence"):
        stored, slope, intercept = apply_modality_lut(stored, ds), 1.0, 0.0
        low, high = 0, 2 ** int(tables[0].LUTDescriptor[2]) - 1
    if tables := _tables(ds, "VOILUTSequence"):
        # A table speaks of rescaled values, and what it gives is meant to be shown as it is.
        rescaled = stored if (slope, intercept) == (1, 0) else stored * slope + intercept
        shown = apply_voi(np.rint(rescaled).astype(np.int32), ds)
        return greys.to_pixels(shown, full=(0, 2 ** int(tables[0].LUTDescriptor[2]) - 1))
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        slope, intercept = 1.0, 0.0
    pixels, window = greys.to_pixels(stored, full=(low, high))
    if asked := _window(ds):
        # Window in rescaled units → stored units → fractions of the stored range.
        ends = sorted(((end - intercept) / slope - low) / (high - low) for end in asked)
        within = (max(ends[0], 0.0), min(ends[1], 1.0))
        window = within if within[0] < within[1] else window
    if slope < 0:
        return np.float32(1) - pixels, (1 - window[1], 1 - window[0])
    return pixels, window


def _stored_range(ds: Dataset, stored: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest value of the stored bits; of the pixels where those are 32."""
    bits = int(ds.get("BitsStored") or 16)
    if not 1 <= bits <= 16:
        return float(stored.min()), max(float(stored.max()), float(stored.min()) + 1)
    if stored.dtype.kind == "i":
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    return 0.0, 2.0**bits - 1


def _colour(ds: Dataset, stored: NDArray[Any]) -> tuple[NDArray[np.float32], tuple[float, float]]:
    if str(ds.PhotometricInterpretation) == "PALETTE COLOR":
        stored = apply_color_lut(stored, ds)
    elif stored.ndim != 3:
        raise ImageError("The DICOM file says it is in colour but holds greys; export it again.")
    kind = np.dtype(stored.dtype)
    full = (0.0, float(np.iinfo(kind).max)) if kind.kind == "u" and kind.itemsize <= 2 else None
    return greys.to_pixels(stored, full=full)


def _tables(ds: Dataset, keyword: str) -> list[Dataset]:
    tables = list(ds.get(keyword) or [])
    for table in tables[:1]:
        size, _, bits = (int(v) for v in table.LUTDescriptor)
        if not 1 <= bits <= 16 or size < 0:
            raise ImageError("A look-up table in the DICOM file is damaged; export it again.")
    return tables


def _window(ds: Dataset) -> tuple[float, float] | None:
    """(low, high) of the first window that the file offers (DICOM PS3.3 C.11.2.1.2)."""
    centre, width = (dicom_tags.number(ds, key) for key in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or not (math.isfinite(centre) and 0 < width < 1e9):
        return None
    if str(ds.get("VOILUTFunction") or "LINEAR") == "LINEAR" and width > 1:
        centre, width = centre - 0.5, width - 1
    return centre - width / 2, centre + width / 2


def _spacing(ds: Dataset) -> tuple[float, ...] | None:
    """Size of a pixel at the bone: calibrated, or at the detector less the magnification."""
    if calibrated := labels.lengths(dicom_tags.numbers(ds, "PixelSpacing"), 2):
        return calibrated
    for key in ("ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        if found := labels.lengths(dicom_tags.numbers(ds, key), 2):
            larger = dicom_tags.number(ds, "EstimatedRadiographicMagnificationFactor") or 1.0
            return labels.lengths([v / larger for v in found], 2) if larger >= 1 else found
    return None

"""A new DICOM file (secondary capture) that holds an image and nothing about whose it is."""

import io

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from bonestudio.imaging import labels
from bonestudio.imaging.types import Radiograph, Volume

_STEPS = 65_535
_IMPLEMENTATION = "BONESTUDIO"


def encode(image: Radiograph | Volume) -> bytes:
    """Encode a film (16 bits over [0, 1]) or a volume (16 bits over its range, rescaled).

    UIDs are random, dates are empty, the patient is 'ANONYMOUS'.
    """
    is_film = isinstance(image, Radiograph)
    ds = _new(
        SecondaryCaptureImageStorage
        if is_film
        else MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    )
    stored = _film(ds, image) if isinstance(image, Radiograph) else _volume(ds, image)
    _person(ds, image)
    ds.Rows, ds.Columns = stored.shape[-2:]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    ds.PixelData = stored.astype("<u2").tobytes()
    out = io.BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _new(kind: str) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationVersionName = _IMPLEMENTATION
    ds.SOPClassUID = kind
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(ds, keyword, generate_uid(prefix=None))
    for keyword in ("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"):
        setattr(ds, keyword, "")
    ds.Modality = "OT"
    ds.ConversionType = "WSD"
    ds.PatientName = ds.PatientID = "ANONYMOUS"
    ds.PatientBirthDate = ds.StudyID = ""
    ds.SeriesNumber = ds.InstanceNumber = 1
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = "Written anew, no tag taken over"
    ds.ImageComments = labels.NOTICE
    return ds


def _film(ds: Dataset, film: Radiograph) -> NDArray[np.uint16]:
    if film.spacing:
        ds.PixelSpacing = list(film.spacing)
    if view := labels.view(film.view):
        ds.ViewPosition = view
    low, high = (float(end) * _STEPS for end in film.window)
    ds.VOILUTFunction = "LINEAR_EXACT"
    ds.WindowCenter, ds.WindowWidth = f"{(low + high) / 2:.10g}", f"{high - low:.10g}"
    stored: NDArray[np.uint16] = np.rint(np.clip(film.pixels, 0, 1) * _STEPS).astype(np.uint16)
    return stored


def _volume(ds: Dataset, volume: Volume) -> NDArray[np.uint16]:
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    slope = float(f"{(high - low) / _STEPS or 1.0:.10g}")
    low = float(f"{low:.9g}")
    ds.NumberOfFrames = volume.shape[0]
    ds.FrameIncrementPointer = 0x00201041  # SliceLocationVector
    ds.BurnedInAnnotation = "NO"
    ds.PresentationLUTShape = "IDENTITY"
    ds.RescaleSlope, ds.RescaleIntercept = f"{slope:.10g}", f"{low:.9g}"
    ds.RescaleType = {"HU": "HU", "mg HA/cm³": "MGML", "unknown": "US"}[volume.unit]
    if volume.spacing:
        ds.PixelSpacing = list(volume.spacing[1:])
        ds.SpacingBetweenSlices = ds.SliceThickness = volume.spacing[0]
    ds.SliceLocationVector = [n * (volume.spacing or (1.0,))[0] for n in range(volume.shape[0])]
    scaled = (volume.voxels.astype(np.float64) - low) / slope
    stored: NDArray[np.uint16] = np.rint(np.clip(scaled, 0, _STEPS)).astype(np.uint16)
    return stored


def _person(ds: Dataset, image: Radiograph | Volume) -> None:
    ds.PatientSex = image.sex or ""
    if image.laterality:
        ds.Laterality = image.laterality
    if image.age is not None:
        months = round(image.age * 12)
        whole = abs(image.age - round(image.age)) < 1 / 24 or months > 999
        ds.PatientAge = f"{round(image.age):03d}Y" if whole else f"{months:03d}M"

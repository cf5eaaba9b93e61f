"""``read_radiograph`` and ``read_volume``: any bone image, or one clear sentence."""

import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from bonestudio.errors import BoneStudioError, ImageError
from bonestudio.imaging.sniff import Format, sniff
from bonestudio.imaging.types import Radiograph, Unit, Volume

Image = TypeVar("Image", Radiograph, Volume)

# What decoders log about a damaged file quotes its content, which may be a name.
for _decoder in ("tifffile", "pydicom", "nibabel", "PIL"):
    logging.getLogger(_decoder).setLevel(logging.CRITICAL + 1)


class AnotherKindError(ImageError):
    """A volume was asked for as a radiograph, or the other way round."""


@dataclass(frozen=True, kw_only=True)
class Reading(Generic[Image]):
    """An image and what is told about its file.

    Attributes
    ----------
    detail
        How the pixels were stored ('16-bit grey', 'JPEG 2000, 12 bits').
    dropped
        Kinds of information in the file that were not taken over ('patient name'); never values.
    """

    image: Image
    detail: str
    dropped: tuple[str, ...] = ()


def read_radiograph(path: str | os.PathLike[str], *, frame: int | None = None) -> Radiograph:
    """Read one projection image: PNG, JPEG, TIFF, DICOM, NPY (or a volume format of one slice).

    Parameters
    ----------
    frame
        Which image of a multi-frame DICOM or multi-page TIFF, from 0; needed when there are several.

    Returns
    -------
    Radiograph
        Pixels float32 in [0, 1], bone bright, at the file's full depth: 0 and 1 are the ends of the
        stored range (of 12 bits, say), so ``window`` tells what to show. Patient data is dropped.

    Raises
    ------
    ImageError
        One sentence: not an image, damaged, too large, without pixels, a volume.
    """
    return film_reading(Path(path), frame=frame).image


def read_volume(path: str | os.PathLike[str], *, unit: Unit | None = None) -> Volume:
    """Read one scan: NIfTI, NRRD, MHA, AIM, ISQ, NPY, multi-frame DICOM, multi-page TIFF, a folder.

    A folder is read as a DICOM series (its largest). Where the file has an orientation, axes are
    flipped and swapped to the nearest of: slices from foot to head, rows from front to back,
    columns from the patient's right to left; files without one stay as they are stored.

    Parameters
    ----------
    unit
        Says what the voxels are where the file does not (NIfTI, NRRD, MHA, NPY and TIFF seldom do).

    Returns
    -------
    Volume
        Voxels [slices, rows, columns] float32 in ``unit``, spacing in mm. Patient data is dropped.
    """
    volume = volume_reading(Path(path)).image
    return replace(volume, unit=unit) if unit and volume.unit == "unknown" else volume


def film_reading(path: Path, *, frame: int | None = None) -> Reading[Radiograph]:
    """Read a radiograph with what was found about its file."""
    kind = sniff(path)
    return guarded(kind, lambda: _film(kind, path, frame))


def volume_reading(path: Path) -> Reading[Volume]:
    """Read a volume with what was found about its file."""
    kind = sniff(path)
    return guarded(kind, lambda: _volume(kind, path))


def guarded(kind: Format, read: Callable[[], Reading[Image]]) -> Reading[Image]:
    """Turn whatever a decoder raises into one sentence; decoders' warnings say nothing to a person."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except BoneStudioError:
        raise
    except MemoryError:
        raise ImageError(
            "The image does not fit into memory; crop it or halve its resolution."
        ) from None
    except OSError as error:
        if error.errno and error.strerror:
            raise ImageError(f"The file cannot be read ({error.strerror}).") from error
        raise ImageError(_damaged(kind)) from error
    except Exception as error:  # Decoders raise every kind of error on damaged files
        raise ImageError(_damaged(kind)) from error


def _damaged(kind: Format) -> str:
    return f"The {kind} file is damaged or incomplete; copy or export it again from the original."


def _film(kind: Format, path: Path, frame: int | None) -> Reading[Radiograph]:
    match kind:
        case "PNG" | "JPEG":
            from bonestudio.imaging import pictures

            return pictures.film(path)
        case "TIFF":
            from bonestudio.imaging import tiff

            return tiff.film(path, frame=frame)
        case "DICOM":
            from bonestudio.imaging import dicom

            return dicom.film(path, frame=frame)
        case "NPY":
            from bonestudio.imaging import arrays

            return arrays.film(path)
        case "DICOM series":
            raise AnotherKindError("This is a folder; choose one image file, or read a volume.")
        case _:
            return _one_slice(_volume(kind, path))


def _volume(kind: Format, path: Path) -> Reading[Volume]:  # noqa: PLR0911 - one a format
    match kind:
        case "DICOM":
            from bonestudio.imaging import dicom_volume

            return dicom_volume.multi_frame(path)
        case "DICOM series":
            from bonestudio.imaging import dicom_volume

            return dicom_volume.series(path)
        case "TIFF":
            from bonestudio.imaging import tiff

            return tiff.volume(path)
        case "NIfTI":
            from bonestudio.imaging import nifti

            return nifti.volume(path)
        case "NRRD":
            from bonestudio.imaging import nrrd

            return nrrd.volume(path)
        case "MHA":
            from bonestudio.imaging import meta_image

            return meta_image.volume(path)
        case "NPY":
            from bonestudio.imaging import arrays

            return arrays.volume(path)
        case "AIM":
            from bonestudio.imaging import aim

            return aim.volume(path)
        case "ISQ":
            from bonestudio.imaging import isq

            return isq.volume(path)
        case _:
            raise AnotherKindError(f"A {kind} file is one picture; a volume has many slices.")


def _one_slice(reading: Reading[Volume]) -> Reading[Radiograph]:
    from bonestudio.imaging import greys, labels

    volume = reading.image
    if volume.shape[0] != 1:
        raise AnotherKindError(
            f"This is a volume of {volume.shape[0]} slices; a radiograph is one picture. "
            "Open it where volumes are opened."
        )
    pixels, window = greys.to_pixels(volume.voxels[0])
    label = {
        "spacing": volume.spacing and volume.spacing[1:],
        "laterality": volume.laterality,
        "age": volume.age,
        "sex": volume.sex,
    }
    film = labels.film(pixels, label=label, window=window)
    return Reading(image=film, detail=reading.detail, dropped=reading.dropped)

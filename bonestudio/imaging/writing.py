"""``write_radiograph`` and ``write_volume``: the format by the name's ending, no patient in it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging import files, labels
from bonestudio.imaging.types import Radiograph, Volume


def write_radiograph(film: Radiograph, path: str | os.PathLike[str]) -> Path:
    """Write a film as .png (16 bits), .jpg (8 bits), .tif (float), .dcm (16 bits) or .npy (float).

    Spacing, window, view, laterality, age and sex go along (.npy: in a .json beside it); nothing
    else does. A DICOM file is a new secondary capture with none of another file's tags.

    Raises
    ------
    StorageError
        The place cannot be written; an older file of that name is untouched.
    """
    place = Path(path)
    _check(film.pixels, 2)
    match place.suffix.lower():
        case ".png":
            from bonestudio.imaging import pictures

            files.write_bytes(place, pictures.encode_png(film))
        case ".jpg" | ".jpeg":
            from bonestudio.imaging import pictures

            files.write_bytes(place, pictures.encode_jpeg(film))
        case ".tif" | ".tiff":
            from bonestudio.imaging import tiff

            files.write_bytes(place, tiff.encode(film))
        case ".dcm":
            from bonestudio.imaging import dicom_writing

            files.write_bytes(place, dicom_writing.encode(film))
        case ".npy":
            from bonestudio.imaging import arrays

            _with_label(place, arrays.encode(film.pixels), labels.film_label(film))
        case _:
            raise RequestError("A radiograph is written as .png, .jpg, .tif, .dcm or .npy.")
    return place


def write_volume(volume: Volume, path: str | os.PathLike[str]) -> Path:
    """Write a scan as .nii, .nii.gz, .nrrd, .mha, .tif, .npy (float), .dcm, .aim or .isq (16 bits).

    16 bits are spread over the volume's own range. Spacing, unit, laterality, age and sex go along
    (.npy: in a .json beside it); nothing else does.
    """
    place = Path(path)
    _check(volume.voxels, 3)
    if place.name.lower().endswith(".aim"):
        from bonestudio.imaging import aim

        files.write_whole(place, lambda temporary: aim.write(volume, temporary))
        return place
    content = _encoder(place)(volume)
    if place.suffix.lower() == ".npy":
        _with_label(place, content, labels.volume_label(volume))
    else:
        files.write_bytes(place, content)
    return place


def _encoder(place: Path) -> Callable[[Volume], bytes]:  # noqa: PLR0911 - one a format
    name = place.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        from bonestudio.imaging import nifti

        return lambda volume: nifti.encode(volume, packed=name.endswith(".gz"))
    match place.suffix.lower():
        case ".nrrd":
            from bonestudio.imaging import nrrd

            return nrrd.encode
        case ".mha":
            from bonestudio.imaging import meta_image

            return meta_image.encode
        case ".tif" | ".tiff":
            from bonestudio.imaging import tiff

            return tiff.encode
        case ".npy":
            from bonestudio.imaging import arrays

            return lambda volume: arrays.encode(volume.voxels)
        case ".dcm":
            from bonestudio.imaging import dicom_writing

            return dicom_writing.encode
        case ".isq":
            from bonestudio.imaging import isq

            return isq.encode
    raise RequestError(
        "A volume is written as .nii, .nii.gz, .nrrd, .mha, .tif, .npy, .dcm, .aim or .isq."
    )


def _with_label(place: Path, content: bytes, label: str) -> None:
    """Write an array and the JSON beside it, both or neither."""

    def write(side: Path) -> None:
        side.write_text(json.dumps(json.loads(label), indent=1), encoding="ascii")
        files.write_bytes(place, content)

    files.write_whole(place.with_suffix(".json"), write)


def _check(values: np.ndarray, axes: int) -> None:
    if values.ndim != axes or values.size == 0 or not np.isfinite(values).all():
        raise ImageError(f"Only arrays of {axes} axes and of numbers can be written.")

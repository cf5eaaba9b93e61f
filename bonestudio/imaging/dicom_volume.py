"""DICOM volumes: a folder of slices, or the frames of one file."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from bonestudio.errors import ImageError
from bonestudio.imaging import dicom, dicom_files, dicom_tags, greys, labels, limits
from bonestudio.imaging.orientation import to_standard
from bonestudio.imaging.reading import AnotherKindError, Reading
from bonestudio.imaging.types import Unit, Volume

_MAX_FILES = 20_000
# Slices may stray from an even distance by this part of it before one counts as missing.
_UNEVEN = 0.2
_TAGS = (
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "Rows",
    "Columns",
    "NumberOfFrames",
)


def series(folder: Path) -> Reading[Volume]:
    """Read a folder's DICOM slices; of several series the one with the most."""
    found: dict[tuple[Any, ...], list[tuple[Dataset, Path]]] = defaultdict(list)
    for number, path in enumerate(sorted(p for p in folder.iterdir() if p.is_file())):
        if number >= _MAX_FILES:
            raise ImageError(
                f"The folder holds more than {_MAX_FILES} files; choose a smaller one."
            )
        try:
            head = dicom_files.read(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        except (InvalidDicomError, EOFError):
            continue
        if head.get("Rows") and head.get("Columns"):
            plane = tuple(np.round(dicom_tags.numbers(head, "ImageOrientationPatient"), 3))
            key = (str(head.get("SeriesInstanceUID")), int(head.Rows), int(head.Columns), plane)
            found[key].append((head, path))
    if not found:
        raise ImageError("The folder holds no DICOM images; choose the folder of one series.")
    slices = max(found.values(), key=len)
    if len(slices) == 1:
        if dicom.frames(slices[0][0]) > 1:
            return multi_frame(slices[0][1])
        raise AnotherKindError(
            "The folder's DICOM files are single pictures, not slices of a scan."
        )
    slices.sort(key=lambda item: int(dicom_tags.number(item[0], "InstanceNumber") or 0))
    positions = [dicom_tags.numbers(head, "ImagePositionPatient") for head, _ in slices]
    axes = dicom_tags.numbers(slices[0][0], "ImageOrientationPatient")
    order, step = _stack(positions, axes)
    return _assemble([slices[n][1] for n in order], axes, step)


def multi_frame(path: Path) -> Reading[Volume]:
    """Read the frames of one file as slices."""
    ds = dicom.open_dataset(path)
    count = dicom.frames(ds)
    if count < 2:
        raise AnotherKindError("The DICOM file is one picture; a volume has many slices.")
    shape = (count, int(ds.Rows), int(ds.Columns))
    limits.check_volume(shape)
    _check_grey(ds)
    positions = [
        _of_frame(ds, n, "PlanePositionSequence", "ImagePositionPatient") for n in range(count)
    ]
    plane = _of_frame(ds, 0, "PlaneOrientationSequence", "ImageOrientationPatient")
    order, step = _stack(positions, plane)
    voxels = np.empty(shape, np.float32)
    for at, number in enumerate(order):
        slope, intercept = (
            _of_frame(ds, number, "PixelValueTransformationSequence", key) or [default]
            for key, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
        )
        voxels[at] = dicom.decode(ds, number)
        if (slope[0], intercept[0]) != (1, 0):
            voxels[at] = voxels[at] * slope[0] + intercept[0]
    pixel = _of_frame(ds, 0, "PixelMeasuresSequence", "PixelSpacing")
    thick = _of_frame(ds, 0, "PixelMeasuresSequence", "SpacingBetweenSlices") or _of_frame(
        ds, 0, "PixelMeasuresSequence", "SliceThickness"
    )
    spacing = [step or (thick[0] if thick else 0.0), *pixel]
    return _finish(ds, voxels, plane, spacing)


def _assemble(paths: Sequence[Path], plane: list[float], step: float | None) -> Reading[Volume]:
    voxels = np.empty(0, np.float32)
    first = Dataset()
    for number, path in enumerate(paths):
        ds = dicom.open_dataset(path)
        _check_grey(ds)
        if number == 0:
            first = ds
            shape = (len(paths), int(ds.Rows), int(ds.Columns))
            limits.check_volume(shape)
            voxels = np.empty(shape, np.float32)
        slope = dicom_tags.number(ds, "RescaleSlope") or 1.0
        intercept = dicom_tags.number(ds, "RescaleIntercept") or 0.0
        voxels[number] = dicom.decode(ds, 0)
        if (slope, intercept) != (1, 0):
            voxels[number] = voxels[number] * slope + intercept
    thick = dicom_tags.number(first, "SpacingBetweenSlices") or dicom_tags.number(
        first, "SliceThickness"
    )
    spacing = [step or thick or 0.0, *dicom_tags.numbers(first, "PixelSpacing")]
    return _finish(first, voxels, plane, spacing)


def _stack(positions: list[list[float]], plane: list[float]) -> tuple[list[int], float | None]:
    """Order of the slices along their normal and the distance between them (None: not told)."""
    count = len(positions)
    if len(plane) != 6 or any(len(p) != 3 for p in positions):
        return list(range(count)), None
    along = np.asarray(positions) @ np.cross(plane[:3], plane[3:])
    if not np.isfinite(along).all():
        return list(range(count)), None
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    step = float(np.median(gaps))
    if step <= 1e-6:
        if np.ptp(along) <= 1e-6:  # All at one place: frames of time, or positions left at zero.
            return list(range(count)), None
        raise ImageError("Several slices lie at one place; choose the folder of one series.")
    if float(np.abs(gaps - step).max()) > _UNEVEN * step:
        raise ImageError(
            f"The slices are not evenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm): "
            "some are missing; export the whole series."
        )
    return [int(n) for n in order], step


def _finish(
    ds: Dataset, voxels: NDArray[np.float32], plane: list[float], spacing: list[float]
) -> Reading[Volume]:
    turned: NDArray[Any] = voxels
    order = (0, 1, 2)
    if len(plane) == 6:
        # Columns run along the first three cosines, rows along the next (PS3.3 C.7.6.2.1.1).
        across, down = np.asarray(plane[:3]), np.asarray(plane[3:])
        turned, order = to_standard(voxels, np.stack([np.cross(across, down), down, across]))
    sizes = [spacing[n] for n in order] if len(spacing) == 3 else None
    return Reading(
        image=labels.volume(
            greys.to_voxels(turned), spacing=sizes, label=dicom_tags.kept(ds), unit_=_unit(ds)
        ),
        detail=dicom.describe_storage(ds),
        dropped=dicom_tags.dropped(ds),
    )


def _unit(ds: Dataset) -> Unit:
    """HU for a CT that does not say otherwise; Scanco's exports say MGML for mg HA/cm³."""
    told = _of_text(ds, "RescaleType").upper()
    if told in {"MGML", "MG/CCM", "MG HA/CCM"}:
        return "mg HA/cm³"
    is_ct = str(ds.get("Modality")) == "CT" and "RescaleIntercept" in ds
    return "HU" if told == "HU" or (is_ct and not told) else "unknown"


def _of_text(ds: Dataset, keyword: str) -> str:
    for group in ("PixelValueTransformationSequence",):
        for shared in ds.get("SharedFunctionalGroupsSequence") or []:
            for item in shared.get(group) or []:
                if item.get(keyword):
                    return str(item.get(keyword)).strip()
    return str(ds.get(keyword) or "").strip()


def _of_frame(ds: Dataset, number: int, group: str, keyword: str) -> list[float]:
    """Numbers of one frame: its own, those shared by all, or the file's."""
    per_frame = ds.get("PerFrameFunctionalGroupsSequence") or []
    own = [per_frame[number]] if number < len(per_frame) else []
    for groups in [*own, *(ds.get("SharedFunctionalGroupsSequence") or [])]:
        for item in groups.get(group) or []:
            if found := dicom_tags.numbers(item, keyword):
                return found
    return dicom_tags.numbers(ds, keyword)


def _check_grey(ds: Dataset) -> None:
    if str(ds.PhotometricInterpretation) not in {"MONOCHROME1", "MONOCHROME2"}:
        raise ImageError("The slices are in colour; a scan's are grey.")

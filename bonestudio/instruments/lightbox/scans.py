"""Open any scan and do with it what the Scan page, the command line and notebooks ask."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import ImageError, RequestError
from bonestudio.imaging.types import Unit, Volume
from bonestudio.instruments.lightbox.scan_files import gathered
from bonestudio.instruments.lightbox.scan_views import Preview, preview
from bonestudio.places import shipped

if TYPE_CHECKING:
    from bonestudio.instruments.lightbox.scan_pictures import Picture

# Formats whose files say where the patient's right, front and head are.
_ORIENTED = {"NIfTI", "NRRD", "MHA", "DICOM", "DICOM series"}


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A volume that was opened, and what is told about its file.

    Attributes
    ----------
    kind, detail
        'AIM', '16-bit …': how the voxels were stored.
    oriented
        Whether the file says where the patient's right, front and head are.
    dropped
        Kinds of information that were not taken over ('patient name'); never their values.
    title
        What a sample is called; None for a person's own file.
    simulated
        Whether the volume is a virtual patient's.
    """

    volume: Volume
    kind: str = "array"
    detail: str = ""
    oriented: bool = False
    dropped: tuple[str, ...] = ()
    title: str | None = None
    simulated: bool = False


@dataclass(frozen=True, kw_only=True)
class ScanSample:
    """A scan of a virtual patient that ships with the studio."""

    name: str
    title: str
    path: Path
    thumbnail: Path


class ScanViewer:
    """One opened scan: its facts, its small copy for a browser, its pictures and exports.

    Examples
    --------
    >>> viewer = ScanViewer.open("wrist.aim")  # doctest: +SKIP
    >>> image = viewer.still(azimuth=30)  # doctest: +SKIP
    """

    def __init__(self, scan: Scan) -> None:
        self.scan = scan
        self.volume = scan.volume

    @classmethod
    def open(cls, *paths: str | Path, unit: Unit | None = None) -> Self:
        """Read a scan: NIfTI, NRRD, MHA, AIM, ISQ, NPY, TIFF, a DICOM folder, its zip or its slices."""
        return cls(open_scan(*(Path(path) for path in paths), unit=unit))

    @classmethod
    def open_sample(cls, name: str) -> Self:
        """Open a scan that ships with the studio."""
        known = {sample.name: sample for sample in samples()}
        if name not in known:
            raise RequestError(
                f"There is no scan called {name}; there are: {', '.join(known) or 'none'}."
            )
        scan = open_scan(known[name].path)
        return cls(replace(scan, title=known[name].title, simulated=True, dropped=()))

    def with_unit(self, unit: Unit) -> Self:
        """Return the same scan, its voxels taken to be in ``unit`` where the file says nothing."""
        return type(self)(replace(self.scan, volume=replace(self.volume, unit=unit)))

    def preview(self, folder: Path, *, max_voxels: int = 3_000_000) -> Preview:
        """Write the small copy for a browser."""
        return preview(self.volume, folder=folder, max_voxels=max_voxels)

    def still(self, **options: Any) -> "Picture":
        """Return a picture of the bone's surface, [height, width, 3]: ``scan_pictures.still``."""
        from bonestudio.instruments.lightbox import scan_pictures

        return scan_pictures.still(self.volume, **options)

    def panes(self, **options: Any) -> "Picture":
        """Return three slices and the surface in one picture: ``scan_pictures.panes``."""
        from bonestudio.instruments.lightbox import scan_pictures

        return scan_pictures.panes(self.volume, **options)

    def turntable(self, path: str | Path, **options: Any) -> Path:
        """Write an MP4 of one turn: ``scan_pictures.turntable``."""
        from bonestudio.instruments.lightbox import scan_pictures

        return scan_pictures.turntable(self.volume, path, **options)

    def surface(self, path: str | Path, **options: Any) -> Path:
        """Write the surface as STL or PLY, in mm: ``scan_pictures.write_surface``."""
        from bonestudio.instruments.lightbox import scan_pictures

        return scan_pictures.write_surface(self.volume, path, **options)

    def save(self, path: str | Path) -> Path:
        """Write the volume without anything about the patient; the format by the name's ending."""
        from bonestudio.imaging import write_volume

        nameless = replace(self.volume, laterality=None, age=None, sex=None)
        return Path(write_volume(nameless, path))

    def facts(self) -> dict[str, str]:
        """Say in words what was read: format, size, spacing, unit, range, what was left out."""
        scan, volume = self.scan, self.volume
        stored = f"{scan.kind}, {scan.detail}" if scan.detail else scan.kind
        unit = "" if volume.unit == "unknown" else f" {volume.unit}"
        return {
            "Stored as": stored,
            "Size": " × ".join(str(n) for n in volume.shape) + " voxels",
            "Voxel": _length(volume.spacing) or "not in the file",
            "Field": _field(volume) or "not known",
            "Unit": unit.strip() or "not in the file",
            "Range": f"{_number(volume.voxels.min())} to {_number(volume.voxels.max())}{unit}",
            "Left out": ", ".join(scan.dropped) or "nothing to leave out",
        }


def _number(value: float) -> str:
    return f"{value:.5g}".replace("-", "\N{MINUS SIGN}")


def _length(spacing: tuple[float, float, float] | None) -> str:
    """Write a voxel's size; HR-pQCT is spoken of in µm."""
    if spacing is None:
        return ""
    micro = max(spacing) < 0.2
    told = [f"{1000 * s:.4g}" if micro else f"{s:.4g}" for s in spacing]
    sizes = told[:1] if len(set(told)) == 1 else told
    return " × ".join(sizes) + (" µm" if micro else " mm") + (" cubes" if len(sizes) == 1 else "")


def _field(volume: Volume) -> str:
    if volume.spacing is None:
        return ""
    sides = (n * s for n, s in zip(volume.shape, volume.spacing, strict=True))
    return " × ".join(f"{side:.1f}" for side in sides) + " mm"


def open_scan(*paths: Path, unit: Unit | None = None) -> Scan:
    """Read one scan from a file, a zip, a folder, or its slices; patient data is dropped."""
    from bonestudio.imaging.reading import volume_reading
    from bonestudio.imaging.sniff import sniff

    for path in paths:
        if not path.exists():
            raise ImageError("There is no file at this place; check its name.")
    with gathered(paths) as path:
        kind = sniff(path)
        reading = volume_reading(path)
    volume = reading.image
    if unit and volume.unit == "unknown":
        volume = replace(volume, unit=unit)
    return Scan(
        volume=volume,
        kind=kind,
        detail=reading.detail,
        oriented=kind in _ORIENTED,
        dropped=reading.dropped,
    )


def samples(folder: Path | None = None) -> tuple[ScanSample, ...]:
    """Find the scans in assets/scan: NAME.nii.gz, a thumbnail NAME.png, a card NAME.json with a title."""
    folder = folder or shipped("assets") / "scan"
    found = []
    for card in sorted(folder.glob("*.json")):
        scan, thumbnail = folder / f"{card.stem}.nii.gz", folder / f"{card.stem}.png"
        if scan.is_file() and thumbnail.is_file():
            title = str(json.loads(card.read_text("utf-8")).get("title", card.stem))
            found.append(ScanSample(name=card.stem, title=title, path=scan, thumbnail=thumbnail))
    return tuple(found)


def pixels_to_png(image: NDArray[np.uint8], path: Path) -> Path:
    """Write a picture [height, width, 3] as PNG."""
    import io

    from PIL import Image

    from bonestudio.imaging.files import write_bytes

    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "PNG")
    write_bytes(path, packed.getvalue())
    return path

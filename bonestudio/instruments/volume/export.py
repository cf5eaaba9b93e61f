"""A volume as a file: NIfTI, NPY, surface, picture, film; the format by the name's ending."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Volume

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS: Final = {
    "NIfTI": ".nii.gz",
    "NPY": ".npy",
    "STL": ".stl",
    "PNG": ".png",
    "MP4": ".mp4",
    "Session": ".json",
}
"""What the app offers, and the endings."""


def export(volume: Volume, path: Path, **options: Any) -> Path:
    """Write a volume in mg HA/cm³ with its spacing.

    .nii.gz, .nrrd, .mha and .npy hold the voxels, .stl and .ply the surface in mm, .glb in m, .png four panes,
    .mp4 one turn; ``options`` go to ``scan_pictures``.
    """
    from bonestudio.imaging import write_volume
    from bonestudio.instruments.lightbox import scan_pictures
    from bonestudio.instruments.lightbox.scans import pixels_to_png

    drawn: dict[str, Callable[[], Path]] = {
        ".png": lambda: pixels_to_png(scan_pictures.panes(volume, **options), path),
        ".mp4": lambda: scan_pictures.turntable(volume, path, **options),
        ".stl": lambda: scan_pictures.write_surface(volume, path, **options),
        ".ply": lambda: scan_pictures.write_surface(volume, path, **options),
        ".glb": lambda: scan_pictures.write_surface(volume, path, **options),
    }
    ending = path.suffix.lower()
    return drawn[ending]() if ending in drawn else Path(write_volume(volume, path))


def check_place(path: Path, *, among: tuple[str, ...] = ()) -> None:
    """Refuse a file name that no volume can be written to, before anything is computed."""
    known = among or (
        ".nii", ".nii.gz", ".nrrd", ".mha", ".npy", ".stl", ".ply", ".glb", ".png", ".mp4",
    )  # fmt: skip
    if not path.name.lower().endswith(known):
        raise RequestError(f"A volume is written as {', '.join(known)}, not as '{path.name}'.")

"""TIFF: 8, 16 or 32 bits or float, one page as a radiograph, many as a volume."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from bonestudio.errors import ImageError
from bonestudio.imaging import greys, labels, limits
from bonestudio.imaging.reading import AnotherKindError, Reading
from bonestudio.imaging.types import Radiograph, Volume

_MAX_PAGES = 20_000
# Tags that hold text about people and places; the numbers are TIFF's own.
_LEFT = {
    "Artist": "author",
    "Copyright": "author",
    "HostComputer": "device",
    "Make": "device",
    "Model": "device",
    "DateTime": "dates and times",
    "DocumentName": "document name",
    "PageName": "document name",
    "ImageDescription": "description",
    "ExifTag": "camera data (EXIF)",
    "GPSTag": "place",
    "XMP": "XMP data",
}


def film(path: Path, *, frame: int | None) -> Reading[Radiograph]:
    """Read one page as a radiograph."""
    with tifffile.TiffFile(path) as file:
        pages = _pages(file)
        if len(pages) > 1 and frame is None:
            raise AnotherKindError(
                f"The TIFF file holds {len(pages)} pages: read it as a volume, "
                f"or choose one of the frames 0 to {len(pages) - 1}."
            )
        number = frame or 0
        if not 0 <= number < len(pages):
            raise ImageError(f"There is no frame {number}; the file holds {len(pages)}.")
        page = pages[number]
        limits.check_film(page.imagelength, page.imagewidth)
        stored = _decode(page, path, number)
        label, dropped = _texts(pages[0])
        pixels, window = greys.to_pixels(stored)
        detail = f"{page.bitspersample}-bit {'float' if page.sampleformat == 3 else 'integer'}"
    if page.photometric == 0:  # MINISWHITE: bone was stored dark.
        pixels = np.float32(1) - pixels
        window = (1 - window[1], 1 - window[0])
    return Reading(
        image=labels.film(pixels, label=label, window=window), detail=detail, dropped=dropped
    )


def volume(path: Path) -> Reading[Volume]:
    """Read all pages, one slice each."""
    with tifffile.TiffFile(path) as file:
        pages = _pages(file)
        if len(pages) < 2:
            raise AnotherKindError("The TIFF file holds one page; a volume has many slices.")
        first = pages[0]
        shape = (len(pages), first.imagelength, first.imagewidth)
        limits.check_film(*shape[1:])
        limits.check_volume(shape)
        voxels = np.empty(shape, np.float32)
        for number, page in enumerate(pages):
            if (page.imagelength, page.imagewidth) != shape[1:]:
                raise ImageError("The pages differ in size; the slices of a volume do not.")
            stored = _decode(page, path, number)
            if stored.ndim != 2:
                raise ImageError("The pages are in colour; the slices of a volume are grey.")
            voxels[number] = stored
        label, dropped = _texts(first)
        detail = f"{first.bitspersample}-bit, {len(pages)} pages"
    voxels = greys.to_voxels(voxels)
    image = labels.volume(voxels, spacing=None, label=label)
    return Reading(image=image, detail=detail, dropped=dropped)


def encode(image: Radiograph | Volume) -> bytes:
    """Float32 TIFF, deflated, with the label as its description."""
    is_film = isinstance(image, Radiograph)
    values = image.pixels if isinstance(image, Radiograph) else image.voxels
    label = (
        labels.film_label(image) if isinstance(image, Radiograph) else labels.volume_label(image)
    )
    out = io.BytesIO()
    tifffile.imwrite(
        out,
        np.ascontiguousarray(values, np.float32),
        photometric="minisblack",
        compression="zlib",
        predictor=None,
        description=label.encode("ascii").decode(),
        metadata=None,
        software="Bone Studio",
        bigtiff=not is_film and values.nbytes > 2**31,
    )
    return out.getvalue()


def _pages(file: tifffile.TiffFile) -> list[tifffile.TiffPage]:
    count = len(file.pages)
    if not 0 < count <= _MAX_PAGES:
        raise ImageError(f"The TIFF file says it holds {count} pages; it is damaged.")
    pages = [file.pages[i] for i in range(count)]
    full = [page.aspage() if isinstance(page, tifffile.TiffFrame) else page for page in pages]
    # Thumbnails and masks ride along as pages of a reduced kind.
    return [page for page in full if not (page.is_reduced or page.is_mask)] or full[:1]


def _decode(page: tifffile.TiffPage, path: Path, number: int) -> NDArray[Any]:
    """[height, width] or [height, width, 3]; Pillow knows compressions that tifffile lacks."""
    limits.check_film(page.imagelength, page.imagewidth)
    if page.imagedepth != 1 or page.samplesperpixel > 4:
        raise ImageError("The TIFF file is neither grey nor colour; export it as grey levels.")
    if page.photometric in {0, 1, 2} and page.compression in {1, 8, 32773, 32946}:
        stored = page.asarray()
        planes_first = page.planarconfig == 2 and stored.ndim == 3
        return np.moveaxis(stored, 0, -1) if planes_first else stored
    with Image.open(path, formats=("TIFF",)) as picture:
        picture.seek(number)
        limits.check_film(picture.height, picture.width)
        grey = picture.mode in {"L", "F", "I"} or picture.mode.startswith("I;16")
        return np.asarray(picture if grey else picture.convert("RGB"))


def _texts(page: tifffile.TiffPage) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    label = labels.parse(page.description)
    names = {tag.name for tag in page.tags.values()}
    dropped = {_LEFT[name] for name in names & _LEFT.keys()}
    if label:
        dropped.discard("description")
    return label, tuple(sorted(dropped))

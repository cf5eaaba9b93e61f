"""PNG and JPEG: grey, colour, palette or CMYK, 8 or 16 bits, through Pillow."""

import io
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from bonestudio.imaging import greys, labels, limits
from bonestudio.imaging.reading import Reading
from bonestudio.imaging.types import Radiograph

_NAMES = {
    "1": "1-bit",
    "L": "8-bit grey",
    "LA": "8-bit grey with transparency",
    "I;16": "16-bit grey",
    "I;16B": "16-bit grey",
    "I": "32-bit grey",
    "F": "float grey",
    "P": "palette",
    "RGB": "colour",
    "RGBA": "colour with transparency",
    "CMYK": "CMYK colour",
}
# What a camera, a viewer or an archive leaves beside the pixels, by Pillow's name for it.
_LEFT = {
    "exif": "camera data (EXIF)",
    "xmp": "XMP data",
    "XML:com.adobe.xmp": "XMP data",
    "icc_profile": "colour profile",
    "comment": "comment",
    "photoshop": "Photoshop data",
    "dpi": "print resolution",
    "jfif_density": "print resolution",
}


def film(path: Path) -> Reading[Radiograph]:
    """Read a picture; colours become luminance, what is transparent becomes black.

    The resolution in dots per inch is that of a screen or printer, so it is no spacing.
    """
    try:
        picture = Image.open(path, formats=("PNG", "JPEG"))
    except Image.DecompressionBombError:
        limits.check_film(limits.MAX_SIDE, limits.MAX_SIDE)
        raise
    with picture:
        limits.check_film(picture.height, picture.width)
        label, dropped = _texts(picture)
        detail = _NAMES.get(picture.mode, picture.mode)
        upright = ImageOps.exif_transpose(picture)
        pixels, window = greys.to_pixels(_values(upright))
    image = labels.film(pixels, label=label, window=window)
    return Reading(image=image, detail=detail, dropped=dropped)


def encode_png(film: Radiograph, *, bits: Literal[8, 16] = 16) -> bytes:
    """Grey PNG with the label as text; 8 bits where other people's programs are to read it."""
    info = PngInfo()
    info.add_text(labels.KEY, labels.film_label(film))
    most, kind = (65535, np.uint16) if bits == 16 else (255, np.uint8)
    stored = np.rint(np.clip(film.pixels, 0, 1) * most).astype(kind)
    out = io.BytesIO()
    Image.fromarray(stored).save(out, "PNG", pnginfo=info, compress_level=4)
    return out.getvalue()


def encode_jpeg(film: Radiograph) -> bytes:
    """8-bit grey JPEG with the label as comment."""
    stored = np.rint(np.clip(film.pixels, 0, 1) * 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(stored).save(
        out, "JPEG", quality=97, comment=labels.film_label(film).encode("ascii")
    )
    return out.getvalue()


def _texts(picture: Image.Image) -> tuple[dict[str, object] | None, tuple[str, ...]]:
    """Find our label, and name the rest that is left behind."""
    label = None
    dropped: set[str] = set()
    for key, value in picture.info.items():
        found = labels.parse(value) if isinstance(value, str | bytes) else None
        if found and key in {labels.KEY, "comment"}:
            label = found
        elif key in _LEFT:
            dropped.add(_LEFT[key])
        elif isinstance(value, str):
            dropped.add("text fields")
    return label, tuple(sorted(dropped))


def _values(picture: Image.Image) -> np.ndarray:
    if picture.mode in {"L", "I;16", "I;16B", "I", "F"}:
        return np.asarray(picture)
    if picture.mode == "1":
        return np.asarray(picture.convert("L"))
    if "transparency" in picture.info or picture.mode in {"LA", "PA", "La", "RGBa", "RGBA"}:
        clear = picture.convert("RGBA")
        black = Image.new("RGBA", clear.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, clear).convert("RGB"))
    return np.asarray(picture.convert("RGB"))

"""Pictures of density: the map over its film, a colour bar, a page to hand on."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bonestudio.imaging.types import Radiograph
from bonestudio.imaging.window import to_bytes, windowed
from bonestudio.instruments.density.estimator import NOTICE, Estimate, Value
from bonestudio.measures.density_regions import Region

Rgb = NDArray[np.uint8]
Rgba = NDArray[np.uint8]

SCALE: Final = (0.0, 2.0)
"""g/cm² at the ends of the colour bar."""
ERROR_SCALE: Final = 0.5
"""g/cm² of error that is drawn at full strength."""
# viridis (van der Walt and Smith, CC0) at nine places: equal steps look equal, in grey too.
_VIRIDIS = np.array(
    [
        (68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142),
        (31, 158, 137), (53, 183, 121), (110, 206, 88), (253, 231, 37),
    ],
    np.float64,
)  # fmt: skip
NAMES = {"total_hip": "Total hip", "neck": "Femoral neck"}
# Too dense and not dense enough: as everywhere in the studio, red and blue for signed differences.
_MORE, _LESS = (229, 72, 77), (74, 125, 255)
_OUTLINES: Final[dict[Region, tuple[int, int, int]]] = {
    "total_hip": (230, 232, 235),
    "trochanter": (240, 180, 41),
    "neck": (76, 201, 240),
}
_THIN = 400  # rows of a film for each pixel of an outline's width


def coloured(density: NDArray[np.float32]) -> Rgb:
    """Turn g/cm² [h, w] into colours [h, w, 3]."""
    share = ((density - SCALE[0]) / (SCALE[1] - SCALE[0])).clip(0, 1)
    places = np.linspace(0, 1, len(_VIRIDIS))
    channels = [np.interp(share, places, _VIRIDIS[:, i]) for i in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)


def overlay(film: Radiograph, estimate: Estimate, *, opacity: float = 0.6) -> Rgb:
    """Lay the map over its film, [h, w, 3]."""
    grey = np.repeat(to_bytes(windowed(film))[..., None], 3, 2).astype(np.float64)
    share = opacity * (estimate.density > 0)[..., None]
    mixed: Rgb = (grey * (1 - share) + coloured(estimate.density) * share).round().astype(np.uint8)
    return mixed


def map_layer(estimate: Estimate) -> Rgba:
    """Return the map as colours that are clear where there is no femur, [h, w, 4]."""
    alpha = np.where(estimate.density > 0, 255, 0).astype(np.uint8)
    return np.dstack([coloured(estimate.density), alpha])


def error_layer(error: NDArray[np.float32]) -> Rgba:
    """Return a signed error in g/cm² [h, w] as red where it is too dense and blue where not enough."""
    share = (np.abs(error) / ERROR_SCALE).clip(0, 1)
    colours = np.where((error > 0)[..., None], _MORE, _LESS).astype(np.uint8)
    return np.dstack([colours, (255 * share).round().astype(np.uint8)])


def region_layer(estimate: Estimate) -> Rgba:
    """Outline neck (cyan), trochanter (amber) and total hip (white), [h, w, 4]."""
    from scipy.ndimage import binary_erosion

    layer = np.zeros((*estimate.density.shape, 4), np.uint8)
    width = max(1, round(estimate.density.shape[0] / _THIN))
    for name, colour in _OUTLINES.items():
        mask = estimate.masks[name]
        if mask.any():
            layer[mask & ~binary_erosion(mask, iterations=width)] = (*colour, 255)
    return layer


def colour_bar(height: int, width: int = 14) -> Rgb:
    """Return the colour bar, the densest at the top, [height, width, 3]."""
    values = np.linspace(SCALE[1], SCALE[0], height, dtype=np.float32)
    return np.repeat(coloured(values[:, None]), width, axis=1)


def report(film: Radiograph, estimate: Estimate) -> Any:
    """Draw one page (a PIL image, 1 240 × 877, A5 at 150 dots an inch): film, map, bar, findings."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (1240, 877), "white")
    draw = ImageDraw.Draw(page)
    large, usual, small = (ImageFont.load_default(size) for size in (30, 20, 15))
    pictures = [np.repeat(to_bytes(windowed(film))[..., None], 3, 2)]
    if estimate.told:  # a map of what is no hip would only mislead
        pictures.append(overlay(film, estimate))
    left = 40
    for picture in pictures:
        shown = Image.fromarray(picture)
        shown.thumbnail((290, 720))
        page.paste(shown, (left, 80))
        left += shown.width + 16
    if estimate.told:
        page.paste(Image.fromarray(colour_bar(400)), (left, 80))
        for value in np.linspace(SCALE[1], SCALE[0], 5):
            y = 80 + (SCALE[1] - value) / (SCALE[1] - SCALE[0]) * 400
            draw.text((left + 20, y), f"{value:.1f}", "black", usual, anchor="lm")
        _write(draw, (left, 500), "g/cm²", (usual, small))
    draw.text((40, 26), "Bone density estimated from a radiograph", "black", large)
    x, y = left + 110, 90
    for line in findings(estimate):
        for part in _wrapped(line, 52):
            _write(draw, (x, y), part, (usual, small))
            y += 28
        y += 8
    draw.text((40, 838), NOTICE, "#8a1c1c", usual)
    draw.text((1200, 842), f"Model {estimate.model.id}", "#555555", small, anchor="ra")
    return page


def findings(estimate: Estimate) -> list[str]:
    """Return what is told of a hip, a line each: values, comparisons, what is thought of the film."""
    lines = [f"Side: {'left' if estimate.prepared.side == 'L' else 'right'} hip"]
    if estimate.age is not None or estimate.sex is not None:
        age = "age unknown" if estimate.age is None else f"{estimate.age:.0f} years"
        lines.append(f"Patient: {age}, {estimate.sex or 'sex unknown'}")
    if estimate.bmd is None:
        return [*lines, f"No density is told. {estimate.domain.reason}"]
    lines.append(f"Proximal femur: {said(estimate.bmd)}")
    for site, value in estimate.sites.items():
        lines.append(f"{NAMES[site]}: {said(value)}")
        score = estimate.scores[site]
        if score.kind is None or score.value is None:
            lines.append(f"{score.words} {score.against}")
            continue
        low, high = score.interval or (score.value, score.value)
        lines.append(
            f"{score.kind}-score {score.value:+.1f} ({low:+.1f} to {high:+.1f}): {score.words}"
        )
        shares = [f"{name} {share:.0%}" for name, share in score.classes.items()]
        lines += [", ".join(shares)] if shares else []
        lines.append(f"Against {score.against}")
    return [*lines, estimate.domain.reason]


def said(value: Value) -> str:
    """Write a density with its unit and its interval."""
    if value.interval is None:
        return f"{value.density:.2f} g/cm²"
    low, high = value.interval
    return f"{value.density:.2f} g/cm² (90 %: {low:.2f} to {high:.2f})"


def _write(draw: Any, place: tuple[float, float], text: str, fonts: tuple[Any, Any]) -> None:
    """Write a line; a square, which Pillow's own font has not got, is a small raised 2."""
    usual, small = fonts
    x, y = place
    for i, part in enumerate(text.split("²")):
        if i:
            draw.text((x, y - 3), "2", "black", small)
            x += draw.textlength("2", small)
        draw.text((x, y), part, "black", usual)
        x += draw.textlength(part, usual)


def _wrapped(line: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(line, width) or [""]

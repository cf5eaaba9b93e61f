"""Pictures of a progression for people: tiles with captions, each simulated one saying that it is."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.instruments.age.progression import (
    CLASS_MIDDLES,
    CLASSES,
    OLDEST,
    SIMULATED,
    Progression,
    check_age,
)

if TYPE_CHECKING:
    from PIL.Image import Image

TILE: Final = 256  # pixels
_GAP, _CAPTION = 12, 26
_PAGE, _TEXT, _FAINT, _WARN, _IVORY = "#0e1116", "#e6e8eb", "#9aa4b2", "#f0b429", "#e8dcc4"
_MORE, _LESS = np.array([229, 72, 77]), np.array([74, 125, 255])
FULL_CHANGE: Final = 0.4
"""Change of grey, of 1, that is drawn in full colour."""
_YEARS_A_SECOND = 4.0
FRAMES_A_SECOND: Final = 16
_HELD = 12  # frames for which the first and the last age stand still


def picture(progression: Progression, *, age: float | None = None) -> "Image":
    """Draw the film beside its older or younger self and what changed; without ``age``, beside the five classes."""
    film = ("Film", progression.prepared.film.pixels, False)
    if age is None:
        classes = zip(CLASSES, CLASS_MIDDLES, strict=True)
        tiles = [
            film,
            *((f"{a} to {b} years", progression.at(m).pixels, True) for (a, b), m in classes),
        ]
        return _sheet(progression, [(name, _grey(pixels), made) for name, pixels, made in tiles])
    check_age(age)
    return _sheet(
        progression,
        [
            (_film_name(progression), _grey(film[1]), False),
            ("Redrawn by the model", _grey(progression.reconstruction), True),
            (f"{age:g} years", _grey(progression.at(age).pixels), True),
            ("Change: red brighter, blue darker", difference(progression.change(age)), True),
        ],
    )


def film_frames(
    progression: Progression, *, start: float, end: float
) -> Iterator[NDArray[np.uint8]]:
    """Draw the bone growing from one age to another, [height, width, 3], its film beside it."""
    check_age(start)
    check_age(end)
    if start == end:
        raise RequestError(
            "A film needs two different ages, from which and to which the bone grows."
        )
    from PIL import Image, ImageDraw

    count = max(2, round(abs(end - start) / _YEARS_A_SECOND * FRAMES_A_SECOND))
    film = (_film_name(progression), _grey(progression.prepared.film.pixels), False)
    # Everything but the aged tile and the years is drawn once.
    still = _sheet(progression, [film, ("", np.zeros((1, 1, 3), np.uint8), False)], years=True)
    left = 2 * _GAP + TILE
    for age in np.concatenate([[start] * _HELD, np.linspace(start, end, count), [end] * _HELD]):
        sheet = still.copy()
        draw = ImageDraw.Draw(sheet)
        tile = Image.fromarray(_grey(progression.at(float(age)).pixels))
        sheet.paste(tile.resize((TILE, TILE), Image.Resampling.BICUBIC), (left, _GAP))
        draw.text((left, _GAP + TILE + 6), f"{age:.1f} years", _TEXT, _font(15))
        _badge(draw, left)
        _mark(draw, sheet.width, float(age))
        yield np.asarray(sheet, np.uint8)


def difference(change: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour a change of grey, [height, width] in -1 … 1: red where brighter, blue where darker."""
    strength = np.clip(np.abs(change) / FULL_CHANGE, 0, 1)[..., None]
    colour = np.where((change > 0)[..., None], _MORE, _LESS)
    return np.rint(strength * colour).astype(np.uint8)


def _film_name(progression: Progression) -> str:
    said = f"{progression.age:.1f} years"
    return f"Film, {said}" if progression.age_known else f"Film, read as {said}"


def _grey(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.repeat(np.rint(pixels * 255).astype(np.uint8)[..., None], 3, axis=2)


def _sheet(
    progression: Progression,
    tiles: list[tuple[str, NDArray[np.uint8], bool]],
    *,
    years: bool = False,
) -> "Image":
    """Lay tiles (caption, [height, width, 3], simulated) in a row; ``years`` adds a line of years."""
    from PIL import Image, ImageDraw

    width = _GAP + len(tiles) * (TILE + _GAP)
    height = _GAP + TILE + _CAPTION + 22 * years + 44
    sheet = Image.new("RGB", (width + width % 2, height + height % 2), _PAGE)
    draw = ImageDraw.Draw(sheet)
    for i, (caption, pixels, simulated) in enumerate(tiles):
        left = _GAP + i * (TILE + _GAP)
        tile = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.BICUBIC)
        sheet.paste(tile, (left, _GAP))
        draw.text((left, _GAP + TILE + 6), caption, _TEXT, _font(15))
        if simulated:
            _badge(draw, left)
    below = _GAP + TILE + _CAPTION + 4
    if years:
        _line_of_years(draw, width)
        below += 22
    sure = progression.domain.verdict == "in-domain"
    what = "" if sure else f"{progression.domain.reason} "
    for line, colour in (
        (f"{what}{_weights(progression)}", _FAINT if sure else _WARN),
        (_USE, _FAINT),
    ):
        draw.text((_GAP, below), _cut(line, width - 2 * _GAP), colour, _font(12))
        below += 17
    return sheet


_USE = "Bone Studio · research use, not for diagnosis"


def _weights(progression: Progression) -> str:
    card = progression.model
    digest = next(iter(card.files.values()), "")[:12]
    return f"Weights {card.id} {digest}, learned from {card.trained_on}"


def _badge(draw: Any, left: int) -> None:
    place = (left + 6, _GAP + TILE - 20)
    draw.text(place, SIMULATED, _WARN, _font(13), stroke_width=2, stroke_fill="#000000")


def _line_of_years(draw: Any, width: int) -> None:
    """Draw a line of 0 to 19 years; its ticks part the classes."""
    middle = _GAP + TILE + _CAPTION + 12
    draw.line((_year_at(width, 0), middle, _year_at(width, OLDEST), middle), _FAINT, 1)
    for year in (0, *(first for first, _ in CLASSES[1:]), OLDEST):
        x = _year_at(width, year)
        draw.line((x, middle - 4, x, middle + 4), _FAINT, 1)


def _mark(draw: Any, width: int, age: float) -> None:
    x, middle = _year_at(width, age), _GAP + TILE + _CAPTION + 12
    draw.ellipse((x - 5, middle - 5, x + 5, middle + 5), _IVORY)


def _year_at(width: int, age: float) -> float:
    first, last = _GAP + 4, width - _GAP - 4
    return first + (last - first) * age / OLDEST


def _cut(text: str, width: int) -> str:
    """Shorten a line until it fits."""
    while text and _font(12).getlength(text) > width:
        text = text[:-2].rstrip(" .…") + "…"
    return text


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)

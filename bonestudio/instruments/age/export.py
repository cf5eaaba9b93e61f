"""A progression as a file: PNG, GIF or MP4, each with a manifest inside that makes it again."""

import json
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from bonestudio import __version__
from bonestudio.errors import ImageError, RequestError, StorageError
from bonestudio.instruments.age.pictures import FRAMES_A_SECOND, film_frames, picture
from bonestudio.instruments.age.progression import OLDEST, SIMULATED, Progression
from bonestudio.instruments.moving import write_mp4

SaveAs = Literal["PNG", "GIF", "MP4"]
KINDS: Final[tuple[SaveAs, ...]] = ("PNG", "GIF", "MP4")
_KEY = "bonestudio"


def export(progression: Progression, path: Path, *, age: float | None = None) -> dict[str, Any]:
    """Write a file of the kind that its ending names, whole or not at all; return its manifest.

    A PNG shows the film, the film redrawn, the bone at ``age`` and what changed; without an age, the
    film and the five classes. A GIF or MP4 grows from the age now to ``age``; without one, or when
    they are the same, from 0 to 19 years.
    """
    check_place(path)
    writers = {".png": _png, ".gif": _gif, ".mp4": _mp4}
    told = manifest(progression, age=age)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            made = Path(scratch) / path.name
            writers[path.suffix.lower()](progression, made, age, told)
            made.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path.name} cannot be written to {path.parent}: {error.strerror or 'the disk refused'}."
        ) from error
    return told


def check_place(path: Path) -> None:
    """Find out before anything is computed whether a file can go there."""
    if path.suffix.lower() not in {".png", ".gif", ".mp4"}:
        raise RequestError(
            f"A progression is saved as .png, .gif or .mp4, not as '{path.suffix or path.name}'."
        )
    if not path.parent.is_dir():
        raise StorageError(f"There is no folder {path.parent} to write {path.name} to.")


def manifest(progression: Progression, *, age: float | None = None) -> dict[str, Any]:
    """Say what makes a picture again: the film's hash, the weights' hashes, and all that was set."""
    film = np.rint(progression.prepared.film.pixels * 255).astype(np.uint8)
    card = progression.model
    return {
        "made_by": f"Bone Studio {__version__}",
        "notice": f"{SIMULATED}. Research use, not for diagnosis.",
        "film_sha256": sha256(film.tobytes()).hexdigest(),
        "film": progression.prepared.how,
        "bone": progression.prepared.anatomy,
        "sex": progression.sex,
        "age_now": round(progression.age, 2),
        "age_now_is": "given" if progression.age_known else "read by the model",
        "age_shown": age,
        "detail": "the film's own where age changes nothing"
        if progression.detail
        else "the model's",
        "frames": [float(year) for year in progression.ages],
        "model": card.id,
        "weights": card.files,
        "trained_on": card.trained_on,
        "licence": card.licence,
        "settings": card.settings,
        "in_domain": progression.domain.verdict,
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest out of an exported PNG, GIF or MP4."""
    from PIL import Image

    text: Any
    try:
        if path.suffix.lower() == ".mp4":
            text = _mp4_comment(path)
        else:
            # Nothing else: Pillow opens EPS too, and hands it to Ghostscript.
            with Image.open(path, formats=("PNG", "GIF")) as image:
                text = image.info.get(_KEY) or image.info.get("comment", b"")
        told = json.loads(text)
    except (OSError, ValueError) as error:
        raise ImageError(f"{path.name} holds no manifest of Bone Studio.") from error
    if not isinstance(told, dict) or "made_by" not in told:
        raise ImageError(f"{path.name} holds no manifest of Bone Studio.")
    return told


def _png(progression: Progression, path: Path, age: float | None, told: dict[str, Any]) -> None:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_itxt(_KEY, json.dumps(told, ensure_ascii=False))
    picture(progression, age=age).save(path, pnginfo=notes, optimize=True)


def _gif(progression: Progression, path: Path, age: float | None, told: dict[str, Any]) -> None:
    from PIL import Image

    start, end = _span(progression, age)
    drawn = map(Image.fromarray, film_frames(progression, start=start, end=end))
    # One palette for all: greys, and tints of what is written.
    first = next(drawn)
    palette = first.quantize(256)
    first, *others = [
        palette,
        *(one.quantize(palette=palette, dither=Image.Dither.NONE) for one in drawn),
    ]
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=1000 // FRAMES_A_SECOND,
        loop=0,
        comment=json.dumps(told).encode(),
    )


def _mp4(progression: Progression, path: Path, age: float | None, told: dict[str, Any]) -> None:
    start, end = _span(progression, age)
    write_mp4(
        path,
        film_frames(progression, start=start, end=end),
        fps=FRAMES_A_SECOND,
        comment=json.dumps(told),
    )


def _span(progression: Progression, age: float | None) -> tuple[float, float]:
    if age is None or abs(age - progression.age) < 0.05:
        return 0.0, OLDEST
    return progression.age, age


def _mp4_comment(path: Path) -> str:
    """Text of the comment in the file's list of tags: an atom '©cmt' with one of 'data' inside."""
    stored = path.read_bytes()
    at = stored.rfind(b"\xa9cmt")
    data = stored.find(b"data", at)
    if at < 0 or data < 0:
        return ""
    size = int.from_bytes(stored[data - 4 : data], "big")  # with 16 bytes of header
    return stored[data + 12 : data - 4 + size].decode("utf-8", "replace")

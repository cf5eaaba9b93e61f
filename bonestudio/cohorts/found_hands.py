"""Hands found on the films of a folder, kept as numbers in the user's cache folder.

Only positions, scores and contrasts are kept, never pixels.
"""

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bonestudio.cohorts.hand import JOINTS, HandJoints
from bonestudio.cohorts.phalange import crop_box, phalange_box
from bonestudio.errors import ImageError
from bonestudio.places import cache

FINGERS = (2, 3, 4, 5)
_NUMBERS = (
    *(f"{joint}_{what}" for joint in JOINTS for what in ("row", "column", "score")),
    *(f"contrast{finger}" for finger in FINGERS),
)
_HEADER = ("id", "bytes", "mirrored", *_NUMBERS)


@dataclass(frozen=True)
class FoundHand:
    """What is kept of a film.

    Attributes
    ----------
    size
        Bytes of its file: another size means another film.
    joints
        None where no hand was found.
    contrast
        Finger → range of grey levels in its middle phalanx, as a fraction of the film's full range:
        below 0.12 (30 of 256 levels) a JPEG shows blocks rather than trabeculae.
    """

    size: int
    joints: HandJoints | None
    contrast: dict[int, float]


def found_hands(
    folder: Path, films: dict[str, Path], progress: Callable[[int, int], None] | None = None
) -> dict[str, FoundHand]:
    """Film → its hand, from the cache where it is there; ``progress`` hears (done, to be done)."""
    path = cache() / "joints" / f"{_key(folder)}.csv"
    kept = _read(path)
    hands = {
        name: kept[name]
        for name, film in films.items()
        if name in kept and kept[name].size == film.stat().st_size
    }
    missing = [name for name in films if name not in hands]
    for done, name in enumerate(missing, start=1):
        hands[name] = _find(films[name])
        if progress is not None:
            progress(done, len(missing))
        if done % 100 == 0 or done == len(missing):
            _write(path, kept | hands)
    return hands


def _find(film: Path) -> FoundHand:
    from bonestudio.cohorts.hand_finder import find_joints
    from bonestudio.imaging.reading import read_radiograph

    size, contrast = film.stat().st_size, dict.fromkeys(FINGERS, 0.0)
    try:
        image = read_radiograph(film)
        joints = find_joints(image)
    except ImageError:
        return FoundHand(size, None, contrast)
    for finger in FINGERS:
        try:
            crop = crop_box(image, phalange_box(joints, finger=finger), contrast="film")
        except ImageError:
            continue
        low, high = np.percentile(crop.pixels, [0.5, 99.8])
        contrast[finger] = float(high - low)
    return FoundHand(size, joints, contrast)


def _key(folder: Path) -> str:
    """Name this folder and these weights; other weights find other joints."""
    from bonestudio.checkpoints import find_card
    from bonestudio.cohorts.hand_finder import CHECKPOINT

    card, _ = find_card(CHECKPOINT)
    parts = [str(folder.resolve()), *sorted(card.files.values())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, FoundHand]:
    """Read the cache's rows; a damaged cache is made again."""
    hands: dict[str, FoundHand] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            if tuple(next(rows)) != _HEADER:
                return {}
            for name, size, mirrored, *cells in rows:
                hands[name] = _from_row(int(size), mirrored, [float(cell) for cell in cells])
    except (OSError, ValueError, StopIteration):
        return {}
    return hands


def _from_row(size: int, mirrored: str, numbers: list[float]) -> FoundHand:
    if mirrored == "none":
        return FoundHand(size, None, dict.fromkeys(FINGERS, 0.0))
    places = np.reshape(numbers[: 3 * len(JOINTS)], (len(JOINTS), 3)).tolist()
    joints = HandJoints(
        points={name: (row, column) for name, (row, column, _) in zip(JOINTS, places, strict=True)},
        scores={name: score for name, (_, _, score) in zip(JOINTS, places, strict=True)},
        mirrored=mirrored == "yes",
    )
    return FoundHand(size, joints, dict(zip(FINGERS, numbers[3 * len(JOINTS) :], strict=True)))


def _write(path: Path, hands: dict[str, FoundHand]) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_HEADER)
    for name, hand in hands.items():
        if hand.joints is None:
            rows.writerow([name, hand.size, "none"])
            continue
        places = [(*hand.joints.points[joint], hand.joints.scores[joint]) for joint in JOINTS]
        numbers = [value for place in places for value in place]
        numbers += [hand.contrast[finger] for finger in FINGERS]
        mirrored = "yes" if hand.joints.mirrored else "no"
        rows.writerow([name, hand.size, mirrored, *(f"{value:.4f}" for value in numbers)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="utf-8"
        ) as file:
            file.write(text.getvalue())
        os.replace(file.name, path)  # noqa: PTH105 – names, not paths
    except OSError:
        return  # a cache that cannot be written only costs time

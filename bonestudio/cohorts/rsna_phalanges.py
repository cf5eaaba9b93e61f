"""Phalanges of the RSNA hands: found once, kept as numbers, cropped when they are read."""

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bonestudio.cohorts.cohort import Cohort, Part
from bonestudio.cohorts.hand import JOINTS, HandJoints, Phalanx
from bonestudio.cohorts.phalange import SURE_ENOUGH, crop_phalange
from bonestudio.cohorts.rsna import RsnaBoneAge
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import ImageError, RequestError
from bonestudio.places import cache

Found = dict[str, HandJoints | None]
_HEADER = (
    "id",
    "mirrored",
    *(f"{name}_{what}" for name in JOINTS for what in ("row", "column", "score")),
)


class RsnaPhalanges(Cohort):
    """One sample for each finger of each hand in which it was found.

    Attributes
    ----------
    joints
        Film id → its joints, or None where no hand was found.
    """

    source = "rsna"

    def __init__(
        self,
        hands: RsnaBoneAge,
        *,
        fingers: Sequence[int] = (2,),
        phalanx: Phalanx = "middle",
        size: int = 128,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if not fingers or not set(fingers) <= {2, 3, 4, 5}:
            raise RequestError("Fingers are 2 (index) to 5 (little); name at least one.")
        self.hands, self.phalanx, self.size = hands, phalanx, size
        self.joints = _all_joints(hands, progress)
        found = [
            (film, finger, joints)
            for film, hand in enumerate(hands.entries)
            if (joints := self.joints[hand.name]) is not None
            for finger in fingers
            if joints.finger_score(finger) >= SURE_ENOUGH
        ]
        self._crops = [(film, finger) for film, finger, _ in found]
        self.entries = tuple(
            Entry(
                name=f"{hands.entries[film].name}-{finger}",
                patient=hands.entries[film].patient,
                age=hands.entries[film].age,
                sex=hands.entries[film].sex,
                labels={"finger": float(finger), "score": joints.finger_score(finger)},
            )
            for film, finger, joints in found
        )

    def parts(self, *, seed: int = 0) -> dict[Part, list[int]]:
        """Phalanges lie in the part of their hand, so that every task on these hands agrees."""
        of_hand = {
            self.hands.entries[i].name: part
            for part, numbers in self.hands.parts(seed=seed).items()
            for i in numbers
        }
        dealt: dict[Part, list[int]] = {"train": [], "validation": [], "test": []}
        for i, entry in enumerate(self.entries):
            dealt[of_hand[entry.patient]].append(i)
        return dealt

    def load(self, i: int) -> Sample:
        """Read a film and crop one phalanx, [size, size]."""
        from bonestudio.imaging.reading import read_radiograph

        entry, (film, finger) = self.entries[i], self._crops[i]
        crop, _ = crop_phalange(
            read_radiograph(self.hands.files[film]),
            self.joints[entry.patient],
            finger=finger,
            phalanx=self.phalanx,
            size=self.size,
        )
        return Sample(
            image=crop.pixels,
            source=self.source,
            name=entry.name,
            patient=entry.patient,
            age=entry.age,
            sex=entry.sex,
            labels=entry.labels,
            spacing=crop.spacing,
        )


def _all_joints(hands: RsnaBoneAge, progress: Callable[[int, int], None] | None) -> Found:
    """Joints of every film, from the cache where they are there."""
    path = cache() / "joints" / f"{_key(hands)}.csv"
    found = _read(path)
    missing = [i for i, entry in enumerate(hands.entries) if entry.name not in found]
    for done, i in enumerate(missing, start=1):
        found[hands.entries[i].name] = _find(hands.files[i])
        if progress is not None:
            progress(done, len(missing))
        if done % 200 == 0 or done == len(missing):
            _write(path, found)
    return found


def _find(file: Path) -> HandJoints | None:
    from bonestudio.cohorts.hand_finder import find_joints
    from bonestudio.imaging.reading import read_radiograph

    try:
        return find_joints(read_radiograph(file))
    except ImageError:
        return None


def _key(hands: RsnaBoneAge) -> str:
    """Name this folder and these weights; other weights find other joints."""
    from bonestudio.checkpoints import find_card
    from bonestudio.cohorts.hand_finder import CHECKPOINT

    card, _ = find_card(CHECKPOINT)
    parts = [str(hands.folder.resolve()), *sorted(card.files.values())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _read(path: Path) -> Found:
    """Read the cache's rows; a damaged cache is made again."""
    found: Found = {}
    try:
        with path.open(encoding="ascii", newline="") as file:
            rows = csv.reader(file)
            if tuple(next(rows)) != _HEADER:
                return {}
            for film, mirrored, *cells in rows:
                numbers = np.array(cells, np.float64).reshape(-1, 3)
                found[film] = (
                    None
                    if mirrored == "none"
                    else HandJoints(
                        points={
                            n: (r, c) for n, (r, c, _) in zip(JOINTS, numbers.tolist(), strict=True)
                        },
                        scores={
                            n: s for n, (_, _, s) in zip(JOINTS, numbers.tolist(), strict=True)
                        },
                        mirrored=mirrored == "yes",
                    )
                )
    except (OSError, ValueError, StopIteration):
        return {}
    return found


def _write(path: Path, found: Found) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_HEADER)
    for film, joints in found.items():
        if joints is None:
            rows.writerow([film, "none"])
            continue
        cells = [(*joints.points[name], joints.scores[name]) for name in JOINTS]
        values = [f"{value:.4f}" for cell in cells for value in cell]
        rows.writerow([film, "yes" if joints.mirrored else "no", *values])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="ascii"
        ) as file:
            file.write(text.getvalue())
        os.replace(file.name, path)  # noqa: PTH105 – names, not paths
    except OSError:
        return  # a cache that cannot be written only costs time

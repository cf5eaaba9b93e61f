"""MURA: musculoskeletal radiographs, normal or abnormal by study (Rajpurkar et al., MIDL 2018)."""

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from bonestudio.cohorts import splits
from bonestudio.cohorts.cohort import Cohort, Part, existing_folder
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import ImageError, RequestError

if TYPE_CHECKING:
    from collections.abc import Hashable

REGIONS = (
    "XR_ELBOW",
    "XR_FINGER",
    "XR_FOREARM",
    "XR_HAND",
    "XR_HUMERUS",
    "XR_SHOULDER",
    "XR_WRIST",
)
_STUDY = re.compile(r"study\d+_(positive|negative)$")


class Mura(Cohort):
    """``{train,valid}/XR_HAND/patient00001/study1_positive/image1.png`` below a folder.

    ``labels['abnormal']`` is 1 for a positive study. The official validation set is the test part;
    90 % of the training images of each class train and 10 % validate (paper 001: 3653 + 1336,
    406 + 148, 271 + 189 hands), by patient.
    """

    source = "mura"

    def __init__(self, folder: str | Path, *, region: str = "XR_HAND") -> None:
        if region not in REGIONS:
            raise RequestError(f"MURA has the regions {', '.join(REGIONS)}, not '{region}'.")
        given = existing_folder(folder, "MURA-v1.1")
        self.folder = given / "MURA-v1.1" if (given / "MURA-v1.1").is_dir() else given
        found = []
        for official in ("train", "valid"):
            for path in sorted((self.folder / official / region).glob("patient*/study*/*.png")):
                study = _STUDY.match(path.parent.name)
                if study is None or path.name.startswith("."):
                    continue  # MURA's zip holds macOS shadows of some images ('._image1.png')
                found.append((path, official, study[1] == "positive"))
        if not found:
            raise ImageError(
                f"The folder '{given.name}' has no MURA images of {region}: they are called "
                f"train/{region}/patient00001/study1_positive/image1.png."
            )
        self.files = tuple(path for path, _, _ in found)
        self._official = tuple(official for _, official, _ in found)
        self.entries = tuple(
            Entry(
                name=path.relative_to(self.folder).with_suffix("").as_posix(),
                patient=path.parent.parent.name,
                labels={"abnormal": float(abnormal)},
            )
            for path, _, abnormal in found
        )

    def load(self, i: int) -> Sample:
        """Read a film, [height, width]."""
        from bonestudio.imaging.reading import read_radiograph

        return self.sample(i, read_radiograph(self.files[i]))

    def parts(self, *, seed: int = 0) -> dict[Part, list[int]]:
        """90 % and 10 % of the official training set by patient, and the official validation set."""
        train = [i for i, official in enumerate(self._official) if official == "train"]
        classes = [self.entries[i].labels["abnormal"] for i in train]
        held_out: dict[Hashable, int] = {
            kind: n - int(0.9 * n + 0.5) for kind, n in Counter(classes).items()
        }
        validation, rest = splits.take(
            [self.entries[i].patient for i in train], [held_out], classes=classes, seed=seed
        )
        return {
            "train": [train[i] for i in rest],
            "validation": [train[i] for i in validation],
            "test": [i for i, official in enumerate(self._official) if official == "valid"],
        }

    @property
    def studies(self) -> dict[str, list[int]]:
        """Study → its images: a study's probability is the mean over its views (paper 001)."""
        views: dict[str, list[int]] = defaultdict(list)
        for i, entry in enumerate(self.entries):
            views[entry.name.rpartition("/")[0]].append(i)
        return dict(views)

"""Hands of the RSNA Bone Age challenge 2017 (Halabi et al., Radiology 2019;290:498-503)."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bonestudio.cohorts.cohort import Cohort, existing_folder
from bonestudio.cohorts.hand import Phalanx
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.cohorts.tables import number, pick_columns, table_lines
from bonestudio.errors import ImageError
from bonestudio.imaging.types import Sex

if TYPE_CHECKING:
    from bonestudio.cohorts.rsna_phalanges import RsnaPhalanges

# The challenge's three tables name the same columns differently.
_COLUMNS = {
    "id": ("id", "image id", "case id"),
    "boneage": ("boneage", "bone age (months)", "ground truth bone age (months)"),
    "male": ("male", "sex"),
}
_ENDINGS = {".png", ".jpg", ".jpeg"}
_MALE: dict[str, Sex] = {"true": "M", "1": "M", "m": "M", "false": "F", "0": "F", "f": "F"}


class RsnaBoneAge(Cohort):
    """A folder with a table (id, boneage in months, male) and images named by id, at any depth.

    The challenge's own downloads fit as they are, each alone or all in one folder. Rows without an
    image and images without a row are left out.

    Samples are whole films: age is the bone age in years, the patient is the id.
    """

    source = "rsna"

    def __init__(self, folder: str | Path) -> None:
        self.folder = existing_folder(folder, "the RSNA Bone Age challenge")
        images = _images(self.folder)
        rows = _rows(self.folder)
        self.entries = tuple(entry for entry in rows if entry.name in images)
        self.files = tuple(images[entry.name] for entry in self.entries)
        if not self.entries:
            raise ImageError(
                f"The folder '{self.folder.name}' has no image named by an id of its table; "
                "images are called <id>.png or <id>.jpg."
            )

    def load(self, i: int) -> Sample:
        """Read a whole film, [height, width]."""
        from bonestudio.imaging.reading import read_radiograph

        return self.sample(i, read_radiograph(self.files[i]))

    def phalanges(
        self,
        *,
        fingers: Sequence[int] = (2,),
        phalanx: Phalanx = "middle",
        size: int = 128,
        min_side: float = 0.0,
        min_contrast: float = 0.0,
        progress: Callable[[int, int], None] | None = None,
    ) -> "RsnaPhalanges":
        """Phalanges of all hands, cropped upright, with age and sex.

        Joints are found once (about a tenth of a second a film) and kept as numbers in the user's
        cache folder; ``progress`` hears (films done, films to be done).
        """
        from bonestudio.cohorts.rsna_phalanges import RsnaPhalanges

        return RsnaPhalanges(
            self,
            fingers=fingers,
            phalanx=phalanx,
            size=size,
            min_side=min_side,
            min_contrast=min_contrast,
            progress=progress,
        )


def _images(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            stem, ending = os.path.splitext(name)  # noqa: PTH122 – a string of os.walk
            if ending.lower() in _ENDINGS and not stem.startswith("."):
                found.setdefault(stem, Path(place, name))
    return found


def _rows(folder: Path) -> list[Entry]:
    entries: dict[str, Entry] = {}
    tables = sorted(folder.rglob("*.csv"))
    for path in tables:
        header, lines = table_lines(path)
        column = pick_columns(header, _COLUMNS)
        if column is None:
            continue  # another table of the folder's owner
        for row, cells in lines:
            name = cells[column["id"]].removesuffix(".0")
            months = number(cells[column["boneage"]], path=path, row=row, column="boneage")
            if not 0 <= months <= 240:
                raise ImageError(
                    f"Row {row} of '{path.name}' has a bone age of {months:g}; bone ages are "
                    "0 to 240 months."
                )
            male = cells[column["male"]]
            sex = _MALE.get(male.lower())
            if sex is None:
                raise ImageError(
                    f"Row {row} of '{path.name}' says male is '{male}'; it is True or False."
                )
            entries.setdefault(name, Entry(name=name, patient=name, age=months / 12, sex=sex))
    if not entries:
        raise ImageError(
            f"The folder '{folder.name}' has no CSV with the columns id, boneage and male; "
            "copy the challenge's table beside the images."
        )
    return sorted(entries.values(), key=lambda entry: (len(entry.name), entry.name))

"""Any folder of radiographs."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bonestudio.cohorts.cohort import Cohort, existing_folder
from bonestudio.cohorts.people import read_people
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import ImageError

_ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom", ".npy"}
_MASKS = "masks"


class ImageFolder(Cohort):
    """Radiographs at any depth of a folder.

    - ``labels.csv`` beside them, when it is there, says which files belong (see
      :func:`bonestudio.cohorts.people.read_people`); without it every image does.
    - Without a table, the first folder below names the class: ``labels['class']`` is its number
      in :attr:`classes`.
    - ``masks/<same path>.png``, when it is there, is the image's mask: 0 is background and each
      other value one bone, named by :attr:`mask_names` or 'bone 1', 'bone 2' …
    """

    source = "folder"

    def __init__(self, folder: str | Path, *, mask_names: dict[int, str] | None = None) -> None:
        self.folder = existing_folder(folder, "your radiographs")
        self.mask_names = mask_names or {}
        self.classes: tuple[str, ...] = ()
        self.patients_known = False
        """Whether a table says which films are one patient's; if not, each film counts as a patient's own."""
        table = self.folder / "labels.csv"
        if table.is_file():
            rows = read_people(table).rows
            self.patients_known = any(entry.patient != file for file, entry in rows.items())
            self.files = tuple(self.folder / file for file in rows)
            self.entries = tuple(rows.values())
            for path in self.files:
                if not path.is_file():
                    raise ImageError(f"The file '{path.name}' of labels.csv is not in the folder.")
            return
        self.files = tuple(_images(self.folder))
        if not self.files:
            raise ImageError(
                f"The folder '{self.folder.name}' has no images (PNG, JPEG, TIFF, DICOM or NPY)."
            )
        inside = [path.relative_to(self.folder) for path in self.files]
        self.classes = tuple(sorted({path.parts[0] for path in inside if len(path.parts) > 1}))
        self.entries = tuple(
            Entry(
                name=path.with_suffix("").as_posix(),
                patient=path.with_suffix("").as_posix(),
                labels={"class": float(self.classes.index(path.parts[0]))}
                if len(path.parts) > 1
                else {},
            )
            for path in inside
        )

    def load(self, i: int) -> Sample:
        """Read a film, [height, width]; age and sex come from the table, else from the file."""
        from bonestudio.imaging.reading import read_radiograph

        entry, film = self.entries[i], read_radiograph(self.files[i])
        age = film.age if entry.age is None else entry.age
        masks = self._masks(self.files[i], film.shape)
        return self.sample(i, film, age=age, sex=entry.sex or film.sex, masks=masks)

    def _masks(self, file: Path, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
        inside = file.relative_to(self.folder).with_suffix(".png")
        path = self.folder / _MASKS / inside
        if not path.is_file() and inside.parts[0] == "images":
            path = self.folder / _MASKS / Path(*inside.parts[1:])
        if not path.is_file():
            return {}
        numbers = read_labels(path)
        if numbers.shape != shape:
            raise ImageError(
                f"The mask '{path.name}' is {numbers.shape[1]} × {numbers.shape[0]} pixels, its "
                f"image {shape[1]} × {shape[0]}; they must be the same."
            )
        values = [int(value) for value in np.unique(numbers) if value]
        return {self.mask_names.get(v, f"bone {v}"): numbers == v for v in values}


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Read a PNG as label numbers [height, width], as they are stored."""
    from PIL import Image, UnidentifiedImageError

    try:
        # Nothing but PNG: Pillow opens EPS too, and hands it to Ghostscript.
        with Image.open(path, formats=("PNG",)) as image:
            return np.asarray(image if image.mode in {"L", "P"} else image.convert("L"), np.uint8)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ImageError(f"The mask '{path.name}' is not a PNG of label numbers.") from error


def _images(folder: Path) -> list[Path]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f != _MASKS and not f.startswith("."))
        found += [
            Path(place, name)
            for name in sorted(names)
            if Path(name).suffix.lower() in _ENDINGS and not name.startswith(".")
        ]
    return found

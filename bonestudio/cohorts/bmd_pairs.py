"""Hip radiographs paired with maps of bone mineral density (paper 004)."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bonestudio.cohorts.cohort import Cohort, existing_folder
from bonestudio.cohorts.people import read_people
from bonestudio.cohorts.sample import Sample
from bonestudio.errors import ImageError

TARGET, WHOLE = "proximal_femur_bmd_g_cm2", "bone_bmd_g_cm2"  # as the hip phantoms name them


class XrayBmdPairs(Cohort):
    """``pairs.csv`` beside the folders ``xray``, ``bmd`` and, for pretraining, ``bmd_whole``.

    ``pairs.csv`` has the columns file (below ``xray``), patient, and any of age, sex, height_cm,
    weight_kg, pose, side. A map is a float array in g/cm², ``bmd/<same name>.npy``, of its
    radiograph's size: of the proximal femur in ``bmd``, of the whole bone in ``bmd_whole``.

    Attributes
    ----------
    poses
        Names of the poses; ``labels['pose']`` is the number of one.
    """

    source = "pairs"

    def __init__(
        self, folder: str | Path, *, maps: Literal["target", "whole", "both"] = "target"
    ) -> None:
        self.folder = existing_folder(folder, "radiographs and BMD maps")
        self._wanted = [
            (name, place)
            for name, place, when in ((TARGET, "bmd", "target"), (WHOLE, "bmd_whole", "whole"))
            if maps in {when, "both"}
        ]
        table = self.folder / "pairs.csv"
        if not table.is_file():
            raise ImageError(
                f"The folder '{self.folder.name}' has no 'pairs.csv'; it names each radiograph "
                "(file) and its patient."
            )
        people = read_people(table)
        self.files = tuple(people.rows)
        for file in self.files:
            for place in ("xray", *(place for _, place in self._wanted)):
                path = self._path(place, file)
                if not path.is_file():
                    raise ImageError(
                        f"'{place}/{path.name}' is not there, though pairs.csv names '{file}'."
                    )
        self.words = tuple(people.words[file] for file in self.files)
        self.poses = tuple(sorted({words["pose"] for words in self.words if "pose" in words}))
        self.entries = tuple(people.rows.values())

    def load(self, i: int) -> Sample:
        """Read a radiograph and its maps, [height, width]."""
        from bonestudio.imaging.reading import read_radiograph

        entry, film = self.entries[i], read_radiograph(self._path("xray", self.files[i]))
        labels = dict(entry.labels)
        if "pose" in self.words[i]:
            labels["pose"] = float(self.poses.index(self.words[i]["pose"]))
        maps = {name: self._map(place, i, film.shape) for name, place in self._wanted}
        return self.sample(i, film, labels=labels, maps=maps)

    def _path(self, place: str, file: str) -> Path:
        path = self.folder / place / file
        return path if place == "xray" else path.with_suffix(".npy")

    def _map(self, place: str, i: int, shape: tuple[int, int]) -> NDArray[np.float32]:
        path = self._path(place, self.files[i])
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ImageError(f"The map '{place}/{path.name}' is not a NumPy array.") from error
        if values.shape != shape or values.dtype.kind != "f":
            raise ImageError(
                f"The map '{place}/{path.name}' must hold floats in g/cm² of its radiograph's "
                f"size, {shape[1]} × {shape[0]}."
            )
        if not np.isfinite(values).all() or values.min() < 0:
            raise ImageError(f"The map '{place}/{path.name}' has values that are no density.")
        return np.asarray(values, np.float32)

"""HR-pQCT scans of the distal radius (paper 003)."""

from pathlib import Path
from typing import TYPE_CHECKING

from bonestudio.cohorts import splits
from bonestudio.cohorts.cohort import Cohort, Part, existing_folder
from bonestudio.cohorts.people import read_people
from bonestudio.cohorts.sample import Entry, Sample
from bonestudio.errors import ImageError

if TYPE_CHECKING:
    from bonestudio.cohorts.hrpqct_stacks import HrPqctStacks

_ENDINGS = (".aim", ".isq", ".nii", ".nii.gz", ".nrrd", ".mha", ".mhd", ".npy")
WORST_GRADE = 3  # scans of visual grade 4 and 5 move too much and are left out (paper 003)


class HrPqct(Cohort):
    """Scans in a folder: AIM, ISQ, NIfTI, NRRD, MHA or NPY.

    ``scans.csv`` beside them, when it is there, has the column file and any of patient, age, sex,
    grade (visual grade of motion, 1-5): grades above ``worst`` are left out. Without it every scan is
    a patient of its own. Ten percent of the scans are held out, as 'validation' (the paper watches
    its critic on them); there is no test part.

    Samples are whole scans as they are stored, in the scan's own unit; :meth:`stacks` gives what
    the networks see.
    """

    source = "hrpqct"

    def __init__(self, folder: str | Path, *, worst: int = WORST_GRADE) -> None:
        self.folder = existing_folder(folder, "your HR-pQCT scans")
        table = self.folder / "scans.csv"
        if table.is_file():
            rows = read_people(table).rows
        else:
            rows = {
                path.name: Entry(name=_stem(path.name), patient=_stem(path.name))
                for path in sorted(self.folder.iterdir())
                if path.name.lower().endswith(_ENDINGS) and not path.name.startswith(".")
            }
        kept = {f: e for f, e in rows.items() if e.labels.get("grade", 1) <= worst}
        if not kept:
            raise ImageError(
                f"The folder '{self.folder.name}' has no scan of grade 1-{worst} "
                "(AIM, ISQ, NIfTI, NRRD, MHA or NPY)."
            )
        self.files = tuple(self.folder / file for file in kept)
        self.entries = tuple(kept.values())
        for path in self.files:
            if not path.is_file():
                raise ImageError(f"The scan '{path.name}' of scans.csv is not in the folder.")

    def load(self, i: int) -> Sample:
        """Read a scan, [slices, rows, columns]."""
        from bonestudio.imaging.reading import read_volume

        entry, scan = self.entries[i], read_volume(self.files[i])
        age = scan.age if entry.age is None else entry.age
        return self.sample(i, scan, age=age, sex=entry.sex or scan.sex)

    def stacks(self) -> "HrPqctStacks":
        """Four overlapping stacks [32, 288, 224] of each scan, padded and halved as in the paper."""
        from bonestudio.cohorts.hrpqct_stacks import HrPqctStacks

        return HrPqctStacks(self)

    def parts(self, *, seed: int = 0) -> dict[Part, list[int]]:
        """Hold out 10 % by patient, at least one scan where there are two."""
        n = len(self.entries)
        held_out = max(int(0.1 * n + 0.5), 1) if n > 1 else 0
        validation, train = splits.take(self.patients, [held_out], seed=seed)
        return {"train": train, "validation": validation, "test": []}


def _stem(name: str) -> str:
    for ending in sorted(_ENDINGS, key=len, reverse=True):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name

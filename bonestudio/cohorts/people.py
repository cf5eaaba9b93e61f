"""A table of who is on which file: file, patient, age, sex, and any other column as a label."""

from dataclasses import dataclass
from pathlib import Path

from bonestudio.cohorts.sample import Entry
from bonestudio.cohorts.tables import number, table_lines
from bonestudio.errors import ImageError
from bonestudio.imaging.types import Sex

_SEXES: dict[str, Sex | None] = {"f": "F", "female": "F", "m": "M", "male": "M", "": None}
_KNOWN = {"file", "patient", "age", "sex"}


@dataclass(frozen=True)
class People:
    """Rows of a table by file name."""

    rows: dict[str, Entry]
    words: dict[str, dict[str, str]]
    """File → column → text, for the columns that hold words ('pose', 'side')."""


def read_people(path: Path) -> People:
    """Read a CSV with the column 'file' and any of patient, age (years), sex (F, M), labels.

    A missing patient is the file's own name: then every file is a patient of its own. Empty cells
    are unknown. Columns whose cells are all numbers are labels, the others are words.
    """
    header, lines = table_lines(path)
    if "file" not in header:
        raise ImageError(f"The table '{path.name}' has no column 'file'; it names each image.")
    others = [column for column in header if column not in _KNOWN and column]
    wordy = {c for c in others for _, cells in lines if not _is_number(cells[c])}
    rows: dict[str, Entry] = {}
    words: dict[str, dict[str, str]] = {}
    for row, cells in lines:
        file = cells["file"]
        if not file or file in rows:
            raise ImageError(
                f"Row {row} of '{path.name}' names {'no file' if not file else 'a file twice'}; "
                "each row names one."
            )
        sex = cells.get("sex", "").lower()
        if sex not in _SEXES:
            raise ImageError(f"Row {row} of '{path.name}' has the sex '{sex}'; it is F or M.")
        age = cells.get("age", "")
        rows[file] = Entry(
            name=str(Path(file).with_suffix("")),
            patient=cells.get("patient") or file,
            age=number(age, path=path, row=row, column="age") if age else None,
            sex=_SEXES[sex],
            labels={c: float(cells[c]) for c in others if c not in wordy and cells[c]},
        )
        words[file] = {c: cells[c] for c in others if c in wordy}
    if not rows:
        raise ImageError(f"The table '{path.name}' has no rows; each row names one image.")
    return People(rows, words)


def _is_number(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True

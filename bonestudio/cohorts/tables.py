"""CSV tables of cohorts: columns by name, and one sentence for what is wrong in them."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from bonestudio.errors import ImageError

Lines = list[tuple[int, dict[str, str]]]


def table_lines(path: Path) -> tuple[list[str], Lines]:
    """Header (lower case) and rows of a CSV: (number of the row in the file, column → cell).

    Cells lose outer blanks; empty lines are skipped.
    """
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise ImageError(f"The table '{path.name}' cannot be read: {error.strerror}.") from error
    try:
        text = blob.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = blob.decode("latin-1")
    rows = csv.reader(text.splitlines())
    header = [cell.strip().lower() for cell in next(rows, [])]
    lines: Lines = []
    for row, cells in enumerate(rows, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < len(header):
            raise ImageError(
                f"Row {row} of '{path.name}' has {len(cells)} cells; it needs {len(header)}."
            )
        lines.append((row, dict(zip(header, (cell.strip() for cell in cells), strict=False))))
    return header, lines


def pick_columns(
    header: list[str], columns: Mapping[str, tuple[str, ...]]
) -> dict[str, str] | None:
    """Return wanted column → its name in this table, or None where one is missing."""
    found = {
        column: next((name for name in names if name in header), None)
        for column, names in columns.items()
    }
    picked = {column: name for column, name in found.items() if name is not None}
    return picked if len(picked) == len(columns) else None


def number(cell: str, *, path: Path, row: int, column: str) -> float:
    """Read a cell as a finite number, or say what is in it."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ImageError(f"Row {row} of '{path.name}' has no number under {column} but '{cell}'.")
    return value

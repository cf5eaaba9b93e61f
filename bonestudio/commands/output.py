"""How commands answer: a table for a person, or JSON for a program."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonestudio.training.tables.table import Table


def print_json(answer: Any) -> None:
    """Print one JSON document, with numbers that are not numbers as null."""
    json.dump(_plain(answer), sys.stdout, indent=2, ensure_ascii=False)
    print()


def print_fields(fields: dict[str, Any]) -> None:
    """Print names and values in two columns; what is None is left out."""
    shown = {name: value for name, value in fields.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        print(f"{name:<{width}}  {value}")


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table with columns as wide as they need."""
    cells = [list(titles), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    for row in cells:
        print("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip())


def write_tables(*tables: "Table", out: Path, json: bool, more: Sequence[Path] = ()) -> None:
    """Write tables and print them; ``more`` are files that were written already."""
    from bonestudio.training.tables.table import write_table

    files = [[str(file) for file in write_table(table, out)] for table in tables]
    files[-1] += [str(file) for file in more]
    if json:
        told = [table.told() | {"files": own} for table, own in zip(tables, files, strict=True)]
        print_json(told[0] if len(told) == 1 else told)
        return
    for table, own in zip(tables, files, strict=True):
        print(table.title)
        print_table(table.columns, [[table.shown(cell) for cell in row] for row in table.rows])
        for note in table.notes:
            print(f"· {note}")
        print("Written: " + ", ".join(own))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a number of numpy or torch
        value = value.item()
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - NaN differs from itself
        return None
    return value

"""How commands answer: a table for a person, or JSON for a program."""

import json
import math
import sys
from collections.abc import Sequence
from typing import Any


def print_json(answer: Any) -> None:
    """Print one JSON document, with what JSON has no number for (NaN, ∞) as null."""
    json.dump(_plain(answer), sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
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


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a number of numpy or torch
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

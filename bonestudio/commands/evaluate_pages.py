"""What every evaluation asks alike: where its pages go, and what is changed in recipes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from bonestudio.commands.output import print_json, print_table

if TYPE_CHECKING:
    from bonestudio.training.tables.table import Table

Overrides = Annotated[
    tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="KEY=VALUE")
]


@dataclass(frozen=True, kw_only=True)
class PageFolder:
    """Where the pages of an evaluation go.

    Attributes
    ----------
    out
        Folder for Markdown, CSV and plots, and for what is trained on the way.
    json
        Answer in JSON.
    """

    out: Path = Path("evaluations")
    json: bool = False

    def write(self, *tables: "Table", more: Sequence[Path] = ()) -> None:
        """Write tables and print them; ``more`` are files that were written already."""
        from bonestudio.training.tables.table import write_table

        files = [[str(file) for file in write_table(table, self.out)] for table in tables]
        files[-1] += [str(file) for file in more]
        if self.json:
            told = [table.told() | {"files": own} for table, own in zip(tables, files, strict=True)]
            print_json(told[0] if len(told) == 1 else told)
            return
        for table, own in zip(tables, files, strict=True):
            print(table.title)
            print_table(table.columns, [[table.shown(cell) for cell in row] for row in table.rows])
            for note in table.notes:
                print(f"· {note}")
            print("Written: " + ", ".join(own))


Pages = Annotated[PageFolder, tyro.conf.arg(name="")]
"""As a parameter of a command: its options are the command's own."""

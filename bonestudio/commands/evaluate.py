"""``bonestudio evaluate``: fill a table of a paper for given data and weights."""

import json as json_text
from pathlib import Path

from bonestudio.commands.output import print_table


def _write(table: object, out: Path, *, json: bool) -> None:
    from bonestudio.training.tables.table import Table, write_table

    assert isinstance(table, Table)  # noqa: S101 – a promise of the registry
    files = write_table(table, out)
    if json:
        told = table.told() | {"files": [str(file) for file in files]}
        print(json_text.dumps(told, indent=2, ensure_ascii=False))
        return
    print(table.title)
    print_table(table.columns, [[table.shown(cell) for cell in row] for row in table.rows])
    for note in table.notes:
        print(f"· {note}")
    print("Written: " + ", ".join(str(file) for file in files))


def hands(
    *,
    real: str = "phantom",
    synthetic: str | None = None,
    extractor: str | None = None,
    count: int = 200,
    seed: int = 0,
    out: Path = Path("evaluations"),
    json: bool = False,
) -> None:
    """How real synthetic hands are (paper 001): FID, KID, precision, recall, density, coverage.

    Parameters
    ----------
    real
        Folder of real films, or 'phantom'.
    synthetic
        Folder of synthetic images, a generator's checkpoint ('fracture/dcgan-hands-quick'),
        'phantom', or 'phantom-clean' (virtual films without grain, the default).
    extractor
        'bone2d-rsna', 'bone2d-phantom' or 'inception-v3'; by default the one for the real films.
    count
        Images of each side, at most.
    seed
        Which images are drawn, and the seed of generators and phantoms.
    out
        Folder for the Markdown, the CSV and the plot.
    json
        Answer in JSON.
    """
    from bonestudio.training.tables.hands import hands_table

    table = hands_table(real=real, synthetic=synthetic, extractor=extractor, count=count, seed=seed)
    _write(table, out, json=json)


def extractors(
    *,
    data: str = "phantom",
    count: int = 40,
    seed: int = 1_000_000,
    out: Path = Path("evaluations"),
    json: bool = False,
) -> None:
    """How well the shipped extractors read bones that they have not seen.

    Parameters
    ----------
    data
        'phantom', or a folder of hands with ages; of a folder the test part of the split is read.
    count
        Virtual patients of each kind.
    seed
        Seed of the first virtual patient; extractors were trained on those below 100 000.
    out
        Folder for the Markdown, the CSV and the plot.
    json
        Answer in JSON.
    """
    from bonestudio.training.tables.extractors import extractors_table

    _write(extractors_table(data=data, count=count, seed=seed), out, json=json)


COMMAND = {"hands": hands, "extractors": extractors}

"""The evaluations of paper 003: table 1, and what inversion and editing do."""

from pathlib import Path

from bonestudio.commands.evaluate_pages import Pages


def volumes(
    *,
    models: tuple[str, ...] = (),
    data: str = "phantom",
    count: int = 200,
    seed: int = 20_000_000,
    reading: Path | None = None,
    pages: Pages,
) -> None:
    """How real drawn HR-pQCT stacks are (paper 003, table 1): FID, precision, recall, realism.

    Parameters
    ----------
    models
        Generators; every one that is here by default.
    data
        'phantom', or a folder of HR-pQCT scans.
    count
        Stacks of each side.
    seed
        Of the first volume drawn.
    reading
        New folder for 64 drawn volumes and their realism scores, to be graded by experts (section 4.5):
        'bonestudio study create --kind grading --images FOLDER --scores FOLDER/scores.csv'. The study's
        report draws figure 8.
    """
    from bonestudio.training.tables.volume_reading import write_reading
    from bonestudio.training.tables.volumes import volumes_table

    more: list[Path] = []
    if reading is not None:
        more = write_reading(reading, models=models, data=data, references=count, seed=seed)[-1:]
    table = volumes_table(models=models, data=data, count=count, seed=seed)
    pages.write(table, more=more)


def volume_editing(
    *,
    model: str | None = None,
    data: str = "phantom",
    count: int = 20,
    updates: int = 100,
    morphs: int = 5,
    pages: Pages,
) -> None:
    """How well held-out stacks are inverted, how smoothly they morph, what directions do.

    Parameters
    ----------
    model
        Generator; the best that is here by default.
    data
        'phantom', or a folder of HR-pQCT scans.
    count
        Held-out stacks to invert.
    updates
        After the encoder's guess.
    morphs
        Pairs to morph, and stacks to edit.
    """
    from bonestudio.training.tables.volume_editing import editing_tables

    tables = editing_tables(model, data=data, count=count, updates=updates, morphs=morphs)
    pages.write(*tables)

"""Paper 001: how real are synthetic hands? FID, and what was proposed since.

The paper's own scores are of Inception-v3 (pytorch-fid); they stand in a column of their own.
"""

from pathlib import Path

from bonestudio.errors import RequestError
from bonestudio.metrics.extractors import Extractor, extractor_names, find_extractor
from bonestudio.training.tables.likeness import INTERVALS, halves, likeness, likeness_columns
from bonestudio.training.tables.pictures import (
    CLEAN,
    Pictures,
    Share,
    check_source,
    has_held_out,
    open_pictures,
)
from bonestudio.training.tables.table import Cell, Table

PAPER = (
    ("paper 001: RSNA, DCGAN", 166.755),
    ("paper 001: RSNA, MURA hands", 123.32),
)


def hands_table(
    *, real: str, synthetic: str | None, extractor: str | None, count: int, seed: int
) -> Table:
    """Compare synthetic hands with real ones, beside two halves of the real ones: the floor."""
    if count < 8:
        raise RequestError(f"At least 8 images of each side are compared, not {count}.")
    synthetic = synthetic or CLEAN
    check_source(real)
    check_source(synthetic)
    chosen = find_extractor(extractor or _suited(real))
    if chosen.dims != 2:
        raise RequestError(f"{chosen.name} describes scans; hands need one for films.")
    judged = Path(real).is_dir() and has_held_out(synthetic)
    part: Share = "held out" if judged else "all"
    films = open_pictures(real, kind="hand", count=count, seed=seed, part=part)
    made = open_pictures(synthetic, kind="hand", count=count, seed=seed + 500_000)
    for pictures in (films, made):
        if len(pictures) < 8:
            raise RequestError(f"'{pictures.what}' has {len(pictures)} images; 8 are needed.")
    columns, names = _columns(chosen)
    a, b = chosen.features(films.films), chosen.features(made.films)
    first, second = halves(a, seed)
    rows: list[list[Cell]] = [
        [f"{films.what} | {made.what}", len(a), len(b), *likeness(a, b, seed), None],
        [
            f"{films.what}, two halves",
            len(first),
            len(second),
            *likeness(first, second, seed),
            None,
        ],
    ]
    if judged:
        others = open_pictures(real, kind="hand", count=len(films), seed=seed, part="learned from")
        c = chosen.features(others.films)
        rows.append([f"{films.what} | {others.what}", len(a), len(c), *likeness(a, c, seed), None])
    blank: list[Cell] = [None] * (len(columns) - 2)
    rows += [[what, *blank, value] for what, value in PAPER]
    return Table(
        name="hands",
        title="Synthetic hands against real ones (paper 001)",
        columns=columns,
        rows=rows,
        plotted=names,
        notes=_notes(films, made, chosen, seed),
    )


def _suited(real: str) -> str:
    """Real hands are compared by the extractor that was trained on real hands, where it is here."""
    here = extractor_names()
    wanted = "bone2d-phantom" if real == "phantom" else "bone2d-rsna"
    return wanted if wanted in here or not here else here[0]


def _columns(extractor: Extractor) -> tuple[list[str], list[str]]:
    names = likeness_columns(extractor)
    columns = ["real | synthetic", "N real", "N synthetic", *names]
    return [*columns, "FID Inception-v3, as printed"], names


def _notes(films: Pictures, made: Pictures, extractor: Extractor, seed: int) -> list[str]:
    return [
        f"Real: {films.what} ({len(films)}); synthetic: {made.what} ({len(made)}); seed {seed}.",
        f"Extractor {extractor}: scores of another extractor or other weights are not comparable.",
        INTERVALS,
        "FID grows as images grow fewer: compare rows of equal N; 'two halves' is its floor at half N.",
        "Real hands are those that the generator has not seen, where its card says which these are.",
        "As printed: pytorch-fid on Inception-v3, 128 × 128, N not told (paper 001).",
    ]

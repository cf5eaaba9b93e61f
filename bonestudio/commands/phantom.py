"""``bonestudio phantom``: virtual patients as files, and how far they are from real films."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

KINDS = ("phalange", "femur", "hand", "wrist", "forearm", "radius", "hip")


def write(
    kind: str,
    *,
    count: int,
    out: Path,
    seed: int = 0,
    style: Literal["natural", "synthetic"] = "natural",
    ages: tuple[float, float] = (1.0, 19.0),
    workers: int | None = None,
) -> None:
    """Write phantoms of one kind with their masks, tables and a manifest.

    Parameters
    ----------
    count
        Number of virtual patients.
    out
        Folder to write to; a new or empty one, or one whose writing was interrupted.
    seed
        Seed of the first patient; the next one has the next seed.
    style
        'natural' looks like a film, 'synthetic' is clean.
    ages
        Youngest and oldest, years (growing bones only).
    workers
        Processes; as many as there are cores by default.
    """
    from rich.console import Console
    from rich.progress import track

    from bonestudio.phantoms.layouts import write_phantoms

    progress = write_phantoms(
        kind,  # type: ignore[arg-type]
        count,
        out,
        seed=seed,
        style=style,
        ages=ages,
        workers=workers,
    )
    console = Console(stderr=True)
    for _ in track(progress, description=f"{kind}", total=count, console=console):
        pass
    print(f"{count} patients in {out}")


def audit(
    *,
    against: Path,
    kind: Literal["phalange", "hand"] = "phalange",
    count: int = 200,
    seed: int = 0,
    json: bool = False,
) -> None:
    """Compare phantoms with a folder of real films in numbers; 0 is alike.

    Parameters
    ----------
    against
        Folder of real hands as the RSNA challenge has them (phalanges are found on them), or of
        films of the kind itself.
    kind
        What to compare.
    count
        Images of each.
    seed
        Seed of the first patient.
    json
        Answer in JSON.
    """
    from dataclasses import asdict

    from bonestudio.cohorts import Cohort, ImageFolder, Phantoms, RsnaBoneAge
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.errors import ImageError
    from bonestudio.phantoms.audit import audit as compare

    cohort: Cohort
    try:
        films = RsnaBoneAge(against)
        cohort = films.phalanges() if kind == "phalange" else films
    except ImageError:
        cohort = ImageFolder(against)
    size = 128 if kind == "phalange" else 256
    real = [_square(cohort.load(i).image, size) for i in range(min(count, len(cohort.entries)))]
    made = Phantoms(kind, len(real), seed=seed, ages=(2.0, 18.0))
    found = asdict(compare([_square(made.load(i).image, size) for i in range(len(real))], real))
    print_json(found) if json else print_fields(found)


def _square(pixels: Any, size: int) -> Any:
    """Pad to a square with black and resize."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.asarray(pixels, np.float32))
    side = max(image.size)
    square = Image.new("F", (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return np.asarray(square.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0))


COMMAND: dict[str, Callable[..., None]] = {
    **{kind: partial(write, kind) for kind in KINDS},
    "audit": audit,
}

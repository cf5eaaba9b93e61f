"""``bonestudio synthesise``: hands from noise, fractures by design, labelled sets, and sets again."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from bonestudio.commands.synthesise_memory import remember


def hands(
    *,
    out: Path,
    count: int = 16,
    seed: int = 0,
    truncation: float | None = None,
    model: str | None = None,
    films: Path | None = None,
    check: bool = False,
    json: bool = False,
) -> None:
    """Draw hands with a DCGAN, one for each seed, as PNG.

    Parameters
    ----------
    out
        Folder to write to.
    count
        Number of hands, 1 to 64.
    seed
        Seed of the first hand; the next one has the next seed.
    truncation
        Keep codes within this many standard deviations (0.2 to 3).
    model
        Weights, such as 'dcgan-hands-quick'; the best that are here by default.
    films
        Folder of the training films; with --check the nearest one is written beside each hand.
    check
        Look for each hand among the training films (about half a second a hand).
    json
        Answer in JSON.
    """
    import os

    from bonestudio.commands.output import print_json, print_table
    from bonestudio.imaging import write_radiograph
    from bonestudio.instruments.fracture.studio import FractureStudio

    if films is not None:
        os.environ["BONESTUDIO_FILMS"] = str(films)
    studio = FractureStudio()
    _make(out)
    told = []
    for hand in studio.sample(seed=seed, count=count, truncation=truncation, model=model):
        row: dict[str, Any] = {"seed": hand.seed, "file": f"hand{hand.seed:07d}.png"}
        write_radiograph(hand.film, out / row["file"])
        if check or films is not None:
            near = studio.nearest(hand.film, model=model)
            row |= {"nearest": near.name, "real hands nearer": round(near.nearer, 3)}
            if near.film is not None:
                row["film"] = f"hand{hand.seed:07d}-nearest.png"
                write_radiograph(near.film, out / row["film"])
        told.append(row)
    print_json(told) if json else print_table(list(told[0]), [list(row.values()) for row in told])


def fracture(
    *,
    out: Path,
    site: Literal["forearm", "wrist"] = "forearm",
    bone: Literal["radius", "ulna", "both"] = "radius",
    side: Literal["L", "R"] = "L",
    view: Literal["PA", "lateral", "oblique"] = "PA",
    level: float | None = None,
    obliquity: float = 25.0,
    gap: float = 2.0,
    displacement: float = 4.0,
    angulation: float = 10.0,
    comminution: float = 0.0,
    direction: float = 0.0,
    hardware: Literal["none", "plate", "wires"] = "none",
    patient: int = 5,
    sex: Literal["F", "M"] = "F",
    age: float = 35.0,
    style: Literal["natural", "synthetic"] = "natural",
    healthy: bool = False,
    size: int = 512,
    refined: bool = False,
    json: bool = False,
) -> None:
    """Take a film of a fracture by design; mask and design (JSON: what makes both again) lie beside it.

    Parameters
    ----------
    out
        The film: .png, .dcm, .tif, .jpg or .npy.
    site
        What the film shows.
    level
        Where along the bone: 0 at the elbow, 1 at the wrist.
    obliquity, angulation, direction
        Degrees; direction 0 is to the thumb's side, 90 to the back of the hand.
    gap, displacement
        Millimetres.
    comminution
        0 simple, up to 0.5 a wedge, above shattered.
    patient
        Seed of the virtual patient.
    age
        18 to 95 years.
    healthy
        Leave the bone whole.
    refined
        Write the refined film too (needs weights).
    json
        Answer in JSON.
    """
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.instruments.fracture.design import design_of
    from bonestudio.instruments.fracture.studio import FractureStudio

    design = design_of(
        site,
        level,
        broken=not healthy,
        bone=bone,
        side=side,
        view=view,
        obliquity=obliquity,
        gap=gap,
        displacement=displacement,
        angulation=angulation,
        comminution=comminution,
        direction=direction,
        hardware=hardware,
        patient=patient,
        sex=sex,
        age=age,
        style=style,
        size=size,
    )
    made = FractureStudio().design(design, refine=refined)
    _make(out.parent)
    files = {name: str(path) for name, path in made.write(out).items()}
    told = {"ao": made.design.ao_code, **files, "break_pixels": int(made.mask.sum())}
    print_json({**told, "design": design.as_dict()}) if json else print_fields(told)


def export(
    *,
    out: Path,
    source: Literal["forearm", "wrist", "hand"] = "forearm",
    count: int = 100,
    seed: int = 0,
    size: int = 256,
    refined: bool = False,
    model: str | None = None,
    truncation: float | None = None,
    workers: int | None = None,
) -> None:
    """Pack a labelled set into a ZIP: MURA's layout, masks, and a manifest that makes it again.

    Parameters
    ----------
    out
        The ZIP.
    source
        Arms come broken and whole, in two views a patient; hands are drawn by a DCGAN and whole.
    count
        Images of each class.
    seed
        Where patients are counted from.
    size
        Rows and columns of arms.
    refined
        Arms pass the CycleGAN of their class (needs weights).
    model, truncation
        Weights for hands, and how far their codes may stray.
    workers
        Processes; as many as there are cores by default.
    """
    import os

    from rich.console import Console
    from rich.progress import Progress

    from bonestudio.instruments.fracture.studio import FractureStudio
    from bonestudio.instruments.fracture.wanted import Wanted

    wanted = Wanted(
        source=source, count=count, seed=seed, size=size,
        refined=refined, model=model, truncation=truncation,
    )  # fmt: skip
    few = wanted.total <= 12
    steps = FractureStudio().export(
        wanted, out, workers=1 if few else workers or os.cpu_count() or 1
    )
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{source}s", total=wanted.total)
        for step in steps:
            bar.update(task, completed=step.done)
    print(f"{wanted.total} images in {out}")


def again(
    manifest: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SET.zip")],
    file: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    /,
    *,
    out: Path,
) -> None:
    """Make an image of a set once more from its manifest, bit for bit.

    Parameters
    ----------
    manifest
        The ZIP, or its manifest.jsonl.
    file
        The image's path in the set.
    out
        Where to write it; its mask lies beside it.
    """
    from bonestudio.errors import RequestError
    from bonestudio.imaging.files import write_bytes
    from bonestudio.instruments.fracture.export import read_manifest
    from bonestudio.instruments.fracture.studio import FractureStudio

    rows = {row.get("file"): row for row in read_manifest(manifest)}
    if file not in rows:
        raise RequestError(f"The manifest of {manifest.name} has no image '{file}'.")
    image, mask, same = FractureStudio().again(rows[file])
    _make(out.parent)
    write_bytes(out, image)
    if mask is not None:
        write_bytes(out.with_name(f"{out.stem}-mask.png"), mask)
    print(f"{out}: {'the same bytes' if same else 'NOT the same bytes'} as in the set")


def _make(folder: Path) -> None:
    from bonestudio.errors import StorageError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be made: {error.strerror}.") from error


COMMAND: dict[str, Callable[..., None]] = {
    "hands": hands,
    "fracture": fracture,
    "export": export,
    "again": again,
    "remember": remember,
}

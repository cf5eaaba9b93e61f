"""``bonestudio density``: bone mineral density from a radiograph of the hip, or from a folder of them."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro


def density(
    image: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")],
    /,
    *,
    age: float | None = None,
    sex: Literal["F", "M"] | None = None,
    postmenopausal: bool | None = None,
    side: Literal["L", "R"] | None = None,
    out: Path | None = None,
    model: str | None = None,
    json: bool = False,
) -> None:
    """Estimate the bone density of a hip from its radiograph. Confirm by DXA; not for diagnosis.

    Parameters
    ----------
    image
        A pelvis film from the front or half of one; or a folder of films, which becomes a table.
    age
        Years. Without age and sex there is no T-score or Z-score. By default what the file says; in a
        folder, of the films that its labels.csv (file, age, sex) leaves open.
    sex
        Sex of the patient; by default what the file says.
    postmenopausal
        Of a woman, or of all women of a folder; by default one of 50 or more is taken to be.
    side
        Whose hip, left or right of the patient, on every film of a folder; by default found on the film.
    out
        Folder for the page (PNG, PDF), the numbers (JSON) and the map (NPY); for a folder the table.
    model
        Weights such as 'density/map-bd-phantom'; by default the best that are there.
    json
        Answer in JSON.
    """
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.imaging import read_radiograph
    from bonestudio.instruments.density.estimator import NOTICE, DensityEstimator
    from bonestudio.instruments.density.export import export, told
    from bonestudio.instruments.density.pictures import findings

    if image.is_dir():
        asked = {"age": age, "sex": sex, "postmenopausal": postmenopausal, "side": side}
        _folder(image, out or Path("density"), asked=asked, model=model, json=json)
        return
    film = read_radiograph(image)
    found = DensityEstimator().estimate(
        film, side=side, age=age, sex=sex, postmenopausal=postmenopausal, model=model
    )
    files = {k: str(path) for k, path in export(film, found, out).items()} if out else {}
    if json:
        print_json({**told(found), "files": files})
        return
    for line in findings(found):
        print(line)
    print_fields({"model": found.model.id, "files": ", ".join(files.values()) or None})
    print(NOTICE)


def _folder(
    folder: Path,
    out: Path,
    *,
    asked: dict[str, Any],
    model: str | None,
    json: bool,
) -> None:
    """Estimate a folder, counting on the error stream so that the answer stays clean."""
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.instruments.density.estimator import NOTICE
    from bonestudio.instruments.density.export import estimate_folder

    count = 0
    for done, count in estimate_folder(folder, out, **asked, model=model):
        end = "\r" if sys.stderr.isatty() else "\n"
        print(f"{done} of {count} films", end=end, file=sys.stderr, flush=True)
    answer = {"films": count, "table": str(out / "density.csv"), "notice": NOTICE}
    if json:
        print_json(answer)
    else:
        print_fields(answer)


COMMAND = density

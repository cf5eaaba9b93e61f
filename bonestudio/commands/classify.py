"""``bonestudio classify``: P(abnormal) of a study of one or more views."""

from pathlib import Path
from typing import Annotated

import tyro


def classify(
    images: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE…")],
    /,
    *,
    model: str | None = None,
    heat: Path | None = None,
    json: bool = False,
) -> None:
    """Judge the views of one study; their mean probability decides. Not for diagnosis.

    Parameters
    ----------
    images
        All views of the study: PNG, JPEG, TIFF, DICOM or NPY.
    model
        Weights, such as 'fracture/densenet169-forearm-phantom'; the best that are here by default.
    heat
        Folder to write heat maps to: what spoke for 'abnormal' on each view.
    json
        Answer in JSON.
    """
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.errors import RequestError, StorageError
    from bonestudio.imaging import Radiograph, read_radiograph, write_radiograph
    from bonestudio.instruments.fracture.studio import FractureStudio

    if not images:
        raise RequestError("Name the views of a study: bonestudio classify IMAGE [IMAGE …].")
    views = [read_radiograph(path) for path in images]
    judged = FractureStudio().classify(views, model=model, heat=heat is not None)
    told: dict[str, object] = {
        "study": None if judged.out else round(judged.study, 4),
        "called": None if judged.out else "abnormal" if judged.abnormal else "normal",
        "verdict": judged.domain.verdict if judged.domain else "unknown",
        "reason": judged.domain.reason
        if judged.domain
        else "Nothing tells which films these weights know.",
        "model": judged.card.id,
        "calibration": judged.calibration,
        "notice": "Research use, not for diagnosis.",
    }
    maps: list[str] = []
    if heat is not None and not judged.out:
        try:
            heat.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"The folder {heat} cannot be made: {error.strerror}.") from error
        for number, pixels in enumerate(judged.heat, start=1):
            path = heat / f"view{number}-heat.png"
            write_radiograph(Radiograph(pixels=pixels), path)
            maps.append(str(path))
    shares = [None if judged.out else round(share, 4) for share in judged.views]
    if json:
        print_json({**told, "views": shares, "heat": maps})
        return
    names = [f"view {number}" for number in range(1, len(views) + 1)]
    print_fields({**dict(zip(names, shares, strict=True)), **told})


COMMAND = classify

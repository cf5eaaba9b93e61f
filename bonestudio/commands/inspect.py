"""``bonestudio inspect``: what a file holds, as the studio reads it."""

from pathlib import Path
from typing import Annotated

import tyro


def inspect(
    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")],
    /,
    *,
    json: bool = False,
) -> None:
    """Say what is read from an image or a scan, and what patient data is dropped on reading.

    Parameters
    ----------
    file
        PNG, JPEG, TIFF, DICOM (a file or the folder of a series), NIfTI, NRRD, MHA, NPY, AIM or ISQ.
    json
        Answer in JSON.
    """
    from bonestudio.commands.output import print_json
    from bonestudio.imaging import describe

    found = describe(file)
    if json:
        print_json(found.as_dict())
    else:
        print("\n".join(found.lines()))


COMMAND = inspect

"""``bonestudio inspect``: what a file holds, as the studio reads it."""

from dataclasses import asdict
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
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.imaging import describe

    found = asdict(describe(file))
    print_json(found) if json else print_fields(found)


COMMAND = inspect

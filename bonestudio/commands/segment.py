"""``bonestudio segment``: the bones of a film as masks, and the measurements of its wrist."""

from pathlib import Path
from typing import Annotated, Literal

import tyro


def segment(
    image: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")],
    /,
    *,
    out: Path,
    way: Literal["auto", "unet", "two-step", "direct"] = "auto",
    anatomy: Literal["hand", "forearm"] = "hand",
    view: Literal["PA", "LL"] | None = None,
    json: bool = False,
) -> None:
    """Segment the bones of a hand, wrist or forearm and measure the wrist. Not for diagnosis.

    Parameters
    ----------
    image
        A film: PNG, JPEG, TIFF, DICOM …
    out
        Folder for mask, overlay, NIfTI, measurements and, for a DICOM film, a DICOM SEG.
    way
        'unet': every bone by itself; 'two-step' and 'direct': equations 66 and 67 of paper 002.
    anatomy
        Which multi-CycleGAN the last two take.
    view
        From the front (PA) or the side (LL); by default what the bones show.
    json
        Answer in JSON.
    """
    from bonestudio.commands.output import print_fields, print_json
    from bonestudio.imaging import read_radiograph
    from bonestudio.instruments.segmentation.export import NOTICE, export, seg_source
    from bonestudio.instruments.segmentation.segmenter import BoneSegmenter

    film = read_radiograph(image)
    found = BoneSegmenter().segment(film, way=way, anatomy=anatomy, view=view)
    files = export(found, out, stem="bones", dicom=seg_source(image))
    if json:
        told = {name: str(path) for name, path in files.items()}
        print_json({**found.told(), "files": told, "notice": NOTICE})
        return
    measures = {
        m.name.replace("_", " "): m.why
        if m.value is None
        else f"{m.value:.1f} {m.unit} (normal {m.normal.low:g} to {m.normal.high:g})"
        for m in found.wrist.measurements
    }
    print_fields(
        {"bones": ", ".join(found.masks) or "none found", "way": found.way, **measures}
        | {"files": ", ".join(str(path) for path in files.values()), "notice": NOTICE}
    )


COMMAND = segment

"""The endpoint ``/segment``: a film in, its bones as a file and the wrist's measurements out."""

from typing import Any, Literal

import gradio as gr
from gradio.data_classes import FileData

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.instruments.lightbox.films import LightBox
from bonestudio.instruments.segmentation.export import FORMATS, NOTICE, export, seg_source
from bonestudio.instruments.segmentation.segmenter import BoneSegmenter
from bonestudio.interface import session

_box = LightBox()
_segmenter = BoneSegmenter()


def segment(
    request: gr.Request,
    file: FileData,
    way: Literal["auto", "unet", "two-step", "direct"] = "auto",
    anatomy: Literal["hand", "forearm"] = "hand",
    view: Literal["PA", "LL", "unknown"] = "unknown",
    kind: Literal["mask", "overlay", "nifti", "csv", "seg"] = "mask",
) -> tuple[FileData, dict[str, Any]]:
    """Find the bones of a hand, wrist or forearm on a film and measure the wrist. Research use, not for diagnosis.

    Args:
        file: A film: DICOM, PNG, JPEG, TIFF or NPY.
        way: 'unet' (every bone by itself), 'two-step' or 'direct' (bone as a whole, equations 66 and 67 of paper 002), 'auto' (the best that is there).
        anatomy: Which weights the last two take: 'hand' (wrists too) or 'forearm'.
        view: The wrist seen from the front ('PA') or the side ('LL'); 'unknown' leaves it to what the bones show.
        kind: 'mask' (PNG whose values are labels), 'overlay' (PNG of the film in colour), 'nifti', 'csv' (measurements) or 'seg' (DICOM SEG, for a DICOM film).

    Returns:
        The file, and what was found: the way and its weights, each bone's label, pixels and area, and each measurement with its normal range or the reason why it cannot be measured.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    path = session.sent(file)
    try:
        if kind not in FORMATS:
            raise RequestError(f"The kind is one of {', '.join(FORMATS)}, not {kind!r}.")
        opened = _box.open(session.check_upload(path))
        source = seg_source(path) if kind == "seg" else None
        if kind == "seg" and source is None:
            raise RequestError("A DICOM SEG refers to a DICOM film; this one is none.")
        found = _segmenter.segment(
            opened.film, way=way, anatomy=anatomy, view=None if view == "unknown" else view
        )
        out = export(
            found, session.fresh_folder(request), stem="bones", formats=[kind], dicom=source
        )[kind]
    except BoneStudioError as error:
        raise gr.Error(str(error), print_exception=False) from None
    finally:
        session.delete_upload(path)
    labels = {name: label for label, name in found.names.items()}
    told = {**found.told(), "labels": labels, "notice": NOTICE}
    return FileData(path=str(out), orig_name=out.name), told

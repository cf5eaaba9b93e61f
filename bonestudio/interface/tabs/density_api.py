"""The endpoint ``/density``: a hip film in, its density as a file and as numbers out."""

from typing import Any, Literal

import gradio as gr
from gradio.data_classes import FileData

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.instruments.density.estimator import DensityEstimator
from bonestudio.instruments.density.export import FORMATS, export, told
from bonestudio.interface import session

_estimator = DensityEstimator()


def density(
    request: gr.Request,
    file: FileData,
    age: float | None = None,
    sex: Literal["F", "M"] | None = None,
    postmenopausal: bool | None = None,  # noqa: FBT001 - an endpoint has no keyword-only parameters
    side: Literal["L", "R"] | None = None,
    kind: Literal["pdf", "png", "json", "npy"] = "json",
) -> tuple[FileData, dict[str, Any]]:
    """Estimate the bone mineral density of a hip from its radiograph. Research use, confirm by DXA, not for diagnosis.

    Args:
        file: A pelvis film from the front or half of one: DICOM, PNG, JPEG, TIFF or NPY.
        age: Years; by default what the film says. Without age and sex there is no T-score or Z-score.
        sex: 'F' or 'M'; by default what the film says.
        postmenopausal: Of a woman; by default one of 50 or more is taken to be.
        side: Whose hip, 'L' or 'R' of the patient; by default found on the film.
        kind: 'pdf' or 'png' (the report), 'json' (the numbers) or 'npy' (the map in g/cm², of the film's size).

    Returns:
        The file, and what is told: densities in g/cm² with their 90 % intervals, scores against the reference by the conventions of who is compared, the neck's profile; or the reason why no density is told.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    path = session.sent(file)
    try:
        if kind not in FORMATS:
            raise RequestError(f"The kind is one of {', '.join(FORMATS)}, not {kind!r}.")
        film = _estimator.samples.open(session.check_upload(path)).film
        found = _estimator.estimate(
            film, age=age, sex=sex, postmenopausal=postmenopausal, side=side
        )
        out = export(film, found, session.fresh_folder(request), kinds=[kind])[kind]
    except BoneStudioError as error:
        raise gr.Error(str(error), print_exception=False) from None
    finally:
        session.delete_upload(path)
    return FileData(path=str(out), orig_name=out.name), told(found)

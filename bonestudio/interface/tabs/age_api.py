"""The endpoint ``/age``: a film in, its bone at another age out."""

from typing import Any, Literal

import gradio as gr
from gradio.data_classes import FileData

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.instruments.age.export import KINDS, export
from bonestudio.instruments.age.progression import AGES, SIMULATED, AgeProgression, check_age
from bonestudio.interface import session

_ages = AgeProgression()


def age(
    request: gr.Request,
    file: FileData,
    age: float,
    bone: Literal["phalange", "femur"] = "phalange",
    sex: Literal["F", "M", "unknown"] = "unknown",
    now: float | None = None,
    kind: Literal["PNG", "GIF", "MP4"] = "PNG",
    model: str | None = None,
    detail: bool = True,  # noqa: FBT001, FBT002 - an endpoint's parameters have places
) -> tuple[FileData, dict[str, Any]]:
    """Show the bone of a film younger or older. The picture is SIMULATED, not a forecast.

    Args:
        file: A film: a whole hand, or a crop of the phalanx or of the femur's lower end.
        age: Years to show, 0 to 19.
        bone: 'phalange' (middle phalanx of the index finger) or 'femur' (its lower end).
        sex: Sex of the patient: 'F', 'M' or 'unknown'.
        now: Age of the patient on the film in years, if known.
        kind: 'PNG' (film, redrawn film, aged bone and change, side by side), or 'GIF' or 'MP4' (the bone growing from its age now to the age asked for).
        model: Weights such as 'age/bapgan-phalange-rsna'; the best that are there by default.
        detail: Keep the film's own detail where age changes nothing; False shows what the networks draw.

    Returns:
        The picture, and what was found: whether the film is of a kind that the model knows and why, how much the aged bone is still the same one (1: the same), the age that the film was taken for, and the manifest that makes the picture again.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    path = session.sent(file)
    try:
        check_age(age)
        if kind not in KINDS:
            raise RequestError(f"The kind is PNG, GIF or MP4, not {kind!r}.")
        film = _ages.samples.open(session.check_upload(path)).film
        made = _ages.progress(
            film,
            bone,
            sex=None if sex == "unknown" else sex,
            age=now,
            ages=sorted({*AGES, age}),
            model=model,
            detail=detail,
        )
        out = session.fresh_folder(request) / f"aged-bone.{kind.lower()}"
        manifest = export(made, out, age=age)
    except BoneStudioError as error:
        raise gr.Error(str(error), print_exception=False) from None
    finally:
        session.delete_upload(path)
    found = {
        "notice": SIMULATED,
        "in_domain": made.domain.verdict,
        "in_domain_reason": made.domain.reason,
        "same_bone": round(made.same_bone(age), 3),
        "age_now": made.age,
        "age_now_is": manifest["age_now_is"],
        "manifest": manifest,
    }
    return FileData(path=str(out), orig_name=out.name), found

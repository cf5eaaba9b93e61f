"""The endpoints of the Fracture tab: hands, designs, judgements and sets for other programs."""

# ruff: noqa: FBT001, FBT002 - the endpoints' options are sent by name
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.imaging import write_radiograph
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.abnormality import classifiers
from bonestudio.instruments.fracture.design import design_of
from bonestudio.instruments.fracture.models import hand_model
from bonestudio.instruments.fracture.wanted import Wanted
from bonestudio.interface import session
from bonestudio.interface.events import JOBS, NETWORKS
from bonestudio.interface.tabs.fracture_classify import open_views
from bonestudio.interface.tabs.fracture_shared import STUDIO

_NOTICE = "Simulated. Research use, not for diagnosis."
_MOST = 2000  # images of a class


def endpoints() -> None:
    """Offer what has its weights here."""
    if STUDIO.models():
        api(fracture_sample, api_name="fracture_sample", **NETWORKS)
    api(fracture_design, api_name="fracture_design", **NETWORKS)
    if classifiers():
        api(fracture_classify, api_name="fracture_classify", **NETWORKS)
    api(fracture_export, api_name="fracture_export", **JOBS)


def fracture_sample(
    request: gr.Request,
    seed: int = 0,
    count: int = 1,
    truncation: float | None = None,
    model: str | None = None,
    check: bool = False,
) -> dict[str, Any]:
    """Draw hands that belong to nobody, one for each seed. Every picture is SIMULATED.

    Args:
        seed: Seed of the first hand, from 0 on; the next one has the next seed.
        count: Hands, 1 to 64.
        truncation: Keep codes within this many standard deviations, 0.2 to 3; as trained by default.
        model: Weights such as 'fracture/dcgan-hands-quick'; the best that are there by default.
        check: Look for each hand among the films that the weights learned from.

    Returns:
        The weights, and for each hand its seed and file (16-bit PNG); with check also the distance to the nearest training film and the share of other people's real hands that come nearer.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    with _spoken():
        card = hand_model(model)
        hands = STUDIO.sample(_whole(seed, "A seed"), count, truncation=truncation, model=card.id)
        folder = session.fresh_folder(request)
        told = []
        for hand in hands:
            row: dict[str, Any] = {
                "seed": hand.seed,
                "file": _file(hand.film, folder / f"hand{hand.seed}.png"),
            }
            if check:
                near = STUDIO.nearest(hand.film, model=card.id)
                row |= {"distance": near.distance, "real_hands_nearer": near.nearer}
            told.append(row)
    return {"notice": _NOTICE, "model": card.id, "trained_on": card.trained_on, "hands": told}


def fracture_design(
    request: gr.Request,
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
    broken: bool = True,
    size: int = 512,
    refined: bool = False,
) -> dict[str, Any]:
    """Take a film of a fracture by design, of a virtual patient. Every picture is SIMULATED.

    Args:
        site: What the film shows; 'oblique' views are of the wrist alone.
        bone: What is broken.
        side: The arm.
        view: From where it is taken.
        level: Where along the bone: 0 at the elbow, 1 at the wrist; 0.55 and 0.9 by default.
        obliquity: Degrees from a straight break, 0 to 65.
        gap: Missing bone, 0 to 40 mm.
        displacement: Sideways shift of the far fragment, 0 to 20 mm.
        angulation: Angle between the fragments, 0 to 40 degrees.
        comminution: 0 simple, up to 0.5 a wedge, above shattered.
        direction: Where shift, slope and lean point: 0 to the thumb, 90 to the back of the hand.
        hardware: Plate or wires over the break.
        patient: Seed of the virtual patient.
        sex: Of the patient.
        age: 18 to 95 years.
        broken: False for the same patient's healthy bone.
        size: Rows and columns, 64 to 1024.
        refined: Also redraw the film with the CycleGAN of its class.

    Returns:
        AO/OTA code as asked for, the film (16-bit PNG), its mask (255 where the break is), the refined film if asked for, and the design that makes all of it again.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    with _spoken():
        design = design_of(
            site, level, bone=bone, side=side, view=view, obliquity=obliquity, gap=gap,
            displacement=displacement, angulation=angulation, comminution=comminution,
            direction=direction, hardware=hardware, patient=_whole(patient, "A patient"), sex=sex,
            age=age, broken=broken, size=_whole(size, "A size"),
        )  # fmt: skip
        made = STUDIO.design(design, refine=refined)
        files = made.write(session.fresh_folder(request) / "film.png")
        told = {
            "notice": _NOTICE,
            "ao": design.ao_code,
            "spacing_mm": made.film.spacing,
            **{name: _named(path) for name, path in files.items()},
            "design": design.as_dict(),
        }
        if made.refiner is not None:
            told["refiner"] = made.refiner.id
    return told


def fracture_classify(
    request: gr.Request, files: list[FileData], model: str | None = None
) -> dict[str, Any]:
    """Judge a study by all its views, as a research classifier does. Not for diagnosis.

    Args:
        files: The views of one study, up to 12: DICOM, PNG, JPEG, TIFF or NPY.
        model: Weights such as 'fracture/densenet169-forearm-phantom'; the best that are there by default.

    Returns:
        Whether the weights know such films at all ('out': then no answer is given); P(abnormal) of each view and their mean, which decides against 0.5; how far the probabilities can be trusted; and for each view a heat map of what spoke for 'abnormal' (8-bit PNG).
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    with _spoken():
        if not files:
            raise RequestError("A study has at least one film; send its views.")
        judged = STUDIO.classify(open_views([session.sent(file) for file in files]), model=model)
        folder = session.fresh_folder(request)
        maps = [
            _file(Radiograph(pixels=heat), folder / f"view{number}-heat.png")
            for number, heat in enumerate([] if judged.out else judged.heat, start=1)
        ]
    return {
        "notice": "Research use, not for diagnosis.",
        "model": judged.card.id,
        "verdict": judged.domain.verdict if judged.domain else "unknown",
        "reason": judged.domain.reason if judged.domain else None,
        "views": [None if judged.out else share for share in judged.views],
        "study": None if judged.out else judged.study,
        "abnormal": None if judged.out else judged.abnormal,
        "calibration": judged.calibration,
        "heat": maps,
    }


def fracture_export(
    request: gr.Request,
    source: Literal["forearm", "wrist", "hand"] = "forearm",
    count: int = 10,
    seed: int = 0,
    size: int = 256,
    refined: bool = False,
    model: str | None = None,
    truncation: float | None = None,
) -> Iterator[dict[str, Any]]:
    """Pack a labelled set: MURA's layout, masks, a manifest. Tells how far it is; a cancelled job leaves nothing.

    Args:
        source: Arms come broken and whole; hands are drawn by a DCGAN and whole.
        count: Images of each class, 1 to 2000.
        seed: Where patients are counted from.
        size: Rows and columns of arms, 64 to 1024.
        refined: Arms pass the CycleGAN of their class.
        model: Weights for hands.
        truncation: How far codes of hands may stray, 0.2 to 3 standard deviations.

    Returns:
        Step by step images done and in all; with the last step the ZIP.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    with _spoken():
        if not 1 <= count <= _MOST:
            raise RequestError(f"The studio makes 1 to {_MOST} images of a class, not {count}.")
        wanted = Wanted(
            source=source, count=count, seed=_whole(seed, "A seed"), size=size,
            refined=refined, model=model, truncation=truncation,
        )  # fmt: skip
        path = session.fresh_folder(request) / f"{source}s.zip"
        for step in STUDIO.export(wanted, path):
            told: dict[str, Any] = {"done": step.done, "total": step.total, "file": None}
            yield told | ({"file": _named(step.path)} if step.path else {})


@contextmanager
def _spoken() -> Iterator[None]:
    """Hand a person's mistake to the caller as one sentence."""
    try:
        yield
    except BoneStudioError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _whole(number: Any, what: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise RequestError(f"{what} is a whole number, not {number!r}.")
    return number


def _file(film: Radiograph, path: Path) -> dict[str, Any]:
    write_radiograph(film, path)
    return _named(path)


def _named(path: Path) -> dict[str, Any]:
    return FileData(path=str(path), orig_name=path.name).model_dump()

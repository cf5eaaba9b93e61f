"""The form of a new study: a question, images of one's own or virtual patients, and the settings."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from bonestudio.errors import RequestError
from bonestudio.interface import session
from bonestudio.interface.events import QUIET
from bonestudio.turing.equivalence import reads_needed

if TYPE_CHECKING:  # loaded when a study is opened
    from bonestudio.turing.design import Design, Question
    from bonestudio.turing.protocol import Kind

TRY_OUT = "Virtual patients (try it out)"
OWN = "My own images"
HALF = "My real images, virtual patients as synthetic"
BOXES = 3
KINDS: dict[str, str] = {
    "real-or-synthetic": "Real or synthetic?",
    "older-of-two": "Which is older?",
    "grading": "Quality 1 to 5",
}
FILES: dict[str, tuple[str, ...]] = {
    "real-or-synthetic": ("Real images", "Synthetic images"),
    "older-of-two": ("Originals", "Older, same file names", "Younger, same file names"),
    "grading": ("Images", "Scores: CSV with a column 'file'"),
}


@dataclass(frozen=True)
class Form:
    """The form's parts; ``fields`` in the order in which :func:`study_of` takes their values."""

    fields: list[gr.components.Component]
    title: gr.Textbox
    uploads: list[gr.File]
    submit: gr.Button


def study_form() -> Form:
    """Lay out the form."""
    title = gr.Textbox(label="Title", max_length=200, elem_id="study-title")
    choices = [(words, kind) for kind, words in KINDS.items()]
    kind = gr.Radio(choices, value="older-of-two", label="Question", elem_id="study-kind")
    place = gr.Radio([TRY_OUT, OWN, HALF], value=TRY_OUT, label="Images", elem_id="study-source")
    uploads = [
        gr.File(
            label=label, file_count="multiple", visible=False, height=96, elem_id=f"study-files-{i}"
        )
        for i, label in enumerate(FILES["older-of-two"])
    ]
    readers = gr.Textbox(label="Readers, one a line", lines=2, elem_id="study-readers")
    with gr.Accordion("More", open=False):
        numbers = [
            gr.Slider(10, 100, 50, step=2, label="Questions on virtual patients"),
            gr.Slider(0, 10, 4, step=1, label="Practice items"),
            gr.Slider(0, 0.5, 0.1, step=0.05, label="Hidden repeats (share)"),
            gr.Slider(1, 4, 1, step=1, label="Readings"),
            gr.Number(28, label="Washout between readings (days)", minimum=0),
            gr.Slider(10, 200, 50, step=5, label="Reads after which a pause is proposed"),
        ]
        margin = gr.Slider(0.02, 0.3, 0.1, step=0.01, label="Equivalence margin")
        size = gr.HTML(_sample_size(0.1), apply_default_css=False)
        override = gr.Textbox(label="Reason to override the leak audit")
    submit = gr.Button("Open study", variant="primary", elem_id="study-open")

    gr.on([kind.input, place.input], _upload_boxes, [kind, place], uploads, **QUIET)
    margin.release(_sample_size, margin, size, **QUIET)
    fields = [title, kind, place, *uploads, readers, *numbers, margin, override]
    return Form(fields, title, uploads, submit)


def study_of(values: tuple[Any, ...]) -> "tuple[Design, list[str]]":
    """Turn the form's values into a design and the readers' names."""
    from bonestudio.turing.design import design

    title, kind, place = values[:3]
    uploads = list(values[3 : 3 + BOXES])
    readers, count, practice, repeats, rounds, washout, session_length, margin, override = values[
        3 + BOXES :
    ]
    made = design(
        _questions(kind, place, uploads, int(count)),
        title=(title or "").strip() or "Untitled study",
        kind=kind,
        practice=int(practice),
        repeats=repeats,
        rounds=int(rounds),
        washout_days=washout,
        session_length=int(session_length),
        sources=_described(kind, place),
        margin=margin,
        # Two styles of phantoms are easily told apart; whoever tries the studio out knows.
        audit_override=override or ("a try-out on virtual patients" if place == TRY_OUT else ""),
    )
    return made, [name.strip() for name in (readers or "").splitlines() if name.strip()]


def _questions(  # noqa: PLR0911 - one answer for each way to give images
    kind: "Kind", place: str, uploads: list[Any], count: int
) -> "list[Question]":
    from bonestudio.instruments.phantom_films import PhantomFilms
    from bonestudio.turing import sources

    virtual = PhantomFilms()
    if place == TRY_OUT:
        if kind == "older-of-two":
            return sources.from_pairs(virtual.ageing_pairs(count))
        if kind == "grading":
            return sources.from_scored(virtual.graded(count))
        # As many of each, of different patients: no bone is shown in both styles.
        real, synthetic = (
            virtual.films(count // 2, natural=True),
            virtual.films(count // 2, seed=10**6),
        )
        return sources.from_films(real, synthetic)
    if place == HALF and kind != "real-or-synthetic":
        raise RequestError(
            "Virtual patients as the synthetic half fit the question 'Real or synthetic?' alone."
        )
    try:
        with ExitStack() as gathered:
            first, second, third = (
                gathered.enter_context(_together(files)) if files else None for files in uploads
            )
            if kind == "real-or-synthetic" and place == HALF and first:
                films = sources.films(first)
                return sources.from_films(films, virtual.films(len(films)))
            if kind == "real-or-synthetic" and first and second:
                return sources.real_or_synthetic(first, second)
            if kind == "older-of-two" and first and (second or third):
                return sources.pairs(first, progressed=second, regressed=third)
            if kind == "grading" and first:
                return sources.graded(first, scores=_scores(uploads[1]))
    finally:
        for file in [file for files in uploads for file in files or ()]:
            session.delete_upload(Path(file))
    raise RequestError("Images are missing: " + _NEEDED[kind])


_NEEDED = {
    "real-or-synthetic": "give real images and synthetic ones.",
    "older-of-two": "give originals, and older or younger versions of them (or both).",
    "grading": "give images to be graded.",
}


def _scores(files: list[str] | None) -> Path | None:
    return session.check_upload(Path(files[0])) if files else None


def _described(kind: str, place: str) -> dict[str, str]:
    """Say in the protocol where the images came from; no folder and no file is named."""
    if place == OWN:
        return {FILES[kind][0].lower(): "given by the investigator"}
    if place == HALF:
        return {"real": "given by the investigator", "synthetic": "virtual patients"}
    if kind == "real-or-synthetic":
        return {
            "real": "virtual patients in the look of an archive",
            "synthetic": "virtual patients, bare",
        }
    return {"images": "virtual patients"}


@contextmanager
def _together(files: list[str]) -> Iterator[Path]:
    """Collect uploads, which come in a folder each, in one folder under their own names."""
    with tempfile.TemporaryDirectory(dir=Path(files[0]).parents[1]) as folder:
        place = Path(folder)
        for file in files:
            path = session.check_upload(Path(file))
            if (place / path.name).is_symlink():
                raise RequestError("Two of the images have one name; give each a name of its own.")
            (place / path.name).symlink_to(path)
        yield place


def _upload_boxes(kind: str, place: str) -> list[Any]:
    labels = FILES[kind][:1] if place == HALF else FILES[kind]
    return [
        gr.update(
            label=labels[i] if i < len(labels) else "–",
            visible=place != TRY_OUT and i < len(labels),
        )
        for i in range(BOXES)
    ]


def _sample_size(margin: float) -> str:
    text = f"About {reads_needed(margin=margin)} independent reads show equivalence within ±{100 * margin:.0f} points (α 0.05, power 0.8)."
    return f'<p class="bs-about">{text}</p>'

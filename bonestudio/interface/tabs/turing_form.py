"""The form of a new study: a question, images of one's own or virtual patients, and the settings."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from bonestudio.errors import RequestError
from bonestudio.instruments.phantom_films import PhantomFilms
from bonestudio.interface import session
from bonestudio.turing import sources
from bonestudio.turing.design import Design, Question, design
from bonestudio.turing.equivalence import reads_needed
from bonestudio.turing.protocol import Kind

TRY_OUT = "Virtual patients (try it out)"
OWN = "My own images"
KINDS: dict[str, str] = {
    "real-or-synthetic": "Real or synthetic?",
    "older-of-two": "Which is older?",
    "grading": "Quality 1 to 5",
}
FILES: dict[str, tuple[str, ...]] = {
    "real-or-synthetic": ("Real images", "Synthetic images"),
    "older-of-two": ("Originals", "8 years older, same file names"),
    "grading": ("Images",),
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
    place = gr.Radio([TRY_OUT, OWN], value=TRY_OUT, label="Images", elem_id="study-source")
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
        ]
        margin = gr.Slider(0.02, 0.3, 0.1, step=0.01, label="Equivalence margin")
        size = gr.HTML(_sample_size(0.1), apply_default_css=False)
        override = gr.Textbox(label="Reason to override the leak audit")
    submit = gr.Button("Open study", variant="primary", elem_id="study-open")

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    gr.on([kind.input, place.input], _upload_boxes, [kind, place], uploads, **quiet)
    margin.release(_sample_size, margin, size, **quiet)
    fields = [title, kind, place, *uploads, readers, *numbers, margin, override]
    return Form(fields, title, uploads, submit)


def study_of(values: tuple[Any, ...]) -> tuple[Design, list[str]]:
    """Turn the form's values into a design and the readers' names."""
    title, kind, place, first, second, readers, count, practice, *rest = values
    repeats, rounds, washout, margin, override = rest
    made = design(
        _questions(kind, place, [first, second], int(count)),
        title=(title or "").strip() or "Untitled study",
        kind=kind,
        practice=int(practice),
        repeats=repeats,
        rounds=int(rounds),
        washout_days=washout,
        margin=margin,
        audit_override=override or "",
    )
    return made, [name.strip() for name in (readers or "").splitlines() if name.strip()]


def _questions(kind: Kind, place: str, uploads: list[Any], count: int) -> list[Question]:
    if place == TRY_OUT:
        if kind != "older-of-two":
            raise RequestError(
                "Virtual patients can only be asked which bone is older; give images of your own for this question."
            )
        return sources.from_pairs(PhantomFilms().ageing_pairs(count))
    wanted = FILES[kind]
    if not all(uploads[: len(wanted)]):
        raise RequestError("Images are missing: give files for " + " and ".join(wanted) + ".")
    try:
        folders = [_together(files) for files in uploads[: len(wanted)]]
        if kind == "real-or-synthetic":
            return sources.real_or_synthetic(folders[0], folders[1])
        if kind == "older-of-two":
            return sources.pairs(folders[0], progressed=folders[1], regressed=None)
        return sources.graded(folders[0])
    finally:
        for file in [file for files in uploads for file in files or ()]:
            session.delete_upload(Path(file))


def _together(files: list[str]) -> Path:
    """Collect uploads, which come in a folder each, in one folder under their own names."""
    place = Path(tempfile.mkdtemp(dir=Path(files[0]).parents[1]))
    for file in files:
        path = session.check_upload(Path(file))
        (place / path.name).symlink_to(path)
    return place


def _upload_boxes(kind: str, place: str) -> list[Any]:
    labels = FILES[kind]
    return [
        gr.update(
            label=labels[i] if i < len(labels) else "–", visible=place == OWN and i < len(labels)
        )
        for i in range(2)
    ]


def _sample_size(margin: float) -> str:
    text = f"About {reads_needed(margin=margin)} independent reads show equivalence within ±{100 * margin:.0f} points (α 0.05, power 0.8)."
    return f'<p class="bs-about">{text}</p>'

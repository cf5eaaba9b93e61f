"""The layout of the Density tab's first page: what there is to see and to press."""

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr

from bonestudio.imaging.types import Laterality, Sex
from bonestudio.instruments.density.estimator import DensityEstimator
from bonestudio.interface import frame
from bonestudio.interface.viewers.density import density_deck
from bonestudio.interface.viewers.radiograph import radiograph_viewer
from bonestudio.interface.words import learned_from

ESTIMATOR: Final = DensityEstimator()
UNKNOWN: Final = "Unknown"
SEXES: Final[dict[str, Sex | None]] = {"Woman": "F", "Man": "M", UNKNOWN: None}
SIDES: Final[dict[str, Laterality | None]] = {"Found": None, "Left": "L", "Right": "R"}
MENOPAUSE: Final = {"From 50 on": None, "Yes": True, "No": False}
FILES: Final = {
    "Report, PDF": "pdf",
    "Report, PNG": "png",
    "Numbers, JSON": "json",
    "Map, NPY": "npy",
}


@dataclass(frozen=True, kw_only=True)
class DensityPage:
    """The parts of the page that events read or fill."""

    samples: gr.HTML | None
    upload: gr.File
    sex: gr.Radio
    age: gr.Number
    side: gr.Radio
    menopause: gr.Radio
    model: gr.Dropdown
    truth: gr.File
    viewer: gr.HTML
    deck: gr.HTML
    scores: gr.HTML
    kind: gr.Dropdown
    save: gr.Button
    more: gr.HTML
    read: gr.HTML
    saved: gr.HTML
    status: gr.HTML


def density_page() -> DensityPage:
    """Lay out the page."""
    parts: dict[str, Any] = {}
    with frame.page():
        with frame.source():
            parts |= _source()
        with frame.image():
            parts["viewer"] = radiograph_viewer(
                name="density", title="Hip with its density", upload="density-upload"
            )
            parts["deck"] = density_deck(viewer="density")
        with frame.findings():
            parts["scores"] = _panel("density-scores")
            frame.heading("Save")
            parts["kind"] = gr.Dropdown(
                list(FILES.items()), value="pdf", show_label=False, label="Kind of file", elem_id="density-kind"
            )  # fmt: skip
            parts["save"] = gr.Button("Save", interactive=False, elem_id="density-save")
            parts["more"] = _panel("density-more")
            frame.heading("What was read")
            parts["read"] = frame.facts_panel()
            parts["saved"] = frame.download()
    status = frame.status_line("Loading the network …")
    return DensityPage(**parts, status=status)


def sex_word(sex: Sex | None) -> str:
    """Word of a sex, as the page's buttons have it."""
    return next(word for word, meant in SEXES.items() if meant == sex)


def _source() -> dict[str, Any]:
    """Film, patient, and what is seldom asked."""
    cards = ESTIMATOR.models()
    frame.about(
        "Estimates the mineral of the proximal femur from a hip film. "
        f"Learned from {learned_from(cards[0])}; confirm by DXA."
    )
    parts: dict[str, Any] = {"samples": _samples()}
    parts["upload"] = gr.File(
        label="Open a hip or a pelvis from the front",
        type="filepath",
        height=88,
        elem_id="density-upload",
    )
    parts["sex"] = gr.Radio(list(SEXES), value=UNKNOWN, label="Sex", elem_id="density-sex")
    parts["age"] = gr.Number(
        label="Age, years (empty: unknown)", value=None, minimum=0, maximum=110, precision=0, elem_id="density-age"
    )  # fmt: skip
    with gr.Accordion("More", open=False):
        parts["side"] = gr.Radio(list(SIDES), value="Found", label="Hip", elem_id="density-side")
        parts["menopause"] = gr.Radio(
            list(MENOPAUSE),
            value="From 50 on",
            label="After menopause",
            elem_id="density-menopause",
        )
        parts["model"] = gr.Dropdown(
            [card.id for card in cards], value=cards[0].id, label="Weights", elem_id="density-model"
        )
        parts["truth"] = gr.File(
            label="True map (NPY, or PNG in mg/cm²), for the error",
            type="filepath",
            height=88,
            elem_id="density-truth",
        )
    return parts


def _panel(name: str) -> gr.HTML:
    return gr.HTML("", elem_id=name, apply_default_css=False, js_on_load=None)


def _samples() -> gr.HTML | None:
    shipped = ESTIMATOR.samples.samples()
    if not shipped:
        return None
    gr.set_static_paths([one.path for one in shipped])
    return frame.sample_strip(
        [(one.name, one.title, f"gradio_api/file={one.path}") for one in shipped],
        opened=shipped[0].name,
    )

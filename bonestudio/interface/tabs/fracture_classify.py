"""Classify: is a study abnormal? P for each view and their mean, and what spoke for it."""

import time
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.abnormality import Judgement, classifiers
from bonestudio.instruments.fracture.samples import Sample, healthy_sample, samples
from bonestudio.instruments.lightbox.films import LightBox
from bonestudio.interface import frame, session
from bonestudio.interface.events import HOUR, NETWORKS, QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs.fracture_shared import SIMULATED, STUDIO
from bonestudio.interface.viewers.radiograph import Overlay, Sheet, Shown, radiograph_viewer
from bonestudio.interface.words import learned_from, took

_ABOUT = (
    "Says how likely a study of one or more views is abnormal; cyan on the film is what spoke for it. "
    "Learned from {}."
)
_MOST_VIEWS = 12
_box = LightBox()


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is open: its views and what the classifier says."""

    views: tuple[Radiograph, ...]
    judgement: Judgement
    simulated: bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """The parts of the page that events read or fill."""

    opened: gr.State
    strip: gr.HTML
    upload: gr.File
    model: gr.Dropdown
    viewer: gr.HTML
    view: gr.Radio
    answer: gr.HTML
    read: gr.HTML
    status: gr.HTML


def classify_panel(tab: gr.Tab) -> None:
    """Lay out the page and connect it."""
    page = _page()
    answers = Answers(page=page)
    shown = [page.opened, page.upload, page.viewer, page.view, page.answer, page.read, page.status]

    def on(event: Any, answer: Any, inputs: Any, *emptied: Any, **options: Any) -> Any:
        return event(
            spoken(page.status, answer, *emptied), inputs, shown, **QUIET, **NETWORKS, **options
        )

    late = [on(tab.select, answers.first, [page.opened, page.model])]
    on(page.strip.pick, answers.sample, page.model, cancels=late)
    on(page.upload.upload, answers.upload, [page.upload, page.model], page.upload, cancels=late)
    on(page.view.input, answers.turn, [page.opened, page.view], trigger_mode="always_last")
    on(page.model.input, answers.anew, [page.opened, page.model], trigger_mode="always_last")


def _page() -> Page:
    choices = [(f"{card.name}, {learned_from(card)}", card.id) for card in classifiers()]
    opened = gr.State(None, time_to_live=HOUR)
    with frame.page():
        with frame.source():
            frame.about(_ABOUT.format(learned_from(classifiers()[0])))
            strip = _samples()
            upload = gr.File(
                label="Open a study: all its views", file_count="multiple", type="filepath",
                height=104, elem_id="fracture-study",
            )  # fmt: skip
            with gr.Accordion("More", open=False):
                model = gr.Dropdown(
                    choices, value=choices[0][1], label="Weights", elem_id="fracture-classifier"
                )
        with frame.image():
            viewer = radiograph_viewer(
                name="study", title="View of the study", upload="fracture-study"
            )
            view = gr.Radio(
                ["View 1"], value="View 1", show_label=False, label="View shown",
                elem_id="study-view", elem_classes="fx-choice",
            )  # fmt: skip
        with frame.findings():
            answer = gr.HTML("", apply_default_css=False, js_on_load=None)
            frame.heading("P(abnormal) of each view")
            read = frame.facts_panel()
    status = frame.status_line("No study is open")
    return Page(
        opened=opened, strip=strip, upload=upload, model=model, viewer=viewer, view=view,
        answer=answer, read=read, status=status,
    )  # fmt: skip


def _studies() -> tuple[Sample, ...]:
    return (*samples(), healthy_sample())


def _samples() -> gr.HTML:
    gr.set_static_paths([one.thumbnail for one in _studies()])
    return frame.sample_strip(
        [(one.name, one.title, f"gradio_api/file={one.thumbnail}") for one in _studies()],
        opened=samples()[0].name,
    )


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: Page

    def first(self, study: Study | None, model: str, request: gr.Request) -> dict[Any, Any]:
        """Show a study to whoever comes here first."""
        return {} if study is not None else self._sample(samples()[0].name, model, request)

    def sample(self, model: str, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        """Judge a virtual patient from the front and from the side."""
        return self._sample(str(event.name), model, request)

    def upload(self, paths: list[str] | None, model: str, request: gr.Request) -> dict[Any, Any]:
        """Judge a person's own study."""
        if not paths:
            return {}
        return self._judged(open_views([Path(path) for path in paths]), model, request)

    def anew(self, study: Study | None, model: str, request: gr.Request) -> dict[Any, Any]:
        """Judge the same study by other weights."""
        if study is None:
            return {}
        return self._judged(study.views, model, request, simulated=study.simulated)

    def turn(self, study: Study | None, view: str, request: gr.Request) -> dict[Any, Any]:
        """Show another view."""
        if study is None:
            raise RequestError("Open a study first.")
        return {self.page.viewer: _sheet(study, int(view.rsplit(maxsplit=1)[-1]) - 1, request)}

    def _sample(self, name: str, model: str, request: gr.Request) -> dict[Any, Any]:
        (design,) = (one.design for one in _studies() if one.name == name)
        taken = [design.with_options(size=320, view=view) for view in ("PA", "lateral")]
        views = [STUDIO.design(one).film for one in taken]
        return self._judged(tuple(views), model, request, simulated=True)

    def _judged(
        self,
        views: tuple[Radiograph, ...],
        model: str,
        request: gr.Request,
        *,
        simulated: bool = False,
    ) -> dict[Any, Any]:
        started = time.perf_counter()
        judgement = STUDIO.classify(views, model=model)
        study = Study(views=views, judgement=judgement, simulated=simulated)
        names = [f"View {i}" for i in range(1, len(views) + 1)]
        card = judgement.card
        return {
            self.page.opened: study,
            self.page.upload: None,
            self.page.viewer: _sheet(study, 0, request),
            self.page.view: gr.update(choices=names, value=names[0]),
            self.page.answer: _answer(judgement),
            self.page.read: frame.facts(_facts(judgement)),
            self.page.status: frame.said(
                card.id, f"learned from {learned_from(card)}", "computed here", took(started)
            ),
        }


def open_views(paths: list[Path]) -> tuple[Radiograph, ...]:
    """Read the views of a study and delete the uploads."""
    try:
        if len(paths) > _MOST_VIEWS:
            raise RequestError(
                f"A study has up to {_MOST_VIEWS} views; {len(paths)} were sent. "
                "For a folder use 'bonestudio classify'."
            )
        return tuple(_box.open(session.check_upload(path)).film for path in paths)
    finally:
        for path in set(paths):  # one file may be sent as two views
            session.delete_upload(path)


def _sheet(study: Study, number: int, request: gr.Request) -> dict[str, Any]:
    badge = SIMULATED if study.simulated else None
    judged, name = study.judgement, f"View {number + 1} of {len(study.views)}"
    if judged.out:
        shown = Shown(film=study.views[number], name=name, badge=badge)
        return Sheet(first=shown).packed(session.folder(request))
    name += f", P(abnormal) {_probability(judged.views[number])}"
    heat = Overlay(rgba=coloured(judged.heat[number]), name="Grad-CAM", opacity=0.5)
    shown = Shown(film=study.views[number], name=name, badge=badge)
    return Sheet(first=shown, overlays=(heat,)).packed(session.folder(request))


def coloured(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Paint a heat map [height, width] of 0 to 1: cyan, the clearer the less, nothing below 0.2."""
    rgba = np.empty((*heat.shape, 4), np.uint8)
    rgba[..., :3] = (76, 201, 240)
    rgba[..., 3] = np.rint(np.clip((heat - 0.2) / 0.8, 0, 1) * 255)
    return rgba


def _answer(judgement: Judgement) -> str:
    domain = judgement.domain
    if domain is not None and judgement.out:
        return (
            '<p class="fx-answer">No answer<small>Not a film for these weights</small></p>'
            f'<p class="bs-about">{escape(domain.reason)}</p>'
        )
    care = f'<p class="bs-about">{escape(domain.reason)}</p>' if domain else ""
    word = "abnormal" if judgement.abnormal else "normal"
    return (
        f'<p class="fx-answer">P(abnormal) {_probability(judgement.study)}'
        f"<small>Called {word}: the mean of its views is {'over' if judgement.abnormal else 'not over'} 0.5</small></p>"
        f'{care}<p class="bs-about">{escape(judgement.calibration)}</p>'
    )


def _facts(judgement: Judgement) -> dict[str, str]:
    if judgement.out:
        return {"Weights": judgement.card.summary}
    told = {f"View {i}": _probability(p) for i, p in enumerate(judgement.views, start=1)}
    return {**told, "Mean": _probability(judgement.study), "Weights": judgement.card.summary}


def _probability(share: float) -> str:
    """Nothing is certain to a classifier: neither 0.00 nor 1.00 is ever said."""
    return "under 0.01" if share < 0.005 else "over 0.99" if share >= 0.995 else f"{share:.2f}"

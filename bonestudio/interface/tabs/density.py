"""Density: the mineral of a hip from its film, with its uncertainty; one film, or many at once."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.events import api
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.instruments.density.estimator import Estimate
from bonestudio.instruments.density.export import export
from bonestudio.instruments.density.truth import Compared, compared, read_truth
from bonestudio.instruments.lightbox.films import Opened
from bonestudio.interface import frame, session
from bonestudio.interface.events import HOUR, NETWORKS, QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs import Tab
from bonestudio.interface.tabs.density_api import density
from bonestudio.interface.tabs.density_many import many_panel
from bonestudio.interface.tabs.density_page import (
    ESTIMATOR,
    MENOPAUSE,
    SEXES,
    SIDES,
    DensityPage,
    density_page,
    sex_word,
)
from bonestudio.interface.viewers.density import more_html, packed, scores_html
from bonestudio.interface.words import learned_from

Asked = dict[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is open: the film, what is told of it, and the true map where one is known."""

    film: Opened
    found: Estimate
    truth: NDArray[np.float32] | None = None

    @property
    def compared(self) -> Compared | None:
        """The estimate beside the truth."""
        if self.truth is None or not self.found.told:
            return None
        return compared(self.found, self.truth)


def fill() -> None:
    """Two pages: one hip, and many."""
    with gr.Tabs(elem_classes="bs-inner"):
        with frame.inner_tab("One hip", name="density-one"):
            _one()
        with frame.inner_tab("Many films", name="density-many"):
            many_panel()
    api(density, api_name="density", **NETWORKS)


def _one() -> None:
    """Lay out the page of one hip and connect it."""
    page = density_page()
    case = gr.State(None, time_to_live=HOUR)
    answers = Answers(page=page, case=case)
    outputs = [case, page.upload, page.truth, page.sex, page.age, page.side, page.deck]
    outputs += [page.scores, page.more, page.read, page.save, page.status]
    asked = {case, page.upload, page.truth, page.sex, page.age, page.side, page.menopause, page.model, page.kind}  # fmt: skip

    def on(event: Any, answer: Any, to: Any = outputs, **options: Any) -> Any:
        emptied = {page.upload.upload: [page.upload], page.truth.upload: [page.truth]}
        done = spoken(page.status, answer, *emptied.get(event, []))
        return event(done, asked, to, **QUIET, **NETWORKS, **options)

    late = []
    if page.samples is not None:
        # The first sample must not come after, and over, what a quick visitor opens.
        late = [on(page.deck.open, answers.open_first)]
        on(page.samples.pick, answers.open_sample, cancels=late)
    on(page.upload.upload, answers.open_upload, cancels=late)
    for control in (page.sex, page.age, page.side, page.menopause, page.model):
        on(control.input, answers.again, trigger_mode="always_last")
    on(page.truth.upload, answers.compare)
    on(page.save.click, answers.save, [page.saved, page.status])


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: DensityPage
    case: gr.State

    def open_first(self, asked: Asked, request: gr.Request) -> Asked:
        """Show the first sample."""
        return self._sample(ESTIMATOR.samples.samples()[0].name, asked, request)

    def open_sample(self, asked: Asked, event: gr.EventData, request: gr.Request) -> Asked:
        """Show a sample."""
        return self._sample(event.name, asked, request)

    def open_upload(self, asked: Asked, request: gr.Request) -> Asked:
        """Show a person's own film."""
        path = asked[self.page.upload]
        if path is None:
            return {}
        try:
            film = ESTIMATOR.samples.open(session.check_upload(Path(path)))
        finally:
            session.delete_upload(Path(path))
        return self._opened(film, None, asked, request)

    def again(self, asked: Asked, request: gr.Request) -> Asked:
        """Estimate the same film with another patient, side or network."""
        there = _there(asked[self.case])
        page = self.page
        person = {
            "sex": SEXES[asked[page.sex]],
            "age": asked[page.age],
            "side": SIDES[asked[page.side]],
        }
        return self._estimated(there.film, there.truth, person, asked, request)

    def compare(self, asked: Asked, request: gr.Request) -> Asked:
        """Hold the estimate against a true map."""
        path = asked[self.page.truth]
        if path is None:
            return {}
        try:
            there = _there(asked[self.case])
            truth = read_truth(session.check_upload(Path(path)))
        finally:
            session.delete_upload(Path(path))
        compared(there.found, truth)  # another size is refused before anything changes
        return {**self._shown(replace(there, truth=truth), request), self.page.truth: None}

    def save(self, asked: Asked, request: gr.Request) -> Asked:
        """Hand out a file."""
        there = _there(asked[self.case])
        kind = asked[self.page.kind]
        path = export(there.film.film, there.found, session.fresh_folder(request), kinds=[kind])[
            kind
        ]
        return {
            self.page.saved: frame.handed(path),
            self.page.status: frame.said(f"Saved as {path.name}", "without patient data"),
        }

    def _sample(self, name: str, asked: Asked, request: gr.Request) -> Asked:
        film = ESTIMATOR.samples.open_sample(name)
        return self._opened(film, ESTIMATOR.sample_truth(name), asked, request)

    def _opened(
        self, film: Opened, truth: NDArray[np.float32] | None, asked: Asked, request: gr.Request
    ) -> Asked:
        """Show another film: nothing of the patient before stays."""
        page = self.page
        person: Asked = {"sex": film.film.sex, "age": film.film.age, "side": None}
        answer = self._estimated(film, truth, person, asked, request)
        age = None if film.film.age is None else round(film.film.age)
        fresh = {
            page.upload: None,
            page.truth: None,
            page.sex: sex_word(film.film.sex),
            page.age: age,
        }
        return {**answer, **fresh, page.side: "Found"}

    def _estimated(
        self,
        film: Opened,
        truth: NDArray[np.float32] | None,
        person: Asked,
        asked: Asked,
        request: gr.Request,
    ) -> Asked:
        # What the person has left open stays open: the film's own word was only the start.
        plain = replace(film.film, age=None, sex=None)
        found = ESTIMATOR.estimate(
            plain,
            **person,
            postmenopausal=MENOPAUSE[asked[self.page.menopause]],
            model=asked[self.page.model],
        )
        return self._shown(Case(film=film, found=found, truth=truth), request)

    def _shown(self, case: Case, request: gr.Request) -> Asked:
        page, film, found = self.page, case.film, case.found
        name, badge = film.title or "Film", "Virtual patient" if film.simulated else None
        value = packed(
            film.film,
            found,
            session.folder(request),
            name=name,
            badge=badge,
            compared=case.compared,
        )
        told = f"{found.bmd.density:.2f} g/cm²" if found.bmd else "no density is told"
        return {
            self.case: case,
            page.deck: value,
            page.scores: scores_html(found),
            page.more: more_html(found, case.compared),
            page.read: frame.facts(_facts(case)),
            page.save: gr.update(interactive=True),
            page.status: frame.said(
                found.model.id, f"learned from {learned_from(found.model)}", told, f"computed here, {found.seconds:.2f} s"
            ),
        }  # fmt: skip


def _facts(case: Case) -> dict[str, str]:
    film, found = case.film.film, case.found
    height, width = film.shape
    spacing = film.spacing
    return {
        "Film": f"{height} × {width} px, {case.film.detail}",
        "Pixel": f"{spacing[0]:.3f} × {spacing[1]:.3f} mm" if spacing else "size not in the file",
        "Hip": {"L": "left", "R": "right"}[found.prepared.side],
        "Known kind": found.domain.reason,
        "Left out": ", ".join(case.film.dropped) or "nothing",
    }


def _there(case: Case | None) -> Case:
    if case is None:
        raise RequestError("Open a film first.")
    return case


TAB = Tab(name="density", title="Density", fill=fill, works=lambda: bool(ESTIMATOR.models()))

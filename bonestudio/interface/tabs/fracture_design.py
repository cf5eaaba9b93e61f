"""Design: a fracture drawn on a virtual patient's film, its mask, its code, and the film refined."""

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from bonestudio.instruments.fracture.design import LEVEL, LEVELS, Design
from bonestudio.instruments.fracture.samples import samples, save_design
from bonestudio.instruments.fracture.studio import Drawn
from bonestudio.interface import frame, session
from bonestudio.interface.events import NETWORKS, QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs.fracture_design_page import (
    VIEWS,
    DesignPage,
    code,
    design_page,
    facts,
    mask,
)
from bonestudio.interface.tabs.fracture_shared import SIMULATED, STUDIO
from bonestudio.interface.viewers.fracture import packed_line
from bonestudio.interface.viewers.radiograph import Overlay, Sheet, Shown
from bonestudio.interface.words import learned_from, took

_CYAN = (76, 201, 240)
Asked = dict[Any, Any]


def design_panel() -> None:
    """Lay out the page and connect it."""
    page = design_page(STUDIO)
    answers = Answers(page=page)
    asked = set(page.controls.values())  # a handler then gets them by component
    shown = [page.viewer, page.line, page.code, page.mask, page.read, page.status]

    def on(event: Any, answer: Any, inputs: Any, to: Any, **options: Any) -> Any:
        return event(spoken(page.status, answer), inputs, to, **QUIET, **NETWORKS, **options)

    limited = [page.controls[name] for name in ("level", "view")]
    late = [on(page.line.open, answers.first, asked, shown)]
    for name, control in page.controls.items():
        to = [*shown, *limited] if name == "site" else shown
        on(
            control.input,
            answers.film_of(name),
            asked,
            to,
            trigger_mode="always_last",
            cancels=late,
        )
    both = [page.controls[name] for name in ("level", "obliquity")]
    on(page.line.moved, answers.moved, asked, [*shown, *both], trigger_mode="always_last")
    on(page.samples.pick, answers.sample, asked, [*shown, *page.controls.values()], cancels=late)
    on(page.another.click, answers.another, asked, [*shown, page.controls["patient"]])
    on(page.save.click, answers.save, asked, [page.saved, page.status])


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: DesignPage

    def first(self, asked: Asked, request: gr.Request) -> dict[Any, Any]:
        """Show the film to whoever comes here first."""
        return self._shown(self._design(asked), request, refine=self._refine(asked), keep=False)

    def film_of(self, changed: str) -> Any:
        """Return the answer to one control: the film as the controls now ask for it."""

        def answer(asked: Asked, request: gr.Request) -> dict[Any, Any]:
            design, more = self._design(asked), {}
            if changed == "site":  # a wrist's film ends where a forearm's break begins
                view = "PA" if design.view == "oblique" else design.view
                design = design.with_options(level=LEVEL[design.site], view=view)
                more = self._limits(design)
            keep = changed not in {"site", "view", "side", "patient"}
            return self._shown(design, request, refine=self._refine(asked), keep=keep) | more

        return answer

    def moved(self, asked: Asked, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        """Put the break where it was dragged to."""
        told = {"level": float(event.level), "obliquity": float(event.obliquity)}
        design = self._design(asked).with_options(**told)
        sliders = {self.page.controls[name]: value for name, value in told.items()}
        return self._shown(design, request, refine=self._refine(asked)) | sliders

    def sample(self, asked: Asked, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        """Take over a design that ships."""
        (design,) = (one.design for one in samples() if one.name == event.name)
        told: dict[Any, Any] = {
            control: design.as_dict()[name]
            for name, control in self.page.controls.items()
            if name != "refine"
        }
        told |= self._limits(design)
        return self._shown(design, request, refine=self._refine(asked), keep=False) | told

    def another(self, asked: Asked, request: gr.Request) -> dict[Any, Any]:
        """Break another patient's bone in the same way."""
        design = self._design(asked)
        design = design.with_options(patient=design.patient + 1)
        more = {self.page.controls["patient"]: design.patient}
        return self._shown(design, request, refine=self._refine(asked), keep=False) | more

    def save(self, asked: Asked, request: gr.Request) -> dict[Any, Any]:
        """Hand out the film, its mask and what makes both again."""
        made = STUDIO.design(self._design(asked), refine=self._refine(asked))
        path = save_design(made, session.fresh_folder(request) / "fracture.zip")
        said = frame.said(f"Saved as {path.name}", "film, mask and design, marked as simulated")
        return {self.page.saved: frame.handed(path), self.page.status: said}

    def _limits(self, design: Design) -> dict[Any, Any]:
        """Hold level and view to what the film can show."""
        low, high = LEVELS[design.site]
        level = gr.update(value=design.level, minimum=low, maximum=high)
        view = gr.update(value=design.view, choices=VIEWS[design.site])
        return {self.page.controls["level"]: level, self.page.controls["view"]: view}

    def _design(self, asked: Asked) -> Design:
        told = {name: asked[one] for name, one in self.page.controls.items() if name != "refine"}
        return Design(**{**told, "patient": int(told["patient"] or 0)})

    def _refine(self, asked: Asked) -> bool:
        return "refine" in self.page.controls and bool(asked[self.page.controls["refine"]])

    def _shown(
        self, design: Design, request: gr.Request, *, refine: bool, keep: bool = True
    ) -> dict[Any, Any]:
        started = time.perf_counter()
        made = STUDIO.design(design, refine=refine)
        parts = ["Virtual patient", "no network" if made.refiner is None else made.refiner.id]
        if made.refiner is not None:
            parts.append(f"learned from {learned_from(made.refiner)}")
        return {
            self.page.viewer: _sheet(made, keep=keep).packed(session.folder(request)),
            self.page.line: packed_line(made) or gr.update(value=None),
            self.page.code: code(design),
            self.page.mask: mask(made),
            self.page.read: frame.facts(facts(made)),
            self.page.status: frame.said(*parts, "computed here", took(started)),
        }


def _sheet(made: Drawn, *, keep: bool) -> Sheet:
    second = None
    if made.refined is not None:
        second = Shown(film=made.refined, name="Refined", badge=SIMULATED)
    painted = np.zeros((*made.film.shape, 4), np.uint8)
    painted[made.mask] = (*_CYAN, 255)
    masks = (Overlay(rgba=painted, name="Break", opacity=0.35),) if made.mask.any() else ()
    return Sheet(
        first=Shown(film=made.film, name="Virtual patient", badge=SIMULATED),
        second=second,
        overlays=masks,
        keep_view=keep,
    )

"""Segmentation: the bones of a film as masks, the wrist measured, both to be mended by hand."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.events import api
from numpy.typing import NDArray

from bonestudio.errors import RequestError
from bonestudio.instruments.lightbox.films import Opened
from bonestudio.instruments.segmentation.export import export, read_labels, seg_source
from bonestudio.instruments.segmentation.segmenter import Anatomy, BoneSegmenter, Segmentation
from bonestudio.instruments.segmentation.ways import Way, ways_here
from bonestudio.interface import frame, session
from bonestudio.interface.events import HOUR, NETWORKS, QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs import Tab
from bonestudio.interface.tabs.segmentation_api import segment
from bonestudio.interface.tabs.segmentation_page import (
    BOX,
    FILES,
    VIEWS,
    SegmentationPage,
    segmentation_page,
    usable_samples,
    way_choices,
)
from bonestudio.interface.viewers.segmentation import (
    WHEN_SETTLED,
    packed,
    packed_film,
    packed_findings,
    unpacked,
)
from bonestudio.interface.words import took

_segmenter = BoneSegmenter()
_ASKED = 10**6  # an answer that no stroke asked for counts after all strokes


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is open: the film, what a DICOM SEG refers to, what was found, a true mask."""

    film: Opened
    source: Any
    found: Segmentation
    value: dict[str, Any]
    truth: NDArray[np.uint8] | None = None

    @property
    def dice(self) -> dict[str, float] | None:
        """Dice bone by bone, where a true mask is loaded."""
        return None if self.truth is None else self.found.dice(self.truth)


def fill() -> None:
    """Lay out the tab and connect it."""
    page = segmentation_page()
    case = gr.State(None, time_to_live=HOUR)
    answers = Answers(page=page, case=case)
    outputs = [case, page.upload, page.truth, page.way, page.deck, page.found, page.read]
    outputs += [page.save, page.even, page.status]
    asked = [page.way, page.anatomy, page.view]

    def on(event: Any, answer: Any, inputs: Any, to: Any = outputs, **options: Any) -> Any:
        emptied = {page.upload.upload: [page.upload], page.truth.upload: [page.truth]}
        done = spoken(page.status, answer, *emptied.get(event, []))
        return event(done, inputs, to, **QUIET, **NETWORKS, **options)

    late = []
    if page.samples is not None:
        # The first sample must not come after, and over, what a quick visitor opens.
        late = [on(page.deck.open, answers.open_first, asked)]
        on(page.samples.pick, answers.open_sample, asked, cancels=late)
    on(page.upload.upload, answers.open_upload, [page.upload, *asked], cancels=late)
    on(page.way.input, answers.again, [case, *asked], trigger_mode="always_last")
    on(page.anatomy.input, answers.again, [case, *asked], trigger_mode="always_last")
    measured = [case, page.found, page.status]
    on(page.view.input, answers.look, [case, page.view], measured, trigger_mode="always_last")
    on(page.even.input, answers.even_out, [case, page.even], [case, page.deck, page.status])
    on(page.truth.upload, answers.compare, [case, page.truth], [*measured, page.truth])
    on(page.deck.edited, answers.edit, case, measured, trigger_mode="multiple")
    on(page.deck.moved, answers.move, case, measured, trigger_mode="multiple")
    on(page.save.click, answers.save, [case, page.kind], [page.saved, page.status], js=WHEN_SETTLED)
    api(segment, api_name="segment", **NETWORKS)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: SegmentationPage
    case: gr.State

    def open_first(
        self, way: Way, anatomy: Anatomy, view: str, request: gr.Request
    ) -> dict[Any, Any]:
        """Show the first sample."""
        return self._new(BOX.open_sample(usable_samples()[0]), None, (way, anatomy, view), request)

    def open_sample(
        self, way: Way, anatomy: Anatomy, view: str, event: gr.EventData, request: gr.Request
    ) -> dict[Any, Any]:
        """Show a sample."""
        return self._new(BOX.open_sample(event.name), None, (way, anatomy, view), request)

    def open_upload(
        self, path: str | None, way: Way, anatomy: Anatomy, view: str, request: gr.Request
    ) -> dict[Any, Any]:
        """Show a person's own film."""
        if path is None:
            return {}
        try:
            film = BOX.open(session.check_upload(Path(path)))
            source = seg_source(Path(path))
        finally:
            session.delete_upload(Path(path))
        return self._new(film, source, (way, anatomy, view), request)

    def again(
        self, case: Case | None, way: Way, anatomy: Anatomy, view: str, request: gr.Request
    ) -> dict[Any, Any]:
        """Segment the same film in another way."""
        there = _there(case)
        answer = self._new(there.film, there.source, (way, anatomy, view), request)
        again = replace(answer[self.case], truth=there.truth)
        findings = packed_findings(again.found, again.value["film"], dice=again.dice)
        return {**answer, self.case: again, self.page.found: findings}

    def look(self, case: Case | None, view: str) -> dict[Any, Any]:
        """Measure the wrist as one from the front or the side."""
        there = _there(case)
        return self._measured(there, there.found.seen_from(VIEWS[view]), _ASKED, "measured anew")

    def even_out(
        self,
        case: Case | None,
        evened: bool,  # noqa: FBT001 - a checkbox sends its value in place
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Show the film with its local contrast evened out, or as it was read."""
        there = _there(case)
        film = BOX.evened(there.film.film) if evened else there.film.film
        sheet = packed_film(film, session.folder(request), **_label(there.film))
        value = {**there.value, "sheet": sheet}
        words = "local contrast evened out" if evened else "contrast as read"
        return {
            self.case: replace(there, value=value),
            self.page.deck: value,
            self.page.status: frame.said("Film", words),
        }

    def compare(self, case: Case | None, path: str | None) -> dict[Any, Any]:
        """Say how well the masks agree with a true one."""
        if path is None:
            return {}
        try:
            there = _there(case)
            truth = read_labels(session.check_upload(Path(path)))
            compared = replace(there, truth=truth)
            whole = (compared.dice or {})["bone"]
        finally:
            session.delete_upload(Path(path))
        return {
            self.case: compared,
            self.page.found: packed_findings(
                compared.found, compared.value["film"], edit=_ASKED, dice=compared.dice
            ),
            self.page.truth: None,
            self.page.status: frame.said(f"Dice of bone against the true mask {whole:.3f}"),
        }

    def edit(self, case: Case | None, event: gr.EventData) -> dict[Any, Any]:
        """Take masks that a person has painted."""
        there = _there(case)
        found = there.found.with_masks(unpacked(str(event.masks), there.found))
        return self._measured(there, found, int(event.edit), "mask edited by hand, measured anew")

    def move(self, case: Case | None, event: gr.EventData) -> dict[Any, Any]:
        """Take points that a person has dragged."""
        there = _there(case)
        found = there.found.with_landmarks(dict(event.landmarks))
        return self._measured(there, found, int(event.edit), "line moved by hand")

    def save(self, case: Case | None, kind: str, request: gr.Request) -> dict[Any, Any]:
        """Hand out a file."""
        there = _there(case)
        if kind == "DICOM SEG" and there.source is None:
            raise RequestError("A DICOM SEG refers to a DICOM film; this one is none.")
        folder = session.fresh_folder(request)
        name = FILES[kind]
        path = export(there.found, folder, stem="bones", formats=[name], dicom=there.source)[name]
        return {
            self.page.saved: frame.handed(path),
            self.page.status: frame.said(f"Saved as {path.name}", "without patient data"),
        }

    def _measured(self, case: Case, found: Segmentation, edit: int, words: str) -> dict[Any, Any]:
        now = replace(case, found=found)
        return {
            self.case: now,
            self.page.found: packed_findings(found, now.value["film"], edit=edit, dice=now.dice),
            self.page.status: frame.said(found.model, words),
        }

    def _new(
        self, film: Opened, source: Any, asked: tuple[Way, Anatomy, str], request: gr.Request
    ) -> dict[Any, Any]:
        started = time.perf_counter()
        way, anatomy, view = asked
        here = ways_here(anatomy)
        chosen = way if way in here else here[0]
        found = _segmenter.segment(film.film, way=chosen, anatomy=anatomy, view=VIEWS[view])
        value = packed(found, session.folder(request), **_label(film))
        return {
            self.case: Case(film=film, source=source, found=found, value=value),
            self.page.upload: None,
            self.page.truth: None,
            self.page.way: gr.update(choices=way_choices(anatomy), value=chosen),
            self.page.deck: value,
            self.page.found: packed_findings(found, value["film"]),
            self.page.read: frame.facts(_facts(film)),
            self.page.save: gr.update(interactive=True),
            self.page.even: False,
            self.page.status: frame.said(
                found.model, f"learned from {found.learned_from}", "computed here", took(started)
            ),
        }


def _label(film: Opened) -> dict[str, Any]:
    return {"name": film.title or "Film", "badge": "Virtual patient" if film.simulated else None}


def _facts(opened: Opened) -> dict[str, str]:
    film = opened.film
    height, width = film.shape
    spacing = film.spacing
    known = {
        "Film": f"{height} × {width} px, {opened.detail}",
        "Pixel": f"{spacing[0]:.3f} × {spacing[1]:.3f} mm" if spacing else "size not in the file",
        "View": film.view,
        "Side": {"L": "left", "R": "right", None: None}[film.laterality],
        "Left out": None if opened.simulated else ", ".join(opened.dropped) or "nothing",
    }
    return {name: value for name, value in known.items() if value}


def _there(case: Case | None) -> Case:
    if case is None:
        raise RequestError("Open a film first.")
    return case


TAB = Tab(
    name="segmentation",
    title="Segmentation",
    fill=fill,
    works=lambda: bool(ways_here("hand")),
)

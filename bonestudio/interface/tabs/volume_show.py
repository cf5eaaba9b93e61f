"""How the Volume tab shows what a visitor has in hand: the picture at once, its numbers after it."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from bonestudio.checkpoints import Card
from bonestudio.imaging.types import Volume
from bonestudio.instruments.volume.keeping import Kept
from bonestudio.instruments.volume.measures import rows
from bonestudio.instruments.volume.session import Step
from bonestudio.interface import frame, session
from bonestudio.interface.tabs.volume_page import VolumePage
from bonestudio.interface.tabs.volume_work import KEPT, Work, editor
from bonestudio.interface.viewers import volume_editor as parts
from bonestudio.interface.viewers.volume import picture

Asked = dict[Any, Any]
SIMULATED = "SIMULATED"


@dataclass(frozen=True, kw_only=True)
class Show:
    """Values for the parts of the page that show volumes."""

    page: VolumePage
    work: gr.State

    def all(
        self, work: Work, asked: Asked, request: gr.Request, *said: str
    ) -> Iterator[dict[Any, Any]]:
        """Show the current step: first the volume, then what it measures."""
        started = time.perf_counter()
        KEPT.keep(str(request.session_hash), work)
        at = editor(work.model)
        volume = at.draw(work.session.now.code)
        seconds = f"{time.perf_counter() - started:.2f} s"
        page = self.page
        yield {
            self.work: work,
            page.viewer: self.view(work, volume, asked, request),
            page.other: self.beside(work, asked, request),
            page.history: self.steps(work),
            page.undo: gr.update(interactive=work.session.at > 0),
            page.redo: gr.update(interactive=work.session.at + 1 < len(work.session.steps)),
            page.second: frame.facts({"Chosen": work.second.name}),
            page.status: self.status(work, *said, f"drawn in {seconds}", "measuring …"),
        }
        told = self.numbers(work)
        said = (*said, *(one.words for one in self.kept(work) if not one.held))
        yield told | {page.status: self.status(work, *said, f"drawn in {seconds}")}

    def view(
        self,
        work: Work,
        volume: Volume,
        asked: Asked,
        request: gr.Request,
        *,
        stage: int | None = None,
    ) -> dict[str, Any]:
        """Return the viewer's value: the volume, and what changed since the start where that is asked."""
        before = None
        if asked.get(self.page.differ) and work.session.start is not work.session.now:
            first = editor(work.model).draw(work.session.start.code, stage=stage)
            before = first if first.shape == volume.shape else None
        return _pictured(
            volume,
            request,
            label=work.session.now.name,
            badge=f"{SIMULATED}: {work.session.now.name}",
            before=before,
        )

    def beside(self, work: Work, asked: Asked, request: gr.Request) -> Any:
        """Return the second viewer's update: shown when comparing."""
        if asked.get(self.page.mode) != "Compare":
            return gr.update(visible=False)
        against = asked.get(self.page.against)
        if against == "Scan" and work.scan is not None:
            return gr.update(
                visible=True,
                value=_pictured(work.scan, request, label="Scan as read", badge="Scan"),
            )
        step = work.second if against == "Second volume" else work.session.start
        value = _pictured(
            editor(work.model).draw(step.code),
            request,
            label=step.name,
            badge=f"{SIMULATED}: {step.name}",
        )
        return gr.update(visible=True, value=value)

    def steps(self, work: Work) -> str:
        """List the history."""
        return parts.steps([step.name for step in work.session.steps], work.session.at)

    def numbers(self, work: Work) -> dict[Any, Any]:
        """Measure the current step and the start."""
        at = editor(work.model)
        before, _ = at.found(work.session.start.code)
        after, realism = at.found(work.session.now.code)
        told = "" if realism is None else _realism(realism)
        why = after.why or before.why
        kept = "; ".join(one.words for one in self.kept(work))
        kept = f"This edit: {kept}" if kept else ""
        notes = [one for one in (kept, after.grain, told) if one]
        return {self.page.measures: parts.measures(rows(before, after), why=why, notes=notes)}

    def kept(self, work: Work) -> list[Kept]:
        """Measure what became of the attributes that the current step was to leave alone."""
        return editor(work.model).kept(work.session.before.code, work.session.now)

    def status(self, work: Work, *said: str) -> str:
        """Say what was done, with which weights."""
        card = editor(work.model).card
        return frame.said(
            work.session.now.name, card.id, learned_from(card), "computed here", *said
        )

    def neutral(self, work: Work) -> dict[Any, Any]:
        """Return every slider to where it changes nothing."""
        layers = editor(work.model).model.layers
        page = self.page
        return {
            page.share: 0,
            page.layers: gr.update(maximum=layers, value=layers),
            page.amount: 0,
        }


def fresh(work: Work) -> Work:
    """Begin another use of the sliders: what follows is a step of its own."""
    return replace(work, turn=secrets.token_hex(4))


def begun(model: str, name: str, code: Any, *, second: Step, **more: Any) -> Work:
    """Begin a history with a volume."""
    box = more.pop("box", None)
    started = editor(model).begin(name, code, box=box)
    return fresh(Work(model=model, session=started, second=second, **more))


def learned_from(card: Card) -> str:
    """Say in a few words what weights were trained on."""
    told = {"rsna": "real films", "phantom": "virtual patients", "own": "your own scans"}
    return f"learned from {told[card.family]}"


def _pictured(volume: Volume, request: gr.Request, **options: Any) -> dict[str, Any]:
    return picture(volume, folder=session.fresh_file(request, ""), **options)


def _realism(score: float) -> str:
    where = "lies among" if score >= 1 else "lies outside"
    return f"Realism {score:.2f}: {where} the stacks that the network learned from (1 is the edge)"

"""The long answers of the Volume tab: a scan inverted before one's eyes, an edit that meets a target."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Volume
from bonestudio.instruments.lightbox.scans import ScanViewer
from bonestudio.instruments.volume import codes as volume_codes
from bonestudio.instruments.volume.measures import UNITS, signed
from bonestudio.instruments.volume.session import Step
from bonestudio.interface import frame, session
from bonestudio.interface.jobs import Pace
from bonestudio.interface.tabs.volume_show import Asked, Show, fresh
from bonestudio.interface.tabs.volume_work import Work, editor, there
from bonestudio.interface.viewers import volume_editor as parts
from bonestudio.interface.words import took

Answer = Iterator[dict[Any, Any]]
_EVERY = 1.0  # seconds between two pictures of an inversion on the page


class LongAnswers(Show):
    """Answers that tell how far they are, and can be stopped."""

    def invert(self, asked: Asked, request: gr.Request) -> Answer:
        """Invert an upload."""
        path = asked[self.page.upload]
        if path is None:
            return
        try:
            scan = ScanViewer.open(session.check_upload(Path(path))).volume
        finally:
            session.delete_upload(Path(path))
        yield {self.page.upload: None}
        yield from self._inverted(scan, "Inverted scan", asked, request)

    def invert_sample(self, asked: Asked, event: gr.EventData, request: gr.Request) -> Answer:
        """Invert a scan that ships."""
        scan = ScanViewer.open_sample(event.name)
        title = scan.scan.title or event.name
        yield from self._inverted(scan.volume, f"Inverted: {title}", asked, request)

    def aim(self, asked: Asked, request: gr.Request) -> Answer:
        """Edit until an attribute has changed by what was asked for."""
        work, page = there(asked[self.work]), self.page
        name, change = asked[page.attribute], asked[page.change]
        if not name or change is None:
            raise RequestError(
                "Say which attribute is to change, and by how much; attributes have directions once "
                "'bonestudio volume learn' has fitted them."
            )
        at, now, unit = editor(work.model), work.session.now, UNITS[name]
        keep = at.shape_beside(name) if asked.get(page.keep) else ()
        best = None
        for attempt in at.edit_to(now.code, name, float(change), keep=keep):
            best = attempt
            said = f"{name} {signed(attempt.change, name)} {unit} at α {attempt.amount:+.2f}"
            yield {page.status: frame.said("Looking for the target", said)}
        assert best is not None  # noqa: S101 - it raises where nothing was reached
        code = volume_codes.moved(now.code, at.direction(name, keep=keep).step, best.amount)
        work = fresh(work)  # a step of its own, whichever control made the one before
        words = f"{name} {signed(best.change, name)} {unit}"
        step = Step(name=words, code=code, turn=work.turn, box=now.box, kept=keep)
        if keep:
            held = all(one.held for one in at.kept(now.code, step))
            step = replace(step, name=f"{words}, shape {'kept' if held else 'not kept'}")
        work = fresh(replace(work, session=work.session.then(step)))
        short = (
            "" if best.reached else f"asked for {signed(float(change), name)}, the nearest in reach"
        )
        yield self.neutral(work)
        yield from self.all(work, asked, request, short)

    def stopped(self) -> dict[Any, Any]:
        """Say that the inversion goes no further; what it reached is in the history."""
        return {
            self.page.cancel: gr.update(interactive=False),
            self.page.status: frame.said("Stopped; the best so far is shown"),
        }

    def ready(self) -> dict[Any, Any]:
        """Return what the controls look like while nothing is inverted."""
        return {self.page.cancel: gr.update(interactive=False), self.page.upload: None}

    def _inverted(self, scan: Volume, name: str, asked: Asked, request: gr.Request) -> Answer:
        page, model = self.page, str(asked[self.page.model])
        at, pace = editor(model), Pace(every=_EVERY)
        prepared = at.prepare(scan, whole=bool(asked[page.whole]))
        known: Work | None = asked[self.work]
        second = known.second if known is not None and known.model == model else None
        second = second or Step(name="seed 2", code=at.sample(seed=2))
        errors: list[float] = []
        work = known
        for step in at.invert(prepared, updates=int(asked[page.updates])):
            errors.append(step.rmse)
            if not pace.due(last=step.done == step.total):
                yield {}  # a place to stop at
                continue
            guess = "encoder's guess" if step.guess == "encoder" else "mean bone (no encoder here)"
            words = f"{name}, {step.done} updates" if step.done else f"{name}, {guess}"
            history = at.begin(words, step.code, box=prepared.box)
            work = fresh(Work(model=model, session=history, second=second, scan=prepared.volume))
            yield {
                self.work: work,
                page.viewer: self.view(work, at.draw(step.code), asked, request),
                page.history: self.steps(work),
                page.curve: parts.error_curve(errors, step.total),
                page.cancel: gr.update(interactive=step.done < step.total),
                page.status: frame.said(
                    f"Inverting: update {step.done} of {step.total}",
                    f"error {step.rmse:.0f} mg HA/cm³",
                    prepared.assumed,
                ),
            }
        assert work is not None  # noqa: S101 - the last update is always shown
        error = f"error {errors[-1]:.0f} mg HA/cm³"
        yield from self.all(work, asked, request, error, took(pace.started), prepared.assumed)

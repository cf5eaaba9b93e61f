"""Jobs of minutes: started by a button, watched while they run, stopped within one item.

A page lays out :func:`job_controls` and connects them to a generator of answers. The generator says
how far it is with ``Job.running``, asks its :class:`Pace` when that is due, ends with ``Job.at_rest``,
and yields an empty answer wherever else it may be stopped.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import gradio as gr

from bonestudio.interface import frame
from bonestudio.interface.events import JOBS, QUIET
from bonestudio.interface.refusal import spoken_steps

EVERY: Final = 0.4  # seconds between two pictures of what is done


@dataclass(frozen=True, kw_only=True)
class Job:
    """The controls of a job: start, Cancel, and a bar that says how many ``things`` are done."""

    start: gr.Button
    stop: gr.Button
    bar: gr.HTML
    things: str
    upload: gr.File | None = None

    def connect(
        self,
        action: Callable[..., Iterator[dict[Any, Any]]],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        *,
        status: gr.HTML,
        stopped: str,
        cancels: Any = None,
    ) -> None:
        """Let the start button run ``action``, and Cancel end it with the words ``stopped``.

        Parameters
        ----------
        outputs
            What ``action`` answers beside the controls and ``status``.
        cancels
            An event that gives way to the job.
        """

        def halt() -> dict[Any, Any]:
            return {**self.at_rest(), status: frame.said(stopped)}

        own = [*self.at_rest(), status]
        going = self.start.click(
            spoken_steps(status, action, self.at_rest),
            list(inputs),
            [*own, *outputs],
            cancels=cancels,
            **QUIET,
            **JOBS,
        )
        # Cancelling closes the generator after the item in hand; what it was writing goes with it.
        self.stop.click(halt, None, own, cancels=[going], queue=False, **QUIET)

    def running(self, done: int, total: int) -> dict[Any, Any]:
        """Return what the controls look like after ``done`` of ``total`` things."""
        return {
            self.start: gr.update(interactive=False),
            self.stop: gr.update(interactive=True),
            self.bar: progress_bar(done, total, things=self.things),
        }

    def at_rest(self) -> dict[Any, Any]:
        """Return what the controls look like while no job runs; an upload has been used up."""
        emptied = {} if self.upload is None else {self.upload: None}
        return {
            self.start: gr.update(interactive=True),
            self.stop: gr.update(interactive=False),
            self.bar: progress_bar(),
            **emptied,
        }


def job_controls(label: str, *, name: str, things: str, upload: gr.File | None = None) -> Job:
    """Lay out the controls of a job; ``name`` is where their ids begin.

    ``upload`` is the box of files that a job takes in; it is empty afterwards.
    """
    return Job(
        start=gr.Button(label, variant="primary", elem_id=f"{name}-start"),
        stop=gr.Button("Cancel", variant="stop", interactive=False, elem_id=f"{name}-stop"),
        bar=gr.HTML(progress_bar(), apply_default_css=False, js_on_load=None),
        things=things,
        upload=upload,
    )


@dataclass
class Pace:
    """When a picture of a running job is due: the first at once, then every so many seconds."""

    every: float = EVERY
    started: float = field(default_factory=time.perf_counter)
    _shown: float = -math.inf

    def due(self, *, last: bool = False) -> bool:
        """Whether to show what is done now; the ``last`` is always shown."""
        now = time.perf_counter()
        if not last and now - self._shown < self.every:
            return False
        self._shown = now
        return True

    def rate(self, done: int, things: str) -> str:
        """Say how fast the job is: '3.2 films a second'; nothing before the first is done."""
        return f"{done / (self._shown - self.started):.1f} {things} a second" if done else ""


def progress_bar(done: int = 0, total: int = 0, *, things: str = "") -> str:
    """Show how far a job is; nothing while none runs."""
    if not total:
        return '<div class="bs-progress" hidden></div>'
    share = 100 * done / total
    return (
        f'<div class="bs-progress" role="progressbar" aria-label="{things.capitalize()} done" aria-valuemin="0" '
        f'aria-valuemax="{total}" aria-valuenow="{done}"><span style="width:{share:.1f}%"></span>'
        f"<p>{done} of {total} {things}</p></div>"
    )

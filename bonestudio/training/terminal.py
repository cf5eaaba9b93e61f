"""What a person sees while training runs: a live bar, or plain lines where there is no terminal."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

UNITS = {"images_per_second": "images/s", "data_wait": "waiting for data"}


class View(Protocol):
    """Shows a run."""

    def start(self, title: str, *, step: int, steps: int) -> None:
        """Begin a run at ``step`` of ``steps``."""

    def advance(self, step: int) -> None:
        """Note that ``step`` steps are done."""

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        """Show the values of a log."""

    def say(self, sentence: str) -> None:
        """Show a sentence."""

    def stop(self) -> None:
        """End."""


def view_for(*, quiet: bool = False) -> View:
    """Choose the live view on a terminal, plain lines elsewhere, silence if asked for."""
    if quiet:
        return Silence()
    return LiveView() if sys.stdout.isatty() else PlainView()


def watched(numbers: Sequence[int], what: str) -> Iterable[int]:
    """Go through numbers under a progress bar, where there is a terminal to show it on."""
    if not sys.stdout.isatty():
        return numbers
    from rich.progress import track

    return track(numbers, description=what)


def readable(values: Mapping[str, float]) -> str:
    """Write values as a person reads them: 'd 0.693 · g 1.21 · 41 images/s'."""
    parts = []
    for name, value in values.items():
        if name == "data_wait":
            parts.append(f"{value:.1%} {UNITS[name]}")
        elif name == "images_per_second":
            parts.append(f"{value:.3g} {UNITS[name]}")
        elif name != "seconds":
            parts.append(f"{name} {value:.4g}")
    return " · ".join(parts)


class PlainView:
    """One line per log, for files and pipes."""

    def start(self, title: str, *, step: int, steps: int) -> None:
        """Say what begins."""
        self._steps = steps
        went_on = f", from step {step}" if step else ""
        print(f"{title}: {steps} steps{went_on}", flush=True)

    def advance(self, step: int) -> None:
        """Nothing moves in a file."""

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        """Print the line of a log, with the time left."""
        line = f"step {step}/{self._steps} · {readable(values)}"
        if "seconds" in values:
            left = timedelta(seconds=round(values["seconds"] * (self._steps - step)))
            line += f" · {left} left"
        print(line, flush=True)

    def say(self, sentence: str) -> None:
        """Print a sentence."""
        print(sentence, flush=True)

    def stop(self) -> None:
        """Nothing is left open."""


class LiveView:
    """A progress bar with losses, throughput and the time left."""

    def __init__(self) -> None:
        from rich import progress

        self._bar = progress.Progress(
            progress.TextColumn("[bold]{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[values]}"),
        )
        self._task: Any = None

    def start(self, title: str, *, step: int, steps: int) -> None:
        """Open the bar."""
        self._task = self._bar.add_task(title, total=steps, completed=step, values="")
        self._bar.start()

    def advance(self, step: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=step)

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        """Show the values of a log."""
        self._bar.update(self._task, completed=step, values=readable(values))

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._bar.console.print(sentence, highlight=False, markup=False)

    def stop(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()


class Silence:
    """Shows nothing: tests, and every process but the first."""

    def start(self, title: str, *, step: int, steps: int) -> None:
        """Stay silent."""

    def advance(self, step: int) -> None:
        """Stay silent."""

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        """Stay silent."""

    def say(self, sentence: str) -> None:
        """Stay silent."""

    def stop(self) -> None:
        """Stay silent."""

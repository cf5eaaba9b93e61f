"""Many films at once: a row each, watched while they are estimated, stopped within a film, handed out as CSV."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from bonestudio.errors import RequestError
from bonestudio.instruments.density.export import as_csv, estimate_films
from bonestudio.interface import frame, session
from bonestudio.interface.refusal import spoken_steps
from bonestudio.interface.tabs.density_page import SEXES, UNKNOWN
from bonestudio.interface.tabs.fracture_shared import PRIVATE, SETS_IN_TURN, took
from bonestudio.interface.viewers.density import table_html
from bonestudio.interface.viewers.fracture import progress_bar

_ABOUT = (
    "Estimates many films of hips, one after the other, into a table to take along. Age and sex are "
    "read from DICOM films; for others add a labels.csv with the columns file, age, sex."
)
_INSIDE = (
    "A row for each film: density of proximal femur, total hip and neck in g/cm² with its 90 % "
    "interval, T-score or Z-score, and the reason where no density is told."
)
_EVERY = 0.4  # seconds between two pictures of the table
_TABLE = "labels.csv"
_MOST = 1000  # films at once in the app; the command line has no such bound


@dataclass(frozen=True, kw_only=True)
class Page:
    """The parts of the page that events read or fill."""

    upload: gr.File
    sex: gr.Radio
    age: gr.Number
    start: gr.Button
    stop: gr.Button
    bar: gr.HTML
    table: gr.HTML
    read: gr.HTML
    saved: gr.HTML
    status: gr.HTML


def many_panel() -> None:
    """Lay out the page and connect it."""
    page = _page()
    answers = Answers(page=page)
    shown = [
        page.upload,
        page.start,
        page.stop,
        page.bar,
        page.table,
        page.read,
        page.saved,
        page.status,
    ]
    estimating = page.start.click(
        spoken_steps(page.status, answers.estimate, answers.ready),
        [page.upload, page.sex, page.age],
        shown,
        **{**PRIVATE, **SETS_IN_TURN},
    )
    # Cancelling closes the iterator after the film in hand; the uploads go with it.
    page.stop.click(
        answers.stopped, None, [page.upload, page.start, page.stop, page.bar, page.status],
        cancels=[estimating], queue=False, api_visibility="private", show_progress="hidden",
    )  # fmt: skip


def _page() -> Page:
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            upload = gr.File(
                label="Open films of hips", file_count="multiple", type="filepath", height=160, elem_id="density-films"
            )  # fmt: skip
            with gr.Accordion("More", open=False):
                frame.about("Of films that say neither:")
                sex = gr.Radio(list(SEXES), value=UNKNOWN, label="Sex", elem_id="density-many-sex")
                age = gr.Number(
                    label="Age, years (empty: unknown)", value=None, minimum=0, maximum=110, precision=0, elem_id="density-many-age"
                )  # fmt: skip
            start = gr.Button("Estimate all", variant="primary", elem_id="density-start")
            stop = gr.Button("Cancel", variant="stop", interactive=False, elem_id="density-stop")
            bar = gr.HTML(progress_bar(), apply_default_css=False, js_on_load=None)
        with frame.image():
            table = gr.HTML(
                table_html([]), elem_id="density-table", elem_classes="dn-fill", apply_default_css=False, js_on_load=None
            )  # fmt: skip
        with frame.findings():
            frame.heading("Estimated last")
            read = frame.facts_panel({"Films": "none yet"})
            frame.heading("In the CSV")
            frame.about(_INSIDE)
            saved = frame.download()
    status = frame.status_line("Nothing is being estimated")
    return Page(
        upload=upload, sex=sex, age=age, start=start, stop=stop, bar=bar, table=table, read=read,
        saved=saved, status=status,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: Page

    def estimate(
        self, paths: list[str] | None, sex: str, age: float | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        """Estimate all films, showing the table as it grows, and hand it out."""
        films, table = _named(paths)
        page, started = self.page, time.perf_counter()
        rows: list[dict[str, Any]] = []
        shown = 0.0
        try:
            for row in estimate_films(films, table=table, age=age, sex=SEXES[sex]):
                rows.append(row)
                if len(rows) < len(films) and time.perf_counter() - shown < _EVERY:
                    yield {}  # a place to stop at
                    continue
                shown = time.perf_counter()
                rate = f"{len(rows) / (shown - started):.1f} films a second"
                yield {
                    page.start: gr.update(interactive=False),
                    page.stop: gr.update(interactive=True),
                    page.bar: progress_bar(len(rows), len(films), things="films"),
                    page.table: table_html(rows),
                    page.status: frame.said("Estimating", rate),
                }
        finally:
            for path in [*films.values(), *([table] if table else [])]:
                session.delete_upload(path)
        path = session.fresh_folder(request) / "density.csv"
        path.write_bytes(as_csv(rows))
        told = sum(row["bmd_g_cm2"] is not None for row in rows)
        yield {
            **self.ready(),
            page.saved: frame.handed(path),
            page.read: frame.facts(
                {
                    "Films": str(len(rows)),
                    "Density told": str(told),
                    "Refused": str(len(rows) - told),
                }
            ),
            page.status: frame.said("Saved as density.csv", f"{len(rows)} films", took(started)),
        }

    def stopped(self) -> dict[Any, Any]:
        """Say that no more films are estimated."""
        return {
            **self.ready(),
            self.page.status: frame.said("Stopped; the table shows what was done, no file is made"),
        }

    def ready(self) -> dict[Any, Any]:
        """Return what the controls look like while nothing is estimated."""
        return {
            self.page.upload: None,
            self.page.start: gr.update(interactive=True),
            self.page.stop: gr.update(interactive=False),
            self.page.bar: progress_bar(),
        }


def _named(paths: list[str] | None) -> tuple[dict[str, Path], Path | None]:
    """Map films by the names that they had, a name that comes twice is numbered; and find the table."""
    tables = [Path(path) for path in paths or [] if Path(path).name == _TABLE]
    films = [Path(path) for path in paths or [] if Path(path).name != _TABLE]
    if not films:
        raise RequestError("Choose the films first.")
    if len(films) > _MOST:
        raise RequestError(
            f"{_MOST} films are the most at once here; 'bonestudio density FOLDER' takes any number."
        )
    named: dict[str, Path] = {}
    for path in films:
        name, again = path.name, 2
        while name in named:
            name, again = f"{path.stem} ({again}){path.suffix}", again + 1
        named[name] = path
    return named, tables[0] if tables else None

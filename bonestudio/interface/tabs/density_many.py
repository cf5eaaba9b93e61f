"""Many films at once: a row each, watched while they are estimated, stopped within a film, handed out as CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from bonestudio.errors import RequestError
from bonestudio.instruments.density.export import as_csv, estimate_films
from bonestudio.interface import frame, session
from bonestudio.interface.jobs import Job, Pace, job_controls
from bonestudio.interface.tabs.density_page import SEXES, UNKNOWN
from bonestudio.interface.viewers.density import table_html
from bonestudio.interface.words import took

_ABOUT = (
    "Estimates many films of hips, one after the other, into a table to take along. Age and sex are "
    "read from DICOM films; for others add a labels.csv with the columns file, age, sex."
)
_INSIDE = (
    "A row for each film: density of proximal femur, total hip and neck in g/cm² with its 90 % "
    "interval, T-score or Z-score, and the reason where no density is told."
)
_TABLE = "labels.csv"
_MOST = 1000  # films at once in the app; the command line has no such bound


@dataclass(frozen=True, kw_only=True)
class Page:
    """The parts of the page that events read or fill."""

    upload: gr.File
    sex: gr.Radio
    age: gr.Number
    job: Job
    table: gr.HTML
    read: gr.HTML
    saved: gr.HTML
    status: gr.HTML


def many_panel() -> None:
    """Lay out the page and connect it."""
    page = _page()
    page.job.connect(
        Answers(page=page).estimate,
        [page.upload, page.sex, page.age],
        [page.table, page.read, page.saved],
        status=page.status,
        stopped="Stopped; the table shows what was done, no file is made",
    )


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
            job = job_controls("Estimate all", name="density", things="films", upload=upload)
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
        upload=upload, sex=sex, age=age, job=job, table=table, read=read, saved=saved, status=status,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: Page

    def estimate(
        self, paths: list[str] | None, sex: str, age: float | None, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        """Estimate all films, showing the table as it grows, and hand it out."""
        page, pace = self.page, Pace()
        rows: list[dict[str, Any]] = []
        try:
            films, table = _named(paths)
            yield page.job.running(0, len(films))
            for row in estimate_films(films, table=table, age=age, sex=SEXES[sex]):
                rows.append(row)
                if not pace.due(last=len(rows) == len(films)):
                    yield {}  # a place to stop at
                    continue
                yield {
                    **page.job.running(len(rows), len(films)),
                    page.table: table_html(rows),
                    page.status: frame.said("Estimating", pace.rate(len(rows), "films")),
                }
        finally:
            for sent in paths or []:
                session.delete_upload(Path(sent))
        path = session.fresh_folder(request) / "density.csv"
        path.write_bytes(as_csv(rows))
        told = sum(row["bmd_g_cm2"] is not None for row in rows)
        yield {
            **page.job.at_rest(),
            page.saved: frame.handed(path),
            page.read: frame.facts(
                {
                    "Films": str(len(rows)),
                    "Density told": str(told),
                    "Refused": str(len(rows) - told),
                }
            ),
            page.status: frame.said(
                "Saved as density.csv", f"{len(rows)} films", took(pace.started)
            ),
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
    return named, session.check_upload(tables[0]) if tables else None

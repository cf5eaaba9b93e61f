"""Turing test, the investigator's side: design a study, watch it, unblind it, take the report home.

Readers never come here: each has a link to a page of his own (``bonestudio.interface.reader``).
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from bonestudio.errors import RequestError
from bonestudio.interface import frame, session
from bonestudio.interface.events import QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs import Tab
from bonestudio.interface.tabs.turing_form import KINDS, Form, study_form, study_of
from bonestudio.interface.tabs.turing_pages import (
    link_box,
    report_page,
    study_links,
    study_page,
    study_table,
)

if TYPE_CHECKING:  # loaded on first use of the tab
    from bonestudio.turing.store import Store, StudySummary

# What is pressed after a study was chosen is about that study, however slow the answer.
_IN_TURN: Final[dict[str, Any]] = {"concurrency_id": "studies", "concurrency_limit": 1}
_ABOUT = (
    "Opens blind reader studies. Each reader gets a link and sees nothing but the images; the "
    "questions and the statistics are fixed before the first answer."
)


@cache
def study_store() -> "Store":
    """Open the database of studies on first use."""
    from bonestudio.turing.store import Store

    return Store()


def fill() -> None:
    """Lay out the tab and connect it."""
    chosen = gr.State(None)
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            frame.heading("New study")
            form = study_form()
        with gr.Column(elem_classes=["bs-image", "bs-study"], min_width=0):
            table = study_table()
            sheet = gr.HTML("", elem_id="study-sheet", apply_default_css=False)
        with frame.findings():
            frame.heading("Links for readers")
            links = study_links()
            name = gr.Textbox(label="Add a reader", elem_id="study-reader")
            enrol = gr.Button("Make a link", elem_id="study-enrol")
            frame.heading("Unblind")
            reason = gr.Textbox(label="Reason, kept in the log", elem_id="study-reason")
            unblind = gr.Button("Unblind the study", elem_id="study-unblind")
            frame.heading("Report")
            report = gr.Button("Save report", elem_id="study-report")
            saved = [frame.download(), frame.download(), frame.download()]
    status = frame.status_line("No study is chosen")
    page = [chosen, table, sheet, status]

    def shown(study: str | None, said: str) -> dict[Any, Any]:
        return dict(zip(page, _page(study, said), strict=True))

    def pick(event: gr.EventData) -> dict[Any, Any]:
        return shown(event.name, "Study chosen") | {links: ""}

    def progress(study: str | None) -> dict[Any, Any]:
        # Asked every few seconds: an unblinded study's report stays as it is, and where it was scrolled to.
        fresh = dict(zip(page, _page(study, "", still=True), strict=True))
        return {part: fresh[part] for part in (table, sheet)}

    def add(study: str | None, reader: str) -> dict[Any, Any]:
        token = study_store().enrol(_one(study), reader)
        said = f"{reader.strip()} was added; the link is shown only now"
        return shown(study, said) | {links: link_box({reader.strip(): token}), name: ""}

    def open_truth(study: str | None, why: str) -> dict[Any, Any]:
        study_store().unblind(_one(study), reason=why)
        return shown(study, "Unblinded; nothing can be read any more") | {reason: ""}

    def save(study: str | None, request: gr.Request) -> dict[Any, Any]:
        from bonestudio.turing.export import write_report

        files = write_report(study_store(), _one(study), session.fresh_folder(request))
        handed = dict(zip(saved, map(frame.handed, files), strict=False))
        return handed | {status: frame.said("Report and answers saved")}

    _connect_form(form, page, links, status)
    quiet = {**QUIET, **_IN_TURN}
    table.pick(spoken(status, pick), None, [*page, links], **quiet)
    table.ask(spoken(status, progress), chosen, page, **quiet)
    enrol.click(spoken(status, add), [chosen, name], [*page, links, name], **quiet)
    unblind.click(spoken(status, open_truth), [chosen, reason], [*page, reason], **quiet)
    report.click(spoken(status, save), chosen, [*saved, status], **quiet)


def _connect_form(form: Form, page: list[Any], links: gr.HTML, status: gr.HTML) -> None:
    def open_study(*values: Any) -> dict[Any, Any]:
        made, readers = study_of(values)
        study = made.open(study_store())
        tokens = {name: study_store().enrol(study, name) for name in readers}
        said = f"Study {study} is open; its protocol is frozen"
        emptied = dict.fromkeys(form.uploads) | {form.title: "", links: link_box(tokens)}
        return dict(zip(page, _page(study, said), strict=True)) | emptied

    form.submit.click(
        spoken(status, open_study),
        form.fields,
        [*page, links, form.title, *form.uploads],
        **QUIET,
        **_IN_TURN,
    )


def _page(study: str | None, said: str, *, still: bool = False) -> tuple[Any, ...]:
    """Return what is chosen, the table, the chosen study's page and the status line.

    ``still``: the page of an unblinded study, which does not change any more, is left alone.
    """
    store = study_store()
    summaries = store.studies()
    chosen = next((one for one in summaries if one.id == study), None)
    rows = [_row(one, study) for one in summaries]
    if still and chosen and chosen.unblinded:
        return study, rows, gr.skip(), frame.said(said)
    return study, rows, _sheet(store, chosen) if chosen else "", frame.said(said)


def _one(study: str | None) -> str:
    if study is None:
        raise RequestError("Choose a study in the table first.")
    return study


def _row(one: "StudySummary", chosen: str | None) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "kind": KINDS[one.kind],
        "readers": len({p.reader for p in one.progress}),
        "read": f"{sum(p.answered for p in one.progress)}/{sum(p.total for p in one.progress)}",
        "state": "unblinded" if one.unblinded else "blind",
        "chosen": one.id == chosen,
    }


def _sheet(store: "Store", summary: "StudySummary") -> str:
    protocol, findings = store.protocol(summary.id), store.verify(summary.id)
    page = study_page(protocol, summary, findings)
    if summary.unblinded and any(p.answered for p in summary.progress):
        page += report_page(protocol, store.reads(summary.id), findings)
    return page


TAB = Tab(name="turing", title="Turing test", fill=fill)

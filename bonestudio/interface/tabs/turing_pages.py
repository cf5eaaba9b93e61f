"""What the investigator sees of studies: the table, one study's page, links, the report in a frame."""

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from bonestudio.interface.frame import facts

if TYPE_CHECKING:
    from bonestudio.turing.protocol import Protocol
    from bonestudio.turing.store import StudySummary

_TABLE = """
<table class="bs-table" aria-label="Studies">
<thead><tr><th>Study</th><th>Question</th><th>Readers</th><th>Read</th><th>Truth</th></tr></thead>
<tbody></tbody></table>
<p class="bs-about" hidden>There are no studies yet. The form on the left opens one; with virtual patients it takes a minute.</p>
"""

# Rows are laid out by the browser from the value; a name typed by a person is text, never markup.
_LAY_OUT = """
const body = element.querySelector('tbody');
const lay = () => {
  const studies = Array.isArray(props.value) ? props.value : [];
  element.querySelector('p').hidden = studies.length > 0;
  element.querySelector('table').hidden = studies.length === 0;
  body.replaceChildren(...studies.map((study) => {
    const row = document.createElement('tr');
    row.setAttribute('aria-selected', String(study.chosen));
    const open = document.createElement('button');
    open.type = 'button';
    open.textContent = study.title;
    open.addEventListener('click', () => trigger('pick', {name: study.id}));
    const cells = [open, study.kind, study.readers, study.read, study.state].map((content) => {
      const cell = document.createElement('td');
      cell.append(content);
      return cell;
    });
    row.append(...cells);
    return row;
  }));
};
watch('value', lay);
lay();
trigger('ask', {});
// Progress comes in while readers read; ask only while the table can be seen.
setInterval(() => { if (element.offsetParent && !document.hidden) trigger('ask', {}); }, 15000);
"""


def study_table() -> gr.HTML:
    """Place the table; it asks for its rows (``.ask``) and tells which one was chosen (``.pick``)."""
    return gr.HTML(
        value=None,
        html_template=_TABLE,
        js_on_load=_LAY_OUT,
        apply_default_css=False,
        elem_id="study-table",
    )


def study_page(protocol: "Protocol", summary: "StudySummary", findings: list[str]) -> str:
    """Lay out what was fixed, whether the log verifies, and how far each reader is."""
    from bonestudio.turing.audit import not_audited

    log = "complete and unchanged" if not findings else " ".join(findings)
    audit = ", ".join(f"{name} {auc:.2f}" for name, auc in protocol.audit.items())
    known = {
        "Study": summary.id,
        "Question": protocol.question,
        "Items": f"{len(protocol.questions)} and {len(protocol.items) - len(protocol.questions)} for practice; {100 * protocol.repeats:.0f} % shown twice",
        "Endpoint": protocol.primary_endpoint,
        "Margin": f"±{100 * protocol.margin:g} points, α {protocol.alpha:g}",
        "Leak audit": f"AUC {audit}" if audit else f"not audited: {not_audited(protocol.items)}",
        "Protocol": f"SHA-256 {protocol.hash[:24]}…",
        "Log": log,
    }
    bars = "".join(
        f"<div><dt>{escape(p.reader)}{f', reading {p.round}' if protocol.rounds > 1 else ''}</dt>"
        f'<dd><progress max="{p.total}" value="{p.answered}"></progress> {p.answered}/{p.total}</dd></div>'
        for p in summary.progress
    )
    readers = (
        f'<dl class="bs-facts">{bars}</dl>' if bars else '<p class="bs-about">No readers yet.</p>'
    )
    return (
        f'<section class="bs-card"><h2>{escape(summary.title)}</h2>{facts(known)}'
        f'<h2 class="bs-heading">Progress</h2>{readers}</section>'
    )


def report_page(protocol: "Protocol", rows: list[dict[str, Any]], findings: list[str]) -> str:
    """Show the report in a frame of its own, where it can neither run a script nor style the studio."""
    from bonestudio.turing.report import to_html
    from bonestudio.turing.results import analyse

    page = to_html(analyse(protocol, rows), verified=findings)
    return f'<iframe class="bs-report" sandbox title="Report" srcdoc="{escape(page, quote=True)}"></iframe>'


# A link is whole only with the address by which the investigator came here, which the browser knows.
_COMPLETE = """
const complete = () => {
  for (const box of element.querySelectorAll('input[value^="/"]')) {
    box.setAttribute('value', new URL(`.${box.getAttribute('value')}`, document.baseURI));
  }
};
new MutationObserver(complete).observe(element, {childList: true, subtree: true});
complete();
"""


def study_links() -> gr.HTML:
    """Place new links; they are completed with the address by which this page was reached."""
    return gr.HTML("", js_on_load=_COMPLETE, apply_default_css=False, elem_id="study-links")


def link_box(tokens: dict[str, str]) -> str:
    """Show new links once."""
    if not tokens:
        return ""
    rows = "".join(
        f'<label>{escape(name)}<input readonly value="/read/{escape(token)}" onfocus="this.select()"></label>'
        for name, token in tokens.items()
    )
    return f'<div class="bs-links">{rows}<p class="bs-about">Shown only now: copy each link and send it to its reader.</p></div>'

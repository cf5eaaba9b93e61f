"""What every tab shares: header, footer, the three columns, the status line, facts and samples.

A tab is filled like this::

    with page():
        with source(): ...     # left: samples, upload, the two or three controls that matter
        with image(): ...      # centre: a viewer, and under it the one control of the tab
        with findings(): ...   # right: numbers, plots, export
    status = status_line()
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

_HEADER = """
<h1 class="bs-brand"><a href="./">Bone Studio</a></h1>
<div class="bs-tools">
  <button type="button" class="bs-quiet" data-page="findings" aria-pressed="true" title="Show or fold the findings">Findings</button>
  <button type="button" class="bs-quiet" data-page="light" aria-pressed="false" title="Light or dark">Light</button>
</div>
"""

RESEARCH_USE = "Research use, not for diagnosis"


def header() -> None:
    """Name, and the two switches of the page: findings, light."""
    gr.HTML(_HEADER, elem_id="studio-header", apply_default_css=False, js_on_load=None)


def footer() -> None:
    """Say on every page what the studio is not for."""
    gr.HTML(
        f"<span>{RESEARCH_USE}</span>",
        elem_id="studio-footer",
        apply_default_css=False,
        js_on_load=None,
    )


@contextmanager
def inner_tab(title: str, *, name: str) -> Iterator[gr.Tab]:
    """One of a few pages inside a tab; put them in ``with gr.Tabs(elem_classes="bs-inner")``."""
    with gr.Tab(title, id=name, elem_id=f"inner-{name}") as tab:
        yield tab


@contextmanager
def page() -> Iterator[None]:
    """Three columns as high as the window."""
    with gr.Row(elem_classes="bs-page"):
        yield


@contextmanager
def source() -> Iterator[None]:
    """Left column, 280 px."""
    with gr.Column(elem_classes="bs-source", min_width=0):
        yield


@contextmanager
def image() -> Iterator[None]:
    """Centre, black, as large as the window allows."""
    with gr.Column(elem_classes="bs-image", min_width=0):
        yield


@contextmanager
def findings() -> Iterator[None]:
    """Right column, 300 px; the header folds it away."""
    with gr.Column(elem_classes="bs-findings", min_width=0):
        yield


def heading(text: str) -> None:
    """Small heading inside a column."""
    gr.HTML(f'<h2 class="bs-heading">{escape(text)}</h2>', apply_default_css=False, js_on_load=None)


def about(text: str) -> None:
    """One short line: what the tab does, what its weights were trained on."""
    gr.HTML(f'<p class="bs-about">{escape(text)}</p>', apply_default_css=False, js_on_load=None)


def status_line(text: str = "") -> gr.HTML:
    """Line at the foot of a tab; it also speaks to screen readers."""
    return gr.HTML(said(text), elem_classes="bs-status", apply_default_css=False, js_on_load=None)


def said(*parts: str) -> str:
    """Say what happened, for the status line: parts joined by middle dots."""
    text = " · ".join(escape(part) for part in parts if part)
    return f'<p role="status" aria-live="polite" title="{text}">{text}</p>'


def refused(sentence: str) -> str:
    """Say what went wrong and what would be right, for the status line."""
    told = escape(sentence)
    return f'<p role="alert" class="bs-refused" title="{told}"><b>Not done.</b> {told}</p>'


def facts(rows: Mapping[str, str]) -> str:
    """Table of names and values with their units."""
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in rows.items()
    )
    return f'<dl class="bs-facts">{cells}</dl>'


def facts_panel(rows: Mapping[str, str] | None = None) -> gr.HTML:
    """Place for facts."""
    return gr.HTML(facts(rows or {}), apply_default_css=False, js_on_load=None)


_FETCH = """
watch('value', () => {
  if (!props.value) return;
  const link = document.createElement('a');
  link.href = props.value.file.url;
  link.download = props.value.file.orig_name;
  document.body.append(link);
  link.click();
  link.remove();
});
"""


def download() -> gr.HTML:
    """Place an invisible slot: a value of ``handed(path)`` makes the browser save that file."""
    return gr.HTML(
        value=None,
        html_template="<span></span>",
        js_on_load=_FETCH,
        apply_default_css=False,
        elem_classes="bs-unseen",
    )


def handed(path: Path) -> dict[str, Any]:
    """Return what :func:`download` needs to save a file of the visitor's folder under its own name."""
    # Equal values would not be noticed, and a file may well be saved twice.
    file = FileData(path=str(path), orig_name=path.name)
    return {"file": file.model_dump(), "turn": secrets.token_hex(4)}


_PICK = """
const mark = (chosen) => {
  for (const other of element.querySelectorAll('button')) other.setAttribute('aria-pressed', other === chosen);
};
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('button[data-name]');
  if (!chosen) return;
  mark(chosen);
  trigger('pick', {name: chosen.dataset.name});
});
// Whoever opens a film of their own looks at none of these; a true mask or map belongs to the one that is open.
element.closest('.bs-source')?.addEventListener('change', (event) => {
  if (event.target.type === 'file' && !event.target.closest('[id$="-truth"]')) mark(null);
});
"""


def sample_strip(samples: Sequence[tuple[str, str, str]], *, opened: str = "") -> gr.HTML:
    """Thumbnails, one click each; listen with ``strip.pick`` and read ``event.name``.

    Parameters
    ----------
    samples
        (name, title, address of the thumbnail) each.
    opened
        Name of the one that a tab opens with.
    """
    buttons = "".join(
        f'<button type="button" data-name="{escape(name)}" aria-pressed="{str(name == opened).lower()}" title="{escape(title)}">'
        f'<img src="{escape(address)}" alt="" loading="lazy"><span>{escape(title)}</span></button>'
        for name, title, address in samples
    )
    return gr.HTML(
        f'<div class="bs-samples" role="group" aria-label="Samples">{buttons}</div>',
        apply_default_css=False,
        js_on_load=_PICK,
    )

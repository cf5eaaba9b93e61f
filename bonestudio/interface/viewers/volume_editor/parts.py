"""HTML of the volume editor's findings; each is a value of a ``gr.HTML``."""

from collections.abc import Mapping, Sequence
from html import escape

import gradio as gr

# Gradio looks for the names of events in this text, in single quotes.
# A page's random name outlives a reload, not its window; it says nothing of whoever looks at it.
_HISTORY = """
const key = 'bonestudio-volume';
let page = '';
try {
  page = sessionStorage.getItem(key) ?? '';
  if (!page) {
    page = Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, '0')).join('');
    sessionStorage.setItem(key, page);
  }
} catch { page = ''; }
const seen = new IntersectionObserver((entries) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  seen.disconnect();
  trigger('open', {page});
});
// The tab, not this list: on a small screen or with folded findings the list is not on the screen.
seen.observe(element.closest('[role="tabpanel"]') ?? element);
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('button[data-at]');
  if (chosen) trigger('go', {at: Number(chosen.dataset.at)});
});
"""
_WORDS = "Tb trabecular, Ct cortical, Tt whole bone; BMD density, Th thickness, Sp separation, N number, Ar area; BV/TV share of bone"
_WIDE, _HIGH = 248, 72  # pixels of the curve


def history() -> gr.HTML:
    """Place the list of steps: ``.open`` with ``event.page`` when it is first seen, ``.go`` with ``event.at`` for a click."""
    return gr.HTML(
        steps([], 0),
        apply_default_css=False,
        js_on_load=_HISTORY,
        elem_id="volume-history",
    )


def steps(names: Sequence[str], at: int) -> str:
    """List the steps, the one that is shown marked."""
    rows = "".join(
        f'<li><button type="button" data-at="{i}" aria-current="{"step" if i == at else "false"}">'
        f"{escape(name)}</button></li>"
        for i, name in enumerate(names)
    )
    return f'<ol class="ve-steps" aria-label="History">{rows or "<li>No volume yet</li>"}</ol>'


def measures(rows: Sequence[Mapping[str, str]], *, why: str = "", notes: Sequence[str] = ()) -> str:
    """Lay out a table of attributes: before, now, change, each with its unit; ``notes`` stand under it."""
    if why:
        return f'<p class="ve-why">Not measured: {escape(why)}</p>'
    body = "".join(
        f'<tr><th scope="row">{escape(row["name"])} <i>{escape(row["unit"])}</i></th>'
        f"<td>{escape(row['before'])}</td><td>{escape(row['after'])}</td>"
        f'<td data-sign="{_sign(row["change"])}">{escape(row["change"])}</td></tr>'
        for row in rows
    )
    foot = "".join(f'<p class="ve-realism">{escape(note)}</p>' for note in (*notes, _WORDS))
    return (
        '<table class="ve-measures"><thead><tr><th scope="col">Measured</th><th scope="col">Start</th>'
        f'<th scope="col">Now</th><th scope="col">Change</th></tr></thead><tbody>{body}</tbody></table>{foot}'
    )


def error_curve(errors: Sequence[float], total: int) -> str:
    """Draw the error after each update, mg HA/cm³; nothing while there is none."""
    if not errors:
        return ""
    top, low = max(errors), min(errors)
    reach = max(top - low, 1e-9)
    points = " ".join(
        f"{_WIDE * i / max(1, total):.1f},{4 + (_HIGH - 8) * (top - error) / reach:.1f}"
        for i, error in enumerate(errors)
    )
    said = f"Error {errors[-1]:.0f} mg HA/cm³ after {len(errors) - 1} of {total} updates"
    return (
        f'<figure class="ve-curve"><svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{said}">'
        f'<polyline points="{points}"/></svg><figcaption>{said}; it began at {errors[0]:.0f}</figcaption></figure>'
    )


def _sign(change: str) -> str:
    return {"+": "more", "\N{MINUS SIGN}": "less"}.get(change[:1], "")

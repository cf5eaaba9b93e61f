"""The Gradio side of the viewer: a fixed box, a script, and a value that the script watches."""

from pathlib import Path
from typing import Final

import gradio as gr

_FOLDER: Final = Path(__file__).parent

# The box never depends on the value, so Gradio never redraws it and the canvas stays as it is.
_BOX = '<div class="rv" data-viewer="radiograph"></div>'

_MOUNT = """
const address = new URL(`gradio_api/file=${props.script}`, document.baseURI);
import(address).then((viewer) => viewer.mount(element.querySelector('.rv'), props, watch));
"""


def radiograph_viewer(
    *, name: str, title: str = "Radiograph", upload: str | None = None
) -> gr.HTML:
    """Place a viewer; an event gives it ``sheet.packed(session.folder(request))``, or None for an empty box.

    Parameters
    ----------
    name
        Unlike any other viewer's on the page; the viewer keeps zoom and window under it.
    title
        What the box shows, for people who cannot see it.
    upload
        ``elem_id`` of the ``gr.File`` that takes a file dropped on the image.
    """
    return gr.HTML(
        value=None,
        html_template=_BOX,
        js_on_load=_MOUNT,
        apply_default_css=False,
        elem_id=f"viewer-{name}",
        elem_classes="bs-viewer",
        script=str(_FOLDER / "main.js"),
        title=title,
        upload=upload,
    )

"""The Gradio side of the viewer: a fixed box, a script, and a value that the script watches."""

from pathlib import Path
from typing import Final

import gradio as gr

from bonestudio.interface.viewers.scripted import scripted

_FOLDER: Final = Path(__file__).parent


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
    return scripted(
        _FOLDER / "main.js",
        "rv",
        elem_id=f"viewer-{name}",
        elem_classes="bs-viewer",
        title=title,
        upload=upload,
    )

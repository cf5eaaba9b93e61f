"""The whole app: header, one tab per instrument that works, footer."""

from typing import TYPE_CHECKING

import bonestudio.interface.silence  # noqa: F401 — before Gradio is imported
from bonestudio.interface import assets, session
from bonestudio.interface.frame import footer, header
from bonestudio.interface.tabs import working_tabs

if TYPE_CHECKING:
    import gradio as gr

# Uploads and pictures that a closed session left behind are swept once an hour after a day.
_SWEEP_SECONDS = (3600, 86400)


def build() -> "gr.Blocks":
    """Put the app together; nothing is loaded that a tab does not need to appear."""
    import gradio as gr

    session.open_folder()
    gr.set_static_paths([assets.FOLDER, assets.VIEWERS])
    studio: gr.Blocks
    with gr.Blocks(
        title="Bone Studio",
        analytics_enabled=False,
        fill_width=True,
        fill_height=True,
        delete_cache=_SWEEP_SECONDS,
    ) as studio:
        header()
        with gr.Tabs(elem_id="studio-tabs"):
            for tab in working_tabs():
                with gr.Tab(tab.title, id=tab.name, elem_id=f"tab-{tab.name}"):
                    tab.fill()
        footer()
        studio.unload(session.forget)
    return studio

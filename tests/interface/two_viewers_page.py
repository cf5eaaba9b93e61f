"""A page for tests: two viewers beside a text field, one with a second film, a wipe and an overlay."""

import sys
from dataclasses import replace

import gradio as gr
import numpy as np

from bonestudio.imaging import Radiograph
from bonestudio.interface import assets, frame, session
from bonestudio.interface.theme import ReadingRoom
from bonestudio.interface.viewers.radiograph import Overlay, Sheet, Shown, radiograph_viewer

rows, columns = np.mgrid[:80, :120].astype(np.float32)
dark = Radiograph(pixels=np.full((80, 120), 0.25, np.float32), spacing=(0.2, 0.2))
light = replace(dark, pixels=np.full((80, 120), 0.75, np.float32))
red = np.zeros((80, 120, 4), np.uint8)
red[20:40, 20:40] = (255, 0, 0, 255)
sheet = Sheet(
    first=Shown(film=dark, name="Input <b>film</b>"),
    second=Shown(film=light, name="Aged to 16", badge="Simulated"),
    overlays=(Overlay(rgba=red, name="physis", opacity=0.5),),
)
session.open_folder()
gr.set_static_paths([assets.FOLDER, assets.VIEWERS])
with gr.Blocks(analytics_enabled=False, fill_width=True) as page:
    with gr.Tabs(elem_id="studio-tabs"), gr.Tab("Two"):
        note = gr.Textbox(label="Note")
        strip = frame.sample_strip(
            [("hand", "Hand", "data:,"), ("wrist", "Wrist & <ulna>", "data:,")]
        )
        picked = gr.Textbox(label="Picked")
        with frame.page():
            with frame.image():
                left = radiograph_viewer(name="left", title="Left film")
            with frame.image():
                right = radiograph_viewer(name="right", title="Right film")

    def show(request: gr.Request):
        place = session.folder(request)
        return sheet.packed(place), Sheet(first=Shown(film=light, name="Other")).packed(place)

    def pick(event: gr.EventData) -> str:
        return event.name

    strip.pick(pick, None, picked, api_visibility="private")
    page.load(show, None, [left, right], api_visibility="private")
page.launch(
    server_port=int(sys.argv[1]),
    theme=ReadingRoom(),
    head=assets.page_head(),
    quiet=True,
    share=False,
    run_history=False,
)

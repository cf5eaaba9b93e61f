"""Fracture: sample hands, design a break, classify a study, export a labelled set."""

import gradio as gr

from bonestudio.instruments.fracture.abnormality import classifiers
from bonestudio.interface import frame
from bonestudio.interface.tabs import Tab
from bonestudio.interface.tabs.fracture_api import endpoints
from bonestudio.interface.tabs.fracture_classify import classify_panel
from bonestudio.interface.tabs.fracture_design import design_panel
from bonestudio.interface.tabs.fracture_export import export_panel
from bonestudio.interface.tabs.fracture_sample import sample_panel
from bonestudio.interface.tabs.fracture_shared import STUDIO


def fill() -> None:
    """Lay out the pages whose weights are here; Design and Export need none."""
    with gr.Tabs(elem_classes="bs-inner"):
        if STUDIO.models():
            with frame.inner_tab("Sample", name="fracture-sample"):
                sample_panel()
        with frame.inner_tab("Design", name="fracture-design"):
            design_panel()
        if classifiers():
            with frame.inner_tab("Classify", name="fracture-classify") as tab:
                classify_panel(tab)
        with frame.inner_tab("Export", name="fracture-export") as tab:
            export_panel(tab)
    endpoints()


TAB = Tab(name="fracture", title="Fracture", fill=fill)

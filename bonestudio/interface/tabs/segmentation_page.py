"""The layout of the Segmentation tab: what there is to see and to press."""

from dataclasses import dataclass
from typing import Final

import gradio as gr

from bonestudio.instruments.lightbox.films import LightBox
from bonestudio.instruments.segmentation.ways import Way, ways_here
from bonestudio.interface import frame
from bonestudio.interface.viewers.radiograph import radiograph_viewer
from bonestudio.interface.viewers.segmentation import mask_deck, mask_findings

_ABOUT = (
    "Finds the bones of a hand, wrist or forearm and measures the wrist. Learned from virtual "
    "patients: look at every mask, mend it with the brush."
)
WAYS: Final[dict[str, Way]] = {
    "Bone by bone (U-Net)": "unet",
    "All bone, in two steps": "two-step",
    "All bone, directly": "direct",
}
ANATOMIES: Final = {"Hand or wrist": "hand", "Forearm": "forearm"}
VIEWS: Final = {"As the bones show": None, "From the front": "PA", "From the side": "LL"}
FILES: Final = {
    "Mask, PNG": "mask",
    "Film with mask, PNG": "overlay",
    "NIfTI": "nifti",
    "Measurements, CSV": "csv",
    "DICOM SEG": "seg",
}
_SHOWN = ("3-wrist-broken", "4-wrist-side", "2-hand-12", "1-hand-5", "5-forearm-broken")
BOX: Final = LightBox()


@dataclass(frozen=True, kw_only=True)
class SegmentationPage:
    """The parts of the tab that events read or fill."""

    samples: gr.HTML | None
    upload: gr.File
    way: gr.Radio
    anatomy: gr.Radio
    view: gr.Radio
    even: gr.Checkbox
    truth: gr.File
    deck: gr.HTML
    found: gr.HTML
    kind: gr.Dropdown
    save: gr.Button
    read: gr.HTML
    saved: gr.HTML
    status: gr.HTML


def segmentation_page() -> SegmentationPage:
    """Lay out the tab."""
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            samples = _samples()
            upload = gr.File(
                label="Open a hand, wrist or forearm",
                type="filepath",
                height=88,
                elem_id="segmentation-upload",
            )
            way = gr.Radio(
                way_choices("hand"), value=ways_here("hand")[0], label="How", elem_id="bones-way"
            )
            with gr.Accordion("More", open=False):
                anatomy = gr.Radio(
                    list(ANATOMIES.items()), value="hand", label="Film", elem_id="bones-anatomy"
                )
                view = gr.Radio(
                    list(VIEWS), value=next(iter(VIEWS)), label="Wrist seen", elem_id="bones-view"
                )
                even = gr.Checkbox(label="Even out contrast (CLAHE)", elem_id="bones-even")
                truth = gr.File(
                    label="True mask (PNG of labels), for Dice",
                    type="filepath",
                    height=88,
                    elem_id="bones-truth",
                )
        with frame.image():
            radiograph_viewer(
                name="segmentation", title="Film with its bones", upload="segmentation-upload"
            )
            deck = mask_deck(viewer="segmentation")
        with frame.findings():
            found = mask_findings()
            frame.heading("Save")
            kind = gr.Dropdown(
                list(FILES), value="Mask, PNG", show_label=False, label="Kind of file", elem_id="bones-kind"
            )  # fmt: skip
            save = gr.Button("Save", interactive=False, elem_id="bones-save")
            frame.heading("What was read")
            read = frame.facts_panel()
            saved = frame.download()
    status = frame.status_line("Loading the network …")
    return SegmentationPage(
        samples=samples,
        upload=upload,
        way=way,
        anatomy=anatomy,
        view=view,
        even=even,
        truth=truth,
        deck=deck,
        found=found,
        kind=kind,
        save=save,
        read=read,
        saved=saved,
        status=status,
    )


def way_choices(anatomy: str) -> list[tuple[str, str]]:
    """List what can be chosen here: words, and the way."""
    here = ways_here(anatomy)
    return [(words, way) for words, way in WAYS.items() if way in here]


def usable_samples() -> list[str]:
    """Names of the shipped films of arms, the first to open first."""
    there = {one.name for one in BOX.samples()}
    return [name for name in _SHOWN if name in there]


def _samples() -> gr.HTML | None:
    shipped = {one.name: one for one in BOX.samples()}
    chosen = [shipped[name] for name in usable_samples()]
    if not chosen:
        return None
    gr.set_static_paths([one.path for one in chosen])
    return frame.sample_strip(
        [(one.name, one.title, f"gradio_api/file={one.path}") for one in chosen],
        opened=chosen[0].name,
    )

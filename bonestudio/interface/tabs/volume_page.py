"""The layout of the Volume tab: what there is to see and to press."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import gradio as gr

from bonestudio.checkpoints import Card
from bonestudio.instruments.lightbox import scans
from bonestudio.instruments.volume.cards import TRUNCATION, TRUNCATIONS, kind_of
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.instruments.volume.export import KINDS
from bonestudio.interface import frame
from bonestudio.interface.viewers import volume_editor as parts
from bonestudio.interface.viewers.volume import volume_viewer

Mode = Literal["Sample", "Invert", "Morph", "Mix", "Edit", "Compare"]
MODES: Final[tuple[Mode, ...]] = ("Sample", "Invert", "Morph", "Mix", "Edit", "Compare")
WITH: Final = ("Start", "Second volume", "Scan")
_ABOUT = (
    "Draws HR-pQCT stacks of the distal radius, opens a real one, morphs, mixes and edits it, and "
    "measures what each edit did. Everything drawn is simulated."
)
_LEARNED_FROM = {"rsna": "real films", "phantom": "virtual patients", "own": "your own scans"}


@dataclass(frozen=True, kw_only=True)
class VolumePage:
    """The parts of the tab that events read or fill; ``groups`` and ``sliders`` are shown by mode."""

    mode: gr.Radio
    model: gr.Dropdown
    seed: gr.Number
    truncation: gr.Slider
    draw: gr.Button
    another: gr.Button
    samples: gr.HTML | None
    upload: gr.File
    whole: gr.Checkbox
    updates: gr.Slider
    cancel: gr.Button
    curve: gr.HTML
    second: gr.HTML
    second_seed: gr.Number
    take: gr.Button
    direction: gr.Dropdown
    keep: gr.Checkbox
    attribute: gr.Dropdown
    change: gr.Number
    aim: gr.Button
    against: gr.Radio
    open: gr.File
    viewer: gr.HTML
    other: gr.HTML
    share: gr.Slider
    layers: gr.Slider
    amount: gr.Slider
    differ: gr.Checkbox
    measures: gr.HTML
    history: gr.HTML
    undo: gr.Button
    redo: gr.Button
    kind: gr.Radio
    save: gr.Button
    saved: gr.HTML
    status: gr.HTML
    groups: dict[str, Any]

    @property
    def sliders(self) -> dict[str, gr.Slider]:
        """The one control of a mode, under the image."""
        return {"Morph": self.share, "Mix": self.layers, "Edit": self.amount}


def volume_page() -> VolumePage:
    """Lay out the tab."""
    made: dict[str, Any] = {}
    groups: dict[str, Any] = {}
    cards = VolumeEditor.models()
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            made["mode"] = gr.Radio(MODES, value="Sample", label="Mode", elem_id="volume-mode")
            with gr.Column(visible=True, scale=0) as groups["Sample"]:
                _sample(made, cards[0])
            with gr.Column(visible=False, scale=0) as groups["Invert"]:
                _invert(made)
            with gr.Column(visible=False, scale=0) as groups["Second"]:
                _second(made)
            with gr.Column(visible=False, scale=0) as groups["Edit"]:
                _edit(made)
            with gr.Column(visible=False, scale=0) as groups["Compare"]:
                made["against"] = gr.Radio(
                    WITH, value="Start", label="Beside it", elem_id="volume-against"
                )
            with gr.Accordion("More", open=False):
                choices = [(named(card), card.id) for card in cards]
                made["model"] = gr.Dropdown(
                    choices, value=cards[0].id, label="Weights", elem_id="volume-weights"
                )
                made["open"] = gr.File(
                    label="Open a session (JSON)", type="filepath", height=88,
                    file_types=[".json"], elem_id="volume-open",
                )  # fmt: skip
        with frame.image():
            with gr.Row(elem_classes="ve-pair"):
                made["viewer"] = volume_viewer(name="volume", group="volumes")
                made["other"] = volume_viewer(name="volume-other", group="volumes", visible=False)
            _sliders(made, groups)
        with frame.findings():
            made["measures"] = gr.HTML(
                "", apply_default_css=False, js_on_load=None, elem_id="volume-measures"
            )
            made["differ"] = gr.Checkbox(
                label="Show what changed, red and blue", elem_id="volume-differ"
            )
            frame.heading("History")
            made["history"] = parts.history()
            with gr.Row(elem_classes="ve-row"):
                made["undo"] = gr.Button(
                    "Undo", size="sm", interactive=False, elem_id="volume-undo"
                )
                made["redo"] = gr.Button(
                    "Redo", size="sm", interactive=False, elem_id="volume-redo"
                )
            frame.heading("Save")
            made["kind"] = gr.Radio(
                list(KINDS), value="NIfTI", label="What to save", show_label=False,
                elem_id="volume-kind",
            )  # fmt: skip
            made["save"] = gr.Button("Save", elem_id="volume-save")
            made["saved"] = frame.download()
    made["status"] = frame.status_line("Loading the network …")
    return VolumePage(**made, groups=groups)


def named(card: Card) -> str:
    """Name weights by their generator and what they learned from."""
    return f"{kind_of(card)}, {card.name}, {_LEARNED_FROM[card.family]}"


def truncation_of(card: Card) -> dict[str, Any]:
    """Say how far the truncation of a generator goes, and where the paper has it."""
    kind = kind_of(card)
    low, high = TRUNCATIONS[kind]
    label = "Variety (truncation ψ)" if kind == "3D-StyleGAN" else "Variety (truncation), SD"
    return {"minimum": low, "maximum": high, "value": TRUNCATION[kind], "label": label}


def _sample(made: dict[str, Any], card: Card) -> None:
    made["seed"] = gr.Number(value=1, label="Seed", precision=0, minimum=0, elem_id="volume-seed")
    made["truncation"] = gr.Slider(
        **truncation_of(card), step=0.05,
        elem_id="volume-truncation",
    )  # fmt: skip
    with gr.Row(elem_classes="ve-row"):
        made["draw"] = gr.Button("Draw", variant="primary", elem_id="volume-draw")
        made["another"] = gr.Button("Another", elem_id="volume-another")


def _invert(made: dict[str, Any]) -> None:
    shipped = scans.samples()
    made["samples"] = None
    if shipped:
        gr.set_static_paths([sample.thumbnail for sample in shipped])
        made["samples"] = frame.sample_strip(
            [(s.name, s.title, f"gradio_api/file={s.thumbnail.as_posix()}") for s in shipped]
        )
    made["upload"] = gr.File(
        label="Open a scan to fit (NIfTI, AIM, ISQ …)", type="filepath", height=88,
        elem_id="volume-upload",
    )  # fmt: skip
    made["whole"] = gr.Checkbox(label="The whole scan, stack by stack", elem_id="volume-whole")
    made["updates"] = gr.Slider(
        0, 300, value=100, step=10, label="Fitting steps",
        elem_id="volume-updates",
    )  # fmt: skip
    made["cancel"] = gr.Button(
        "Stop here", variant="stop", interactive=False, elem_id="volume-cancel"
    )
    made["curve"] = gr.HTML("", apply_default_css=False, js_on_load=None, elem_id="volume-curve")


def _second(made: dict[str, Any]) -> None:
    frame.heading("Second volume")
    made["second"] = gr.HTML(
        frame.facts({"Chosen": "seed 2"}), apply_default_css=False, js_on_load=None,
        elem_id="volume-second",
    )  # fmt: skip
    made["second_seed"] = gr.Number(
        value=2, label="Draw it from seed", precision=0, minimum=0, elem_id="volume-second-seed"
    )
    made["take"] = gr.Button("Take the volume shown", elem_id="volume-take")


def _edit(made: dict[str, Any]) -> None:
    made["direction"] = gr.Dropdown([], label="Direction", elem_id="volume-direction")
    made["keep"] = gr.Checkbox(
        value=True, label="Try to keep the shape (Tt.Ar, Ct.Th)", elem_id="volume-keep"
    )
    frame.heading("Edit to a target")
    made["attribute"] = gr.Dropdown([], label="Attribute", elem_id="volume-attribute")
    made["change"] = gr.Number(
        value=20, label="Change, in the unit of the table", elem_id="volume-change"
    )
    made["aim"] = gr.Button("Edit to the target", elem_id="volume-aim")


def _sliders(made: dict[str, Any], groups: dict[str, Any]) -> None:
    """Put the one control of each mode under the image."""
    with gr.Column(visible=False, scale=0, elem_classes="ve-slider") as groups["share"]:
        made["share"] = gr.Slider(
            0, 1, value=0, step=0.01, elem_id="volume-share",
            label="Share of the second volume, 0 to 1",
        )  # fmt: skip
    with gr.Column(visible=False, scale=0, elem_classes="ve-slider") as groups["layers"]:
        made["layers"] = gr.Slider(
            0, 15, value=15, step=1, elem_id="volume-layers",
            label="Layers that keep this volume's style; finer ones take the second's",
        )  # fmt: skip
    with gr.Column(visible=False, scale=0, elem_classes="ve-slider") as groups["amount"]:
        made["amount"] = gr.Slider(
            -6, 6, value=0, step=0.1, elem_id="volume-amount",
            label="α along the direction, standard deviations",
        )  # fmt: skip

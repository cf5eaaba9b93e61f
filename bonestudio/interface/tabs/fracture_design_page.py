"""The layout of Design: sliders left, the film in the middle, code and mask right."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import gradio as gr

from bonestudio.instruments.fracture.design import LEVELS, Design, Site
from bonestudio.instruments.fracture.samples import samples
from bonestudio.instruments.fracture.studio import Drawn, FractureStudio
from bonestudio.interface import frame
from bonestudio.interface.viewers.fracture import fracture_line
from bonestudio.interface.viewers.radiograph import radiograph_viewer

_ABOUT = (
    "Breaks the arm of a virtual patient. Drag the line on the film, or use the sliders; "
    "every image is simulated."
)
VIEWS: dict[Site, list[tuple[str, str]]] = {
    "forearm": [("PA", "PA"), ("Lateral", "lateral")],
    "wrist": [("PA", "PA"), ("Lateral", "lateral"), ("Oblique", "oblique")],
}
_DIRECTIONS = [("Thumb", 0.0), ("Little finger", 180.0), ("Back of hand", 90.0), ("Palm", -90.0)]


@dataclass(frozen=True, kw_only=True)
class DesignPage:
    """The parts of the page that events read or fill; ``controls`` by the name of the option."""

    samples: gr.HTML
    controls: dict[str, Any]
    another: gr.Button
    viewer: gr.HTML
    line: gr.HTML
    code: gr.HTML
    mask: gr.HTML
    read: gr.HTML
    save: gr.Button
    saved: gr.HTML
    status: gr.HTML


def design_page(studio: FractureStudio) -> DesignPage:
    """Lay out the page."""
    start = samples()[0].design
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            strip = _samples()
            controls = {**_film(start), **_break(start)}
            with gr.Accordion("More", open=False):
                more, another = _patient(start)
            controls |= more
        with frame.image():
            viewer = radiograph_viewer(name="fracture", title="Film of the designed fracture")
            line = fracture_line(viewer="fracture")
        with frame.findings():
            classified = _html(code(start))
            if studio.refines():
                controls["refine"] = gr.Checkbox(
                    value=True, label="Refined beside it (CycleGAN)", elem_id="fracture-refine"
                )
            frame.heading("Mask")
            masked = _html("")
            frame.heading("The break, as it is on the film")
            read = frame.facts_panel()
            frame.heading("Save")
            save = gr.Button("Save film, mask, design", elem_id="fracture-save")
            saved = frame.download()
    status = frame.status_line("Drawing the first film …")
    return DesignPage(
        samples=strip,
        controls=controls,
        another=another,
        viewer=viewer,
        line=line,
        code=classified,
        mask=masked,
        read=read,
        save=save,
        saved=saved,
        status=status,
    )


def code(design: Design) -> str:
    """AO/OTA code of what is asked for."""
    if not design.broken:
        return '<p class="fx-code">Not broken<small>the same patient\'s healthy bone</small></p>'
    return f'<p class="fx-code">{design.ao_code}<small>AO/OTA 2018, as asked for</small></p>'


def mask(made: Drawn) -> str:
    """Show where the break is, as the truth has it."""
    picture = b64encode(made.mask_picture()).decode()
    said = "where the break is" if made.design.broken else "nothing is broken"
    return (
        f'<img class="fx-mask" src="data:image/png;base64,{picture}" '
        f'alt="Mask of radius and ulna: {said}">'
    )


def facts(made: Drawn) -> dict[str, str]:
    """List what the truth says about the film."""
    pixel = made.film.spacing[0] if made.film.spacing else 1.0
    told = {"Film": f"{made.film.shape[0]} × {made.film.shape[1]} px of {pixel:.2f} mm"}
    if made.design.broken:
        told["Mask"] = f"{made.mask.sum()} px, {made.mask.sum() * pixel**2:.0f} mm²"
        ends = {"_proximal", "_distal"}
        pieces = [n for n in made.truth.masks if any(e in n for e in (*ends, "_chip_"))]
        told["Fragments"] = f"{len(pieces)}"
        told["Slope visible"] = (
            f"{abs(made.line.seen) * 100:.0f} % in this view" if made.line else ""
        )
    names = {
        "radial_inclination": ("Radial inclination", "°"),
        "volar_tilt": ("Volar tilt", "°"),
        "ulnar_variance_mm": ("Ulnar variance", " mm"),
    }
    for key, value in {**made.truth.angles, **made.truth.measures}.items():
        if key in names:
            told[names[key][0]] = f"{value:.1f}{names[key][1]}".replace("-", "\N{MINUS SIGN}")
    return told


def _samples() -> gr.HTML:
    shipped = samples()
    gr.set_static_paths([one.thumbnail for one in shipped])
    return frame.sample_strip(
        [(one.name, one.title, f"gradio_api/file={one.thumbnail}") for one in shipped],
        opened=shipped[0].name,
    )


def _film(start: Design) -> dict[str, Any]:
    return {
        "site": _radio("site", "Film", [("Forearm", "forearm"), ("Wrist", "wrist")], start),
        "view": _radio("view", "View", VIEWS[start.site], start),
        "bone": _radio(
            "bone", "Broken bone", [("Radius", "radius"), ("Ulna", "ulna"), ("Both", "both")], start
        ),
    }


def _break(start: Design) -> dict[str, Any]:
    low, high = LEVELS[start.site]
    return {
        "level": _slider("level", "Level, elbow 0 to wrist 1", (low, high, 0.01), start),
        "obliquity": _slider("obliquity", "Obliquity, degrees", (0, 65, 1), start),
        "gap": _slider("gap", "Gap, mm", (0, 40, 0.5), start),
        "displacement": _slider("displacement", "Displacement, mm", (0, 20, 0.5), start),
        "angulation": _slider("angulation", "Angulation, degrees", (0, 40, 1), start),
        "comminution": _slider("comminution", "Comminution, 0 to 1", (0, 1, 0.05), start),
        "direction": _radio("direction", "Leans towards", _DIRECTIONS, start),
        "hardware": _radio(
            "hardware",
            "Hardware",
            [("None", "none"), ("Plate", "plate"), ("Wires", "wires")],
            start,
        ),
    }


def _patient(start: Design) -> tuple[dict[str, Any], gr.Button]:
    broken = gr.Checkbox(value=start.broken, label="Broken", elem_id="fracture-broken")
    side = _radio("side", "Arm", [("Left", "L"), ("Right", "R")], start)
    sex = _radio("sex", "Sex", [("Woman", "F"), ("Man", "M")], start)
    age = _slider("age", "Age, years", (18, 95, 1), start)
    patient = gr.Number(
        value=start.patient, label="Patient (seed)", precision=0, minimum=0,
        elem_id="fracture-patient",
    )  # fmt: skip
    another = gr.Button("Another patient", size="sm", elem_id="fracture-another")
    look = _radio("style", "Look", [("Film", "natural"), ("Clean", "synthetic")], start)
    told = {"broken": broken, "side": side, "sex": sex, "age": age, "patient": patient}
    return {**told, "style": look}, another


def _radio(name: str, label: str, choices: Any, start: Design) -> gr.Radio:
    return gr.Radio(choices, value=getattr(start, name), label=label, elem_id=f"fracture-{name}")


def _slider(name: str, label: str, span: tuple[float, float, float], start: Design) -> gr.Slider:
    low, high, step = span
    return gr.Slider(
        low, high, value=getattr(start, name), step=step, label=label, elem_id=f"fracture-{name}"
    )


def _html(text: str) -> gr.HTML:
    return gr.HTML(text, apply_default_css=False, js_on_load=None)

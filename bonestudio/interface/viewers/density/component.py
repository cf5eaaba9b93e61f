"""The Gradio side of the map: a fixed box under the viewer, and the value that its script watches."""

from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np

from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.density.estimator import Estimate
from bonestudio.instruments.density.pictures import (
    ERROR_SCALE,
    SCALE,
    coloured,
    error_layer,
    map_layer,
    region_layer,
)
from bonestudio.instruments.density.truth import Compared
from bonestudio.interface.viewers.radiograph import Overlay, Sheet, Shown
from bonestudio.interface.viewers.scripted import scripted, written

_SCRIPT: Final = Path(__file__).parent / "main.js"
_STEPS: Final = 9  # colours that the bar is drawn from
OPACITY: Final = 0.6


def density_deck(*, viewer: str) -> gr.HTML:
    """Place opacity, colour bar, layers and read-out under the radiograph viewer of a name.

    Listen with ``.open``: the viewer is seen for the first time.
    """
    return scripted(
        _SCRIPT,
        "dn",
        elem_id="density-deck",
        events=("open",),
        elem_classes="bs-deck",
        viewer=viewer,
        bar={
            "scale": SCALE,
            "colours": coloured(np.linspace(*SCALE, _STEPS, dtype=np.float32)).tolist(),
            "error": ERROR_SCALE,
        },
    )


def packed(
    film: Radiograph,
    found: Estimate,
    folder: Path,
    *,
    name: str,
    badge: str | None,
    compared: Compared | None = None,
) -> dict[str, Any]:
    """Write film, layers and densities into the visitor's folder and say what they are: the deck's value.

    A film that was refused comes without layers: a map of what is no hip would only mislead.
    """
    layers: tuple[Overlay, ...] = ()
    values = None
    if found.told:
        layers = (
            Overlay(rgba=map_layer(found), name="map", opacity=OPACITY),
            Overlay(rgba=region_layer(found), name="regions", opacity=OPACITY),
        )
        if compared is not None:
            layers += (Overlay(rgba=error_layer(compared.error), name="error", opacity=OPACITY),)
        mg = np.rint(found.density.clip(0, 60) * 1000).astype(np.uint16)
        values = written(mg, folder, name="density")
    sheet = Sheet(first=Shown(film=film, name=name, badge=badge), overlays=layers)
    return {"sheet": sheet.packed(folder), "values": values, "told": found.told}

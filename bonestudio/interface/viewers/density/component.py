"""The Gradio side of the map: a fixed box under the viewer, and the value that its script watches."""

import gzip
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.density import Estimate
from bonestudio.instruments.density_pictures import (
    ERROR_SCALE,
    SCALE,
    coloured,
    error_layer,
    map_layer,
    region_layer,
)
from bonestudio.instruments.density_truth import Compared
from bonestudio.interface.viewers.radiograph import Overlay, Sheet, Shown

_FOLDER: Final = Path(__file__).parent
_STEPS: Final = 9  # colours that the bar is drawn from
OPACITY: Final = 0.6
# Gradio looks for the names of events in this text, in single quotes.
_DECK = (
    "const address = new URL(`gradio_api/file=${props.script}`, document.baseURI);\n"
    "import(address).then((deck) => deck.mount(element, props, watch, {open: () => trigger('open', {})}));"
)


def density_deck(*, viewer: str) -> gr.HTML:
    """Place opacity, colour bar, layers and read-out under the radiograph viewer of a name.

    Listen with ``.open``: the viewer is seen for the first time.
    """
    return gr.HTML(
        value=None,
        html_template='<div class="dn" data-viewer="density"></div>',
        js_on_load=_DECK,
        apply_default_css=False,
        elem_id="density-deck",
        elem_classes="bs-deck",
        script=str(_FOLDER / "main.js"),
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
        path = folder / f"{token_urlsafe(16)}.u16.gz"
        mg = np.rint(found.density.clip(0, 60) * 1000).astype("<u2")
        path.write_bytes(gzip.compress(mg.tobytes(), 1))
        values = FileData(path=str(path), orig_name="density").model_dump()
    sheet = Sheet(first=Shown(film=film, name=name, badge=badge), overlays=layers)
    return {"sheet": sheet.packed(folder), "values": values, "told": found.told}

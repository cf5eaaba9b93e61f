"""The Gradio side of the age slider: two fixed boxes, and the value that their script watches."""

import gzip
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

import gradio as gr
import numpy as np
from gradio.data_classes import FileData

from bonestudio.instruments.age import SIMULATED, Progression

_FOLDER: Final = Path(__file__).parent
_IMPORT: Final = "const address = new URL(`gradio_api/file=${props.script}`, document.baseURI);\n"
_DECK = _IMPORT + "import(address).then((age) => age.mountDeck(element, props, watch));"
# Gradio looks for the event's name in this text, in single quotes.
_SAVE = "(told) => trigger('save', told)"
_FINDINGS = _IMPORT + f"import(address).then((age) => age.mountFindings(element, {_SAVE}));"


def age_deck(*, viewer: str) -> gr.HTML:
    """Place slider and strip under the radiograph viewer of a name, whose films they then provide."""
    return gr.HTML(
        value=None,
        html_template='<div class="ag" data-viewer="age"></div>',
        js_on_load=_DECK,
        apply_default_css=False,
        elem_id="age-deck",
        elem_classes="bs-deck",
        script=str(_FOLDER / "main.js"),
        viewer=viewer,
    )


def age_findings() -> gr.HTML:
    """Place readings, difference map and export; listen with ``.save``: ``event.kind``, ``event.age``."""
    return gr.HTML(
        value=None,
        html_template='<div class="ag-findings"></div>',
        js_on_load=_FINDINGS,
        apply_default_css=False,
        elem_id="age-findings",
        script=str(_FOLDER / "main.js"),
    )


def packed(
    made: Progression, folder: Path, *, weights: str, badge: str | None, keep_age: bool = False
) -> dict[str, Any]:
    """Write all images of a progression into the visitor's folder, once, and say what they are.

    Parameters
    ----------
    weights
        What the weights were trained on, in a few words; it stands where an aged image stands.
    badge
        Beside the film's own name, when it is not of a person.
    keep_age
        The slider stays where it is (the same bone, told differently).
    """
    film = made.prepared.film
    images = np.stack([film.pixels, made.reconstruction, *made.frames])
    path = folder / f"{token_urlsafe(16)}.u8.gz"
    path.write_bytes(gzip.compress(np.rint(images * 255).astype(np.uint8).tobytes(), 1))
    return {
        "file": FileData(path=str(path), orig_name="ages").model_dump(),
        "height": film.shape[0],
        "width": film.shape[1],
        "spacing": film.spacing,
        "ages": made.ages.tolist(),
        "identity": np.round(made.identity, 3).tolist(),
        "age": made.age,
        "ageKnown": made.age_known,
        "detail": made.detail,
        "domain": {
            "verdict": made.domain.verdict,
            "reason": made.domain.reason,
            "error": made.domain.error,
            "distance": made.domain.distance,
        },
        "badge": badge,
        "simulated": SIMULATED,
        "weights": weights,
        "keepAge": keep_age,
    }

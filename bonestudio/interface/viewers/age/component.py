"""The Gradio side of the age slider: two fixed boxes, and the value that their script watches."""

from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np

from bonestudio.instruments.age.progression import SIMULATED, Progression
from bonestudio.interface.viewers.scripted import scripted, written

_SCRIPT: Final = Path(__file__).parent / "main.js"


def age_deck(*, viewer: str) -> gr.HTML:
    """Place slider and strip under the radiograph viewer of a name, whose films they then provide."""
    return scripted(
        _SCRIPT, "ag", mount="mountDeck", elem_id="age-deck", elem_classes="bs-deck", viewer=viewer
    )


def age_findings() -> gr.HTML:
    """Place readings, difference map and export; listen with ``.save``: ``event.kind``, ``event.age``."""
    return scripted(
        _SCRIPT, "ag-findings", mount="mountFindings", elem_id="age-findings", events=("save",)
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
    return {
        "file": written(np.rint(images * 255).astype(np.uint8), folder, name="ages"),
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

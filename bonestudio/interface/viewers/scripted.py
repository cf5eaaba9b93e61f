"""Parts of the page that a script of ours draws: a fixed box, the script, and files for it."""

import gzip
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import gradio as gr
import numpy as np
from gradio.data_classes import FileData
from numpy.typing import NDArray


def scripted(
    script: Path,
    box: str,
    *,
    elem_id: str,
    mount: str = "mount",
    events: tuple[str, ...] = (),
    elem_classes: str = "",
    **props: Any,
) -> gr.HTML:
    """Place a box that a script fills: its ``mount(element, props, watch, tell)`` is called once.

    The box never depends on the value, so Gradio never redraws it and what the script drew stays.

    Parameters
    ----------
    box
        Class of the box inside the element.
    events
        What the script may tell: ``tell.moved({...})`` arrives where ``.moved`` of the part is listened to.
    props
        What the script reads as ``props.name``.
    """
    # Gradio looks for the names of events in this text, in single quotes.
    tell = ", ".join(f"{name}: (told = {{}}) => trigger('{name}', told)" for name in events)
    return gr.HTML(
        value=None,
        html_template=f'<div class="{box}"></div>',
        js_on_load=(
            "const address = new URL(`gradio_api/file=${props.script}`, document.baseURI);\n"
            f"import(address).then((part) => part.{mount}(element, props, watch, {{{tell}}}));"
        ),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes=elem_classes,
        script=str(script),
        **props,
    )


def written(values: NDArray[np.generic], folder: Path, *, name: str) -> dict[str, Any]:
    """Write numbers into the visitor's folder, row after row, little-endian, gzipped."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    path = folder / f"{token_urlsafe(16)}.gz"
    path.write_bytes(gzip.compress(little.tobytes(), compresslevel=1))
    return FileData(path=str(path), orig_name=name).model_dump()

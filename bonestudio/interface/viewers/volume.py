"""The volume viewer: NiiVue in the browser, stills from the server where WebGL 2 is missing.

A tab makes one with :func:`volume_viewer` and shows a volume by returning :func:`picture` for it.
The volume travels as a small NIfTI in the session's own folder; its name says nothing about the
patient. Camera, crosshair and window stay when another volume arrives.
"""

import base64
import io
import json
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder, is_in_or_equal

from bonestudio.errors import BoneStudioError
from bonestudio.imaging.types import Volume
from bonestudio.instruments.lightbox.scan_views import (
    Preview,
    difference,
    preview,
    surface_level,
    windows,
)
from bonestudio.instruments.lightbox.scans import ScanViewer
from bonestudio.interface import fetch_viewer

_HERE = Path(__file__).parent
_START = """
const root = (window.gradio_config?.root ?? "").replace(/\\/$/, "");
const options = {options};
const address = (path) => path && root + "/gradio_api/file=" + path;
options.library = address(options.library);
import(address(options.script))
  .then(({{ mount }}) => mount({{ element, props, watch, server, options }}))
  .catch((error) => {{
    const why = element.querySelector(".bv-why");
    why.textContent = "The viewer could not start: " + error.message;
    why.hidden = false;
  }});
"""


def volume_viewer(
    *, name: str, group: str = "", value: dict[str, Any] | None = None, **layout: Any
) -> gr.HTML:
    """Return the viewer as a Gradio component.

    Parameters
    ----------
    name
        Tells viewers of one page apart; the place where a viewer stood is kept under it.
    group
        Viewers of one group turn and move together.
    value
        A :func:`picture` to begin with.
    layout
        ``scale``, ``visible``, ``min_height`` … of :class:`gradio.HTML`.
    """
    library = fetch_viewer.library()
    gr.set_static_paths(sorted(_HERE.glob("volume*.js")))
    if library:
        gr.set_static_paths([library])
    options = {
        "name": name,
        "group": group,
        "script": (_HERE / "volume.js").as_posix(),
        "library": library.as_posix() if library else None,
    }
    return gr.HTML(
        value,
        html_template=(_HERE / "volume.html").read_text("utf-8"),
        css_template=(_HERE / "volume.css").read_text("utf-8"),
        js_on_load=_START.format(options=json.dumps(options)),
        apply_default_css=False,
        server_functions=[draw_still],
        elem_id=f"volume-{name}",
        elem_classes="bs-viewer",  # the frame gives it the height that is left
        **layout,
    )


def picture(
    volume: Volume,
    *,
    folder: Path,
    label: str = "A bone volume",
    badge: str = "",
    oriented: bool = False,
    before: Volume | None = None,
    max_voxels: int = 3_000_000,
) -> dict[str, Any]:
    """Write what the browser needs into a folder and return the viewer's value.

    Parameters
    ----------
    label
        What a screen reader says of the picture.
    badge
        Stands on the picture: 'simulated', the weights' name … ('' for a real scan).
    oriented
        Whether right, left, front and back are known and may be written on the picture.
    before
        With it, where ``volume`` is higher is red, where it is lower blue.
    """
    folder.mkdir(parents=True, exist_ok=True)
    small = preview(volume, folder=folder, max_voxels=max_voxels)
    presets = windows(volume)
    value = {
        "volume": _file(small.path),
        "label": label,
        "badge": badge,
        "oriented": oriented,
        "unit": "" if volume.unit == "unknown" else volume.unit,
        "windows": {name: list(ends) for name, ends in presets.items()},
        "level": _level(volume),
        "top": next(iter(presets.values()))[1],
        "spacing": small.spacing,
        "factors": small.factors,
        "shape": volume.shape,
        "measured": volume.spacing is not None,
        "step": small.step,
        "note": _note(volume, small),
        "difference": None,
        "difference_range": 0.0,
    }
    if before is not None:
        change = difference(before, volume)
        copy = preview(change, folder=folder, max_voxels=max_voxels, name="difference")
        value["difference"] = _file(copy.path)
        value["difference_range"] = max(1e-6, float(abs(change.voxels).max()))
    return value


def _level(volume: Volume) -> float:
    try:
        return surface_level(volume)
    except BoneStudioError:  # a volume of one value: nothing to draw in 3D, slices still show it
        return float(volume.voxels.flat[0]) + 1.0


def _file(path: Path) -> dict[str, Any]:
    return {"path": str(path), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def _note(volume: Volume, small: Preview) -> str:
    """Say at what size the volume is shown, where that is not the file's."""
    if max(small.factors) == 1:
        return ""
    block = " × ".join(str(f) for f in small.factors)
    if volume.spacing is None:
        return f"shown: means of {block} voxels"
    fine = f"{1000 * min(volume.spacing):.4g} µm" if min(volume.spacing) < 0.2 else ""
    told = f"file {fine}, " if fine else ""
    return f"{told}shown: means of {block} voxels"


def draw_still(wish: dict[str, Any]) -> dict[str, str]:
    """Draw three slices and the surface of a shown volume for a browser without WebGL 2.

    The browser names the small copy that it was given; only files of the studio's own upload
    folder are opened, so a wish cannot reach another file of the machine.
    """
    from PIL import Image

    try:
        path = Path(str(wish["path"])).resolve()
        if not is_in_or_equal(path, get_upload_folder()) or not path.is_file():
            return {"why": "The volume is not there any more: open it again."}
        low, high = (float(v) for v in wish["window"])
        viewer = ScanViewer.open(path)
        image = viewer.panes(
            window=(low, high),
            azimuth=float(wish["azimuth"]),
            elevation=float(wish["elevation"]),
            level=float(wish["level"]),
            oriented=wish["oriented"] is True,
            tint="density" if wish["unit"] == "mg HA/cm³" else "bone",
        )
    except BoneStudioError as error:
        return {"why": str(error)}
    except (KeyError, TypeError, ValueError):
        return {"why": "The still was asked for in a way that cannot be drawn."}
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "PNG")
    return {"picture": "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()}

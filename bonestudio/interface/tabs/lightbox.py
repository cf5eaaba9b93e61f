"""Light box: open any bone film, look at it, even it out, save it without its patient."""

import time
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.instruments.lightbox.films import LightBox, Opened, SaveAs
from bonestudio.interface import frame, session
from bonestudio.interface.events import HOUR, QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs import Tab
from bonestudio.interface.tabs.scan import scan_panel
from bonestudio.interface.viewers.radiograph import Sheet, Shown, radiograph_viewer
from bonestudio.interface.words import took

_ABOUT = "Opens any bone film to look at, measure and save. No trained network is used here."
_KINDS: tuple[SaveAs, ...] = ("PNG", "DICOM", "TIFF")

_box = LightBox()


def fill() -> None:
    """Two pages: films, and scans."""
    with gr.Tabs(elem_classes="bs-inner"):
        with frame.inner_tab("Film", name="film"):
            film_panel()
        with frame.inner_tab("Scan", name="scan") as tab:
            scan_panel(tab)


def film_panel() -> None:
    """Lay out the page of films and connect it."""
    opened = gr.State(None, time_to_live=HOUR)
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            samples = _samples()
            upload = gr.File(
                label="Open a film", type="filepath", height=104, elem_id="lightbox-upload"
            )
            even = gr.Checkbox(
                label="Even out contrast (CLAHE)", interactive=False, elem_id="lightbox-even"
            )
        with frame.image():
            viewer = radiograph_viewer(
                name="lightbox", title="Film on the light box", upload="lightbox-upload"
            )
        with frame.findings():
            frame.heading("What was read")
            read = frame.facts_panel()
            frame.heading("Save without patient data")
            kind = gr.Radio(_KINDS, value="PNG", label="Format", show_label=False)
            save = gr.Button("Save film", interactive=False, elem_id="lightbox-save")
            saved = frame.download()
    status = frame.status_line("No film is open")

    def answer(film: Opened, request: gr.Request, started: float) -> dict[Any, Any]:
        return {
            opened: film,
            upload: None,
            viewer: _sheet(film, request, evened=False),
            read: frame.facts(_facts(film)),
            even: gr.update(value=False, interactive=True),
            save: gr.update(interactive=True),
            status: frame.said("Film", "computed here", took(started)),
        }

    def open_upload(path: str | None, request: gr.Request) -> dict[Any, Any]:
        if path is None:
            return {}
        started = time.perf_counter()
        try:
            film = _box.open(session.check_upload(Path(path)))
        finally:
            session.delete_upload(Path(path))
        return answer(film, request, started)

    def open_sample(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        started = time.perf_counter()
        return answer(_box.open_sample(event.name), request, started)

    def open_first(request: gr.Request) -> dict[Any, Any]:
        started = time.perf_counter()
        return answer(_box.open_sample(_box.samples()[0].name), request, started)

    def even_out(
        film: Opened | None,
        evened: bool,  # noqa: FBT001 - a checkbox sends its value in place
        request: gr.Request,
    ) -> dict[Any, Any]:
        started = time.perf_counter()
        sheet = _sheet(_there(film), request, evened=evened, keep_view=True)
        what = "local contrast evened out" if evened else "contrast as read"
        return {viewer: sheet, status: frame.said("Film", what, "computed here", took(started))}

    def save_film(
        film: Opened | None,
        kind: SaveAs,
        evened: bool,  # noqa: FBT001 - a checkbox sends its value in place
        request: gr.Request,
    ) -> dict[Any, Any]:
        shown = _box.evened(_there(film).film) if evened else _there(film).film
        path = _box.save(shown, session.fresh_folder(request), kind=kind)
        return {
            saved: frame.handed(path),
            status: frame.said(f"Saved as {path.name}", "without patient data"),
        }

    outputs = [opened, upload, viewer, read, even, save, status]
    if samples is None:
        upload.upload(spoken(status, open_upload, upload), upload, outputs, **QUIET)
    else:
        # The first sample must not come after, and over, what a quick visitor opens.
        late = [gr.on(None, spoken(status, open_first), None, outputs, **QUIET)]
        upload.upload(spoken(status, open_upload, upload), upload, outputs, cancels=late, **QUIET)
        samples.pick(spoken(status, open_sample), None, outputs, cancels=late, **QUIET)
    even.input(spoken(status, even_out), [opened, even], [viewer, status], **QUIET)
    save.click(spoken(status, save_film), [opened, kind, even], [saved, status], **QUIET)
    api(inspect, api_name="inspect")


def _there(film: Opened | None) -> Opened:
    if film is None:
        raise RequestError("Open a film first.")
    return film


def _samples() -> gr.HTML | None:
    shipped = _box.samples()
    if not shipped:
        return None
    gr.set_static_paths([sample.path for sample in shipped])
    return frame.sample_strip(
        [(sample.name, sample.title, f"gradio_api/file={sample.path}") for sample in shipped],
        opened=shipped[0].name,
    )


def _sheet(
    opened: Opened, request: gr.Request, *, evened: bool, keep_view: bool = False
) -> dict[str, Any]:
    film = _box.evened(opened.film) if evened else opened.film
    badge = "Virtual patient" if opened.simulated else None
    shown = Shown(film=film, name=opened.title or "Film", badge=badge)
    return Sheet(first=shown, keep_view=keep_view).packed(session.folder(request))


def _facts(opened: Opened) -> dict[str, str]:
    """List what the file says, then what it does not say, then what was left out of it."""
    film = opened.film
    height, width = film.shape
    known = {"Stored as": opened.detail, "Size": f"{height} × {width} px"}
    if film.spacing:
        down, across = film.spacing
        known["Pixel"] = f"{down:.3f} × {across:.3f} mm"
        known["Field"] = f"{height * down / 10:.1f} × {width * across / 10:.1f} cm"
    said = {
        "View": film.view,
        "Side": {"L": "left", "R": "right", None: None}[film.laterality],
        "Age": None if film.age is None else f"{film.age:g} years",
        "Sex": {"F": "female", "M": "male", None: None}[film.sex],
    }
    known |= {name: value for name, value in said.items() if value}
    unsaid = ["pixel size"] * (film.spacing is None) + [
        name.lower() for name, value in said.items() if not value
    ]
    if unsaid and not opened.simulated:
        known["Not in the file"] = ", ".join(unsaid)
    if not opened.simulated:
        known["Left out"] = ", ".join(opened.dropped) or "nothing"
    return known


def inspect(file: FileData) -> dict[str, Any]:
    """Say what a bone film holds, as the studio reads it; patient data is dropped and only its kind named.

    Args:
        file: A film: DICOM, PNG, JPEG, TIFF or NPY.

    Returns:
        height and width in pixels, spacing in mm (row, column), view, laterality, age in years, sex,
        how the pixels are stored, and the kinds of patient data that were left out.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    path = session.sent(file)
    try:
        opened = _box.open(session.check_upload(path))
    except BoneStudioError as error:
        raise gr.Error(str(error), print_exception=False) from None
    finally:
        session.delete_upload(path)
    height, width = opened.film.shape
    known = {
        key: getattr(opened.film, key) for key in ("spacing", "view", "laterality", "age", "sex")
    }
    return {
        "height": height,
        "width": width,
        **known,
        "stored_as": opened.detail,
        "left_out": list(opened.dropped),
    }


TAB = Tab(name="lightbox", title="Light box", fill=fill)

"""Light box: open any bone film, look at it, even it out, save it without its patient."""

import time
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.instruments.lightbox import LightBox, Opened, SaveAs
from bonestudio.interface import frame, session
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs import Tab
from bonestudio.interface.viewers.radiograph import Sheet, Shown, radiograph_viewer

_ABOUT = "Opens any bone film and measures on it. No network takes part."
_KINDS: tuple[SaveAs, ...] = ("PNG", "DICOM", "TIFF")
_HOUR = 3600

_box = LightBox()


def fill() -> None:
    """Lay out the tab and connect it."""
    opened = gr.State(None, time_to_live=_HOUR)
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            samples = _samples()
            upload = gr.File(
                label="Open a film",
                file_count="single",
                type="filepath",
                height=120,
                elem_id="lightbox-upload",
            )
            even = gr.Checkbox(label="Even out contrast (CLAHE)", value=False, interactive=True)
        with frame.image():
            viewer = radiograph_viewer(name="lightbox", title="Film on the light box")
        with frame.findings():
            frame.heading("What was read")
            read = frame.facts_panel()
            frame.heading("Save without patient data")
            kind = gr.Radio(_KINDS, value="PNG", label="Format", show_label=False)
            save = gr.DownloadButton("Save film", interactive=False, elem_id="lightbox-save")
    status = frame.status_line("No film is open")

    outputs = [opened, viewer, read, even, save, status]

    def answer(film: Opened, request: gr.Request, started: float) -> dict[Any, Any]:
        return {
            opened: film,
            viewer: _sheet(film, request, evened=False),
            read: frame.facts(_facts(film)),
            even: False,
            save: gr.update(interactive=True, value=None),
            status: frame.said(
                "Light box", "no network", f"read in {time.perf_counter() - started:.2f} s"
            ),
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
        return answer(_box.open_sample(event.name), request, time.perf_counter())

    def even_out(
        film: Opened | None,
        evened: bool,  # noqa: FBT001 - a checkbox sends its value in place
        request: gr.Request,
    ) -> dict[Any, Any]:
        if film is None:
            return {}
        started = time.perf_counter()
        sheet = _sheet(film, request, evened=evened)
        what = "contrast evened out" if evened else "as read"
        return {
            viewer: sheet,
            status: frame.said("Light box", what, f"{time.perf_counter() - started:.2f} s"),
        }

    def save_film(
        film: Opened | None,
        kind: SaveAs,
        evened: bool,  # noqa: FBT001 - a checkbox sends its value in place
        request: gr.Request,
    ) -> str:
        if film is None:
            raise RequestError("Open a film first.")
        shown = _box.evened(film.film) if evened else film.film
        return str(_box.save(shown, session.folder(request), kind=kind))

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    upload.upload(spoken(status, open_upload), upload, outputs, **private)
    if samples is not None:
        samples.pick(spoken(status, open_sample), None, outputs, **private)
    even.input(spoken(status, even_out), [opened, even], [viewer, status], **private)
    save.click(save_film, [opened, kind, even], save, **private)
    api(inspect, api_name="inspect")


def _samples() -> gr.HTML | None:
    shipped = _box.samples()
    if not shipped:
        return None
    gr.set_static_paths([sample.path for sample in shipped])
    return frame.sample_strip(
        [(sample.name, sample.title, f"gradio_api/file={sample.path}") for sample in shipped]
    )


def _sheet(opened: Opened, request: gr.Request, *, evened: bool) -> dict[str, Any]:
    film = _box.evened(opened.film) if evened else opened.film
    badge = "Simulated" if opened.simulated else None
    shown = Shown(film=film, name=opened.title or "Film", badge=badge)
    return Sheet(first=shown, keep_view=evened).packed(session.folder(request))


def _facts(opened: Opened) -> dict[str, str]:
    film = opened.film
    height, width = film.shape
    spacing = (
        f"{film.spacing[0]:.3f} × {film.spacing[1]:.3f} mm" if film.spacing else "not in the file"
    )
    size = f"{height} × {width} px"
    if film.spacing:
        size += f", {height * film.spacing[0] / 10:.1f} × {width * film.spacing[1] / 10:.1f} cm"
    return {
        "Stored as": opened.detail,
        "Size": size,
        "Pixel": spacing,
        "View": film.view or "not in the file",
        "Side": {"L": "left", "R": "right", None: "not in the file"}[film.laterality],
        "Age": f"{film.age:g} years" if film.age is not None else "not in the file",
        "Sex": {"F": "female", "M": "male", None: "not in the file"}[film.sex],
        "Left out": ", ".join(opened.dropped) or "nothing to leave out",
    }


def inspect(file: FileData) -> dict[str, Any]:
    """Say what a bone film holds, as the studio reads it; patient data is dropped and only its kind named.

    Args:
        file: A film: DICOM, PNG, JPEG, TIFF or NPY.

    Returns:
        height and width in pixels, spacing in mm (row, column), view, laterality, age in years, sex,
        how the pixels are stored, and the kinds of patient data that were left out.
    """  # noqa: D406, D407 - the form that Gradio reads into its API page
    path = Path(file.path)
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

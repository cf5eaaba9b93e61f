"""Scan: open any bone volume, look through it, save it without its patient."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.data_classes import FileData
from gradio.events import api

from bonestudio.errors import BoneStudioError, RequestError
from bonestudio.instruments.lightbox import scans
from bonestudio.instruments.lightbox.scans import ScanViewer
from bonestudio.interface import frame, session
from bonestudio.interface.events import HOUR, QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.viewers.volume import picture, volume_viewer

_ABOUT = (
    "Opens any bone scan: NIfTI, NRRD, MHA, Scanco AIM and ISQ, NPY, DICOM slices or their zip."
)
_NOT_KNOWN = "not known"
_SAVES: dict[str, tuple[str, Callable[[ScanViewer, Path], Path]]] = {
    "Volume, NIfTI": ("scan.nii.gz", lambda viewer, path: viewer.save(path)),
    "Picture, PNG": ("scan.png", lambda viewer, path: scans.pixels_to_png(viewer.still(), path)),
    "Surface, STL": ("scan.stl", lambda viewer, path: viewer.surface(path)),
    "Turntable, MP4": ("scan.mp4", lambda viewer, path: viewer.turntable(path)),
}


def scan_panel(tab: gr.Tab | None = None) -> None:  # noqa: C901 - a page and what its parts do
    """Lay out the panel and connect it."""
    opened = gr.State(None, time_to_live=HOUR)
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            strip = _samples()
            upload = gr.File(
                label="Open a scan", file_count="multiple", type="filepath", height=104,
                elem_id="scan-upload",
            )  # fmt: skip
            unit = gr.Radio(
                [_NOT_KNOWN, "HU", "mg HA/cm³"], value=_NOT_KNOWN, interactive=False,
                label="Unit, where the file says none", elem_id="scan-unit",
            )  # fmt: skip
        with frame.image():
            viewer = volume_viewer(name="scan")
        with frame.findings():
            frame.heading("What was read")
            read = frame.facts_panel()
            frame.heading("Save without patient data")
            kind = gr.Radio(
                list(_SAVES), value="Volume, NIfTI", label="What to save", show_label=False
            )
            save = gr.Button("Save", interactive=False, elem_id="scan-save")
            saved = frame.download()
    status = frame.status_line("No scan is open")

    def answer(scan: ScanViewer, request: gr.Request, started: float) -> dict[Any, Any]:
        told = scan.volume.unit
        return {
            opened: scan,
            viewer: _picture(scan, request),
            read: frame.facts(scan.facts()),
            unit: gr.update(
                value=_NOT_KNOWN if told == "unknown" else told, interactive=told == "unknown"
            ),
            save: gr.update(interactive=True),
            upload: None,
            status: frame.said(
                "Scan", "computed here", f"read in {time.perf_counter() - started:.2f} s"
            ),
        }

    def open_upload(paths: list[str] | None, request: gr.Request) -> dict[Any, Any]:
        if not paths:
            return {}
        started = time.perf_counter()
        scan = _open_files([Path(path) for path in paths])
        return answer(scan, request, started)

    def open_sample(event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        started = time.perf_counter()
        return answer(ScanViewer.open_sample(event.name), request, started)

    def open_first(scan: ScanViewer | None, request: gr.Request) -> dict[Any, Any]:
        """Show a scan, not an empty box, to whoever comes here first."""
        if scan is not None:
            return {}
        started = time.perf_counter()
        return answer(ScanViewer.open_sample(scans.samples()[0].name), request, started)

    def take_unit(scan: ScanViewer | None, chosen: str, request: gr.Request) -> dict[Any, Any]:
        if scan is None:
            return {}
        as_unit = scan.with_unit("unknown" if chosen == _NOT_KNOWN else chosen)  # type: ignore[arg-type]
        return {
            opened: as_unit,
            viewer: _picture(as_unit, request),
            read: frame.facts(as_unit.facts()),
            status: frame.said("Scan", f"unit: {chosen}, as you say"),
        }

    def save_scan(scan: ScanViewer | None, chosen: str, request: gr.Request) -> dict[Any, Any]:
        if scan is None:
            raise RequestError("Open a scan first.")
        started = time.perf_counter()
        name, write = _SAVES[chosen]
        path = write(scan, session.fresh_folder(request) / name)
        return {
            saved: frame.handed(path),
            status: frame.said(
                "Scan", f"{name} is ready", f"{time.perf_counter() - started:.2f} s"
            ),
        }

    every = [opened, upload, viewer, read, unit, save, status]
    upload.upload(spoken(status, open_upload, upload), upload, every, **QUIET)
    if strip is not None:
        strip.pick(spoken(status, open_sample), None, every, **QUIET)
        if tab is not None:
            tab.select(spoken(status, open_first), opened, every, **QUIET)
    unit.input(spoken(status, take_unit), [opened, unit], [opened, viewer, read, status], **QUIET)
    save.click(
        spoken(status, save_scan), [opened, kind], [saved, status],
        api_visibility="private", show_progress="minimal",
    )  # fmt: skip
    api(scan, api_name="scan")
    api(scan_still, api_name="scan_still")


def _samples() -> gr.HTML | None:
    shipped = scans.samples()
    if not shipped:
        return None
    gr.set_static_paths([sample.thumbnail for sample in shipped])
    return frame.sample_strip(
        [(s.name, s.title, f"gradio_api/file={s.thumbnail.as_posix()}") for s in shipped],
        opened=shipped[0].name,
    )


def _picture(viewer: ScanViewer, request: gr.Request) -> dict[str, Any]:
    scan = viewer.scan
    return picture(
        viewer.volume,
        folder=session.fresh_file(request, ""),
        label=scan.title or "Scan",
        badge="Virtual patient" if scan.simulated else "",
        oriented=scan.oriented,
    )


def _open_files(files: list[Path]) -> ScanViewer:
    try:
        return ScanViewer.open(*(session.check_upload(path) for path in files))
    finally:
        for path in files:
            session.delete_upload(path)


def _open(file: FileData) -> ScanViewer:
    try:
        return _open_files([session.sent(file)])
    except BoneStudioError as error:
        raise gr.Error(str(error), print_exception=False) from None


def scan(file: FileData) -> dict[str, Any]:
    """Say what a bone scan holds, as the studio reads it; patient data is dropped and its kind named.

    Args:
        file: A scan: NIfTI, NRRD, MHA, AIM, ISQ, NPY, multi-frame DICOM, or a zip of DICOM slices.

    Returns:
        slices, rows and columns, spacing in mm in that order, unit, smallest and largest value,
        how the voxels are stored, and the kinds of patient data that were left out.
    """  # noqa: D406, D407 - Gradio reads sections in Google's style
    viewer = _open(file)
    volume = viewer.volume
    slices, rows, columns = volume.shape
    return {
        "slices": slices,
        "rows": rows,
        "columns": columns,
        "spacing": volume.spacing,
        "unit": volume.unit,
        "range": [float(volume.voxels.min()), float(volume.voxels.max())],
        "stored_as": viewer.facts()["Stored as"],
        "left_out": list(viewer.scan.dropped),
    }


def scan_still(
    file: FileData,
    request: gr.Request,
    azimuth: float = 30.0,
    elevation: float = 15.0,
    view: Literal["surface", "panes"] = "surface",
) -> FileData:
    """Draw a bone scan on black, as PNG.

    Args:
        file: A scan, as for /scan.
        azimuth: Degrees around the bone; 0 looks from the front.
        elevation: Degrees above it.
        view: 'surface', or 'panes' for three slices with the surface.
    """
    viewer = _open(file)
    try:
        draw = viewer.still if view == "surface" else viewer.panes
        image = draw(azimuth=azimuth, elevation=elevation)
    except BoneStudioError as error:
        raise gr.Error(str(error), print_exception=False) from None
    path = scans.pixels_to_png(image, session.fresh_file(request, ".png"))
    return FileData(path=str(path), orig_name="scan.png")

"""Export: a labelled set as a ZIP, watched while it is made, stopped within an image."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from bonestudio.instruments.fracture.samples import opened_image, samples
from bonestudio.instruments.fracture.wanted import Wanted
from bonestudio.interface import frame, session
from bonestudio.interface.events import NETWORKS, QUIET
from bonestudio.interface.jobs import Job, Pace, job_controls
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs.fracture_shared import SIMULATED, STUDIO
from bonestudio.interface.viewers.radiograph import Overlay, Sheet, Shown, radiograph_viewer
from bonestudio.interface.words import took

_ABOUT = (
    "Packs a labelled set in MURA's layout with masks and a manifest that makes every image again, "
    "bit for bit. All images are simulated."
)
_MOST = 2000  # images of a class in the app; the command line has no such bound


@dataclass(frozen=True, kw_only=True)
class Page:
    """The parts of the page that events read or fill."""

    source: gr.Radio
    count: gr.Number
    seed: gr.Number
    size: gr.Dropdown
    refined: gr.Checkbox
    job: Job
    viewer: gr.HTML
    read: gr.HTML
    saved: gr.HTML
    status: gr.HTML


def export_panel(tab: gr.Tab) -> None:
    """Lay out the page and connect it."""
    page = _page()
    seen = gr.State(value=False)
    answers = Answers(page=page, seen=seen)
    example = tab.select(
        spoken(page.status, answers.example), seen, [seen, page.viewer, page.status],
        **QUIET, **NETWORKS,
    )  # fmt: skip
    page.job.connect(
        answers.make,
        [page.source, page.count, page.seed, page.size, page.refined],
        [page.viewer, page.read, page.saved],
        status=page.status,
        stopped="Stopped; nothing is left of the set",
        cancels=example,
    )


def _page() -> Page:
    sources = [("Forearms", "forearm"), ("Wrists", "wrist")]
    if STUDIO.models():
        sources.append(("Hands, DCGAN", "hand"))
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            source = gr.Radio(sources, value="forearm", label="What", elem_id="export-source")
            count = gr.Number(
                value=50, label="Images of each class", precision=0, minimum=1, maximum=_MOST,
                elem_id="export-count", info="Arms: broken and whole. Hands: whole only.",
            )  # fmt: skip
            refined = gr.Checkbox(
                value=False, label="Refined (CycleGAN)", visible=STUDIO.refines(),
                elem_id="export-refined",
            )  # fmt: skip
            with gr.Accordion("More", open=False):
                seed = gr.Number(
                    value=0, label="Patients from seed", precision=0, minimum=0,
                    elem_id="export-seed",
                )  # fmt: skip
                size = gr.Dropdown(
                    [128, 256, 320, 512], value=256, label="Pixels a side", elem_id="export-size"
                )
            job = job_controls("Make the set", name="export", things="images")
        with frame.image():
            viewer = radiograph_viewer(name="export", title="Image of the set made last")
        with frame.findings():
            frame.heading("In the ZIP")
            gr.HTML(frame.facts(_INSIDE), apply_default_css=False, js_on_load=None)
            frame.heading("Made last")
            read = frame.facts_panel({"Images": "none yet"})
            saved = frame.download()
    status = frame.status_line("Nothing is being made")
    return Page(
        source=source, count=count, seed=seed, size=size, refined=refined, job=job,
        viewer=viewer, read=read, saved=saved, status=status,
    )  # fmt: skip


_INSIDE = {
    "Images": "PNG of 8 bits in train and valid, a folder for each patient, named positive or negative",
    "Masks": "PNG of the same names in masks: break red, radius green, ulna blue",
    "Manifest": "manifest.jsonl: how each image was made, and its checksum (SHA-256)",
}


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: Page
    seen: gr.State

    def example(self, seen: bool, request: gr.Request) -> dict[Any, Any]:  # noqa: FBT001 - a state is sent in place
        """Show what an image of a set is like to whoever comes here first."""
        if seen:
            return {}
        film = STUDIO.design(samples()[0].design.with_options(size=320)).film
        sheet = Sheet(first=Shown(film=film, name="Example of a forearm", badge=SIMULATED))
        return {
            self.seen: True,
            self.page.viewer: sheet.packed(session.folder(request)),
            self.page.status: frame.said("Nothing is being made"),
        }

    def make(
        self,
        source: Any,
        count: float | None,
        seed: float | None,
        size: int,
        refined: bool,  # noqa: FBT001 - a checkbox sends its value in place
        request: gr.Request,
    ) -> Iterator[dict[Any, Any]]:
        """Make a set, showing it on the way, and hand it out."""
        page, pace = self.page, Pace()
        asked = min(int(count or 0), _MOST)
        wanted = Wanted(
            source=source, count=asked, seed=int(seed or 0), size=size,
            refined=refined and source != "hand",
        )  # fmt: skip
        path = session.fresh_folder(request) / f"{source}s-{asked}-seed{wanted.seed}.zip"
        yield page.job.running(0, wanted.total)
        for step in STUDIO.export(wanted, path):
            if not pace.due(last=step.path is not None):
                yield {}  # a place to stop at
                continue
            yield {
                **page.job.running(step.done, step.total),
                page.status: frame.said("Making the set", pace.rate(step.done, "images")),
                **(self._seen(step, request) if step.image else {}),
            }
        told = frame.said(f"Saved as {path.name}", f"{wanted.total} images", took(pace.started))
        yield {**page.job.at_rest(), page.saved: frame.handed(path), page.status: told}

    def _seen(self, step: Any, request: gr.Request) -> dict[Any, Any]:
        """Show the image made last with its mask."""
        row = step.row
        film, painted = opened_image(step.image, step.mask)
        masks = () if painted is None else (Overlay(rgba=painted, name="Mask", opacity=0.4),)
        name = f"{'Broken' if row['label'] else 'Whole'}, {row['file'].split('/')[2]}"
        sheet = Sheet(
            first=Shown(film=film, name=name, badge=SIMULATED), overlays=masks, keep_view=True
        )
        kind = "broken (positive)" if row["label"] else "whole (negative)"
        told = {"File": row["file"], "Class": kind}
        if row.get("ao"):
            told["AO/OTA"] = row["ao"]
        told["SHA-256"] = row["sha256"][:16] + " …"
        return {
            self.page.viewer: sheet.packed(session.folder(request)),
            self.page.read: frame.facts(told),
        }

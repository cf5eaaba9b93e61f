"""Volume: draw a bone, open a real one, morph, mix and edit it, and see what that does to its numbers."""

from typing import Any

import gradio as gr
from gradio.events import api

from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.interface.events import HOUR, NETWORKS, QUIET
from bonestudio.interface.refusal import spoken, spoken_steps
from bonestudio.interface.tabs import Tab, volume_api
from bonestudio.interface.tabs.volume_answers import Answers
from bonestudio.interface.tabs.volume_page import volume_page

# One network at a time, whoever asks; what waits for a slider to rest does not wait in that queue.
_DRAW = {**QUIET, **NETWORKS}
_REST = {**QUIET, "concurrency_id": "volume-rest", "concurrency_limit": 4}
_LONG = {**QUIET, "concurrency_id": "volume-inversion", "concurrency_limit": 1}


def fill() -> None:
    """Lay out the tab and connect it."""
    page = volume_page()
    work = gr.State(None, time_to_live=HOUR)
    answers = Answers(page=page, work=work)
    shown = [work, page.viewer, page.other, page.measures, page.history, page.second, page.status]
    shown += [page.undo, page.redo]
    controls = [page.direction, page.attribute, page.truncation, *page.sliders.values()]
    state = {work, page.mode, page.against, page.differ, page.direction, page.keep, page.model}

    def on(event: Any, answer: Any, more: Any = (), to: Any = (), **options: Any) -> Any:
        answering = spoken_steps(page.status, answer, dict)
        return event(answering, state | {*more}, [*shown, *to], **{**_DRAW, **options})

    said = [page.seed, page.truncation, page.second_seed]
    late = [on(page.history.open, answers.first, said, [page.model, *controls])]
    now = {"cancels": late}
    on(page.draw.click, answers.draw, said, controls, **now)
    on(page.another.click, answers.another, said, [*controls, page.seed], **now)
    on(page.model.input, answers.draw, said, controls, **now)
    page.mode.input(
        spoken(page.status, answers.choose_mode), {work, page.mode},
        [work, page.status, *page.groups.values(), *page.sliders.values()], queue=False, **QUIET,
    )  # fmt: skip
    on(page.mode.input, answers.compare)
    on(page.direction.input, answers.choose_direction, (), [page.amount])
    on(page.keep.input, answers.choose_direction, (), [page.amount])
    on(page.against.input, answers.show)
    on(page.differ.input, answers.show)
    on(page.second_seed.input, answers.draw_second, [page.second_seed], page.sliders.values(), trigger_mode="always_last")  # fmt: skip
    on(page.take.click, answers.take, (), page.sliders.values())
    for mode, slider in page.sliders.items():
        move = {"trigger_mode": "always_last"}
        on(slider.input, answers.preview(mode), [slider], **move)
        on(slider.input, answers.rest(mode), [slider], **{**_REST, **move})
    on(page.aim.click, answers.aim, [page.attribute, page.change], page.sliders.values(), **_LONG)
    on(page.undo.click, answers.undo, (), page.sliders.values())
    on(page.redo.click, answers.redo, (), page.sliders.values())
    on(page.history.go, answers.go, (), page.sliders.values())
    on(page.open.upload, answers.open, [page.open], [page.open, page.model, *controls], **now)

    inverting = [page.cancel, page.curve, page.upload]
    told = [page.upload, page.whole, page.updates]
    long: list[Any] = [
        page.upload.upload(
            spoken_steps(page.status, answers.invert, answers.ready), state | {*told},
            [*shown, *inverting], cancels=late, **_LONG,
        )
    ]  # fmt: skip
    if page.samples is not None:
        long.append(
            page.samples.pick(
                spoken_steps(page.status, answers.invert_sample, answers.ready), state | {*told},
                [*shown, *inverting], cancels=late, **_LONG,
            )
        )  # fmt: skip
    page.cancel.click(
        answers.stopped, None, [page.cancel, page.status], cancels=long, queue=False, **QUIET
    )
    page.save.click(
        spoken(page.status, answers.save), {work, page.kind}, [page.saved, page.status], **_DRAW
    )
    for endpoint in volume_api.ENDPOINTS:
        api(endpoint, api_name=endpoint.__name__, **NETWORKS)


TAB = Tab(name="volume", title="Volume", fill=fill, works=lambda: bool(VolumeEditor.models()))

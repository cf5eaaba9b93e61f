"""Age: a bone younger or older, at once, with what changed. Everything shown as aged is simulated."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Sex
from bonestudio.instruments.age.export import export
from bonestudio.instruments.age.film import Anatomy
from bonestudio.instruments.age.progression import OLDEST, AgeProgression, Progression
from bonestudio.instruments.lightbox.films import Opened
from bonestudio.interface import frame, session
from bonestudio.interface.events import HOUR, NETWORKS, QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs import Tab
from bonestudio.interface.tabs.age_api import age
from bonestudio.interface.tabs.age_page import AgePage, age_page, usable_samples, weights_choices
from bonestudio.interface.tabs.age_words import SEXES, facts
from bonestudio.interface.viewers.age import packed
from bonestudio.interface.words import learned_from

_ages = AgeProgression()


def fill() -> None:
    """Lay out the tab and connect it."""
    page = age_page(_ages)
    opened, made = (gr.State(None, time_to_live=HOUR) for _ in range(2))
    answers = Answers(page=page, opened=opened, made=made)
    outputs = [opened, made, page.upload, page.deck, page.read, page.bone, page.sex, page.now]
    outputs += [page.model, page.status]

    def on(event: Any, answer: Any, inputs: Any, to: Any = outputs, **options: Any) -> Any:
        emptied = [page.upload] if event == page.upload.upload else []
        done = spoken(page.status, answer, *emptied)
        return event(done, inputs, to, **QUIET, **NETWORKS, **options)

    late = []
    if page.samples is not None:
        # The first sample must not come after, and over, what a quick visitor opens.
        late = [on(lambda *a, **k: gr.on(None, *a, **k), answers.open_first, page.detail)]
        on(page.samples.pick, answers.open_sample, page.detail, cancels=late)
    on(page.upload.upload, answers.open_upload, [page.upload, page.bone, page.detail], cancels=late)
    said = [opened, page.bone, page.sex, page.now, page.detail]
    # What a person writes is not written back, or it would change under the fingers.
    kept = [one for one in outputs if one is not page.now]
    on(page.bone.input, answers.tell, said, kept, trigger_mode="always_last")
    on(page.sex.input, answers.tell, said, kept, trigger_mode="always_last")
    on(page.now.input, answers.tell, said, kept, trigger_mode="always_last")
    on(page.detail.input, answers.choose, [*said, page.model], kept, trigger_mode="always_last")
    on(page.model.input, answers.choose, [*said, page.model], kept, trigger_mode="always_last")
    on(page.found.save, answers.save, made, [page.saved, page.status])
    api(age, api_name="age", **NETWORKS)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is said about a film: by its file, or by the person in front of it."""

    bone: Anatomy
    sex: Sex | None
    age: float | None
    detail: bool
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: AgePage
    opened: gr.State
    made: gr.State

    def open_first(self, detail: Any, request: gr.Request) -> dict[Any, Any]:
        """Show the first sample."""
        return self._new(*_ages.open_sample(usable_samples(_ages)[0]), detail, request)

    def open_sample(self, detail: Any, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        """Show a sample."""
        return self._new(*_ages.open_sample(event.name), detail, request)

    def open_upload(
        self, path: str | None, bone: Anatomy, detail: Any, request: gr.Request
    ) -> dict[Any, Any]:
        """Show a person's own film."""
        if path is None:
            return {}
        try:
            film = _ages.samples.open(session.check_upload(Path(path)))
        finally:
            session.delete_upload(Path(path))
        return self._new(film, bone, detail, request)

    def tell(
        self,
        film: Opened | None,
        bone: Anatomy,
        sex: str,
        now: float | None,
        detail: Any,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Show the same film, about which something else is said now."""
        return self.choose(film, bone, sex, now, detail, None, request)

    def choose(
        self,
        film: Opened | None,
        bone: Anatomy,
        sex: str,
        now: float | None,
        detail: Any,
        model: str | None,
        request: gr.Request,
    ) -> dict[Any, Any]:
        """Show the same film as other weights age it, or with another detail."""
        told = Told(bone=bone, sex=SEXES[sex], age=now, detail=bool(detail), model=model)
        return self._shown(_there(film), told, request)

    def save(
        self, progression: Progression | None, event: gr.EventData, request: gr.Request
    ) -> dict[Any, Any]:
        """Hand out a picture or a film of the age that the slider shows."""
        path = session.fresh_folder(request) / f"aged-bone.{str(event.kind).lower()}"
        export(_there(progression), path, age=round(float(event.age), 2))
        return {
            self.page.saved: frame.handed(path),
            self.page.status: frame.said(f"Saved as {path.name}", "marked as simulated"),
        }

    def _new(self, film: Opened, bone: Anatomy, detail: Any, request: gr.Request) -> dict[Any, Any]:
        """Answer a new film: what its file says replaces what was said of the one before."""
        age = film.film.age if film.film.age is not None and film.film.age <= OLDEST else None
        told = Told(bone=bone, sex=film.film.sex, age=age, detail=bool(detail))
        words = {value: word for word, value in SEXES.items()}
        filled = {self.page.sex: words[told.sex], self.page.now: age}
        return self._shown(film, told, request, keep=False) | filled

    def _shown(
        self, film: Opened, told: Told, request: gr.Request, *, keep: bool = True
    ) -> dict[Any, Any]:
        started = time.perf_counter()
        # What the person leaves open stays open, whatever the file says.
        bare = replace(film.film, age=told.age, sex=told.sex)
        made = _ages.progress(bare, told.bone, model=told.model, detail=told.detail)
        words = learned_from(made.model)
        badge = "Virtual patient" if film.simulated else None
        value = packed(made, session.folder(request), weights=words, badge=badge, keep_age=keep)
        took = f"{time.perf_counter() - started:.2f} s, all ages in {made.seconds:.2f} s"
        weights = gr.update(choices=weights_choices(_ages, told.bone), value=made.model.id)
        return {
            self.opened: film,
            self.made: made,
            self.page.upload: None,
            self.page.deck: value,
            self.page.read: frame.facts(facts(film, made)),
            self.page.bone: told.bone,
            self.page.model: weights,
            self.page.status: frame.said(
                made.model.id, f"learned from {words}", "computed here", took
            ),
        }


def _there(thing: Any) -> Any:
    if thing is None:
        raise RequestError("Open a film first.")
    return thing


TAB = Tab(name="age", title="Age", fill=fill, works=lambda: bool(_ages.bones()))

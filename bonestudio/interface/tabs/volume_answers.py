"""What happens on each event of the Volume tab: values for parts of the page, step by step."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from bonestudio.errors import CheckpointError, RequestError
from bonestudio.instruments.volume import codes as volume_codes
from bonestudio.instruments.volume.codes import Code
from bonestudio.instruments.volume.export import KINDS, export
from bonestudio.instruments.volume.session import Session, Step
from bonestudio.interface import frame, session
from bonestudio.interface.tabs.volume_long import LongAnswers
from bonestudio.interface.tabs.volume_page import truncation_of
from bonestudio.interface.tabs.volume_show import Asked, begun, fresh
from bonestudio.interface.tabs.volume_work import KEPT, REST, Moves, Work, editor, there

Answer = Iterator[dict[Any, Any]]
_MOVES = Moves()


class Answers(LongAnswers):
    """Short answers; the long ones (inversion, target) are in ``volume_long``."""

    def first(self, asked: Asked, event: gr.EventData, request: gr.Request) -> Answer:
        """Show a volume to whoever comes here first, and what was in hand to a page that was reloaded."""
        known = KEPT.found(str(request.session_hash), str(event.page)[:64])
        if asked[self.work] is None and known is None:
            yield from self.draw(asked, request)
        elif asked[self.work] is None and known is not None:
            yield {self.page.model: known.model, **self._choices(known)}
            yield from self._went(known, known.session, asked, request)

    def draw(self, asked: Asked, request: gr.Request) -> Answer:
        """Draw the volume of a seed; a history begins."""
        page, model = self.page, str(asked[self.page.model])
        at, seed = editor(model), int(asked[page.seed] or 0)
        known: Work | None = asked[self.work]
        changed = known is None or known.model != model
        cut = None if changed else float(asked[page.truncation])
        code = at.sample(seed=seed, truncation=cut)
        second = self._seeded(model, int(asked[page.second_seed] or 0)) if changed else known.second  # type: ignore[union-attr]
        scan = None if changed or known is None else known.scan
        work = begun(model, f"Seed {seed}", code, second=second, scan=scan)
        yield (self._choices(work) if changed else {}) | self.neutral(work)
        yield from self.all(work, asked, request)

    def another(self, asked: Asked, request: gr.Request) -> Answer:
        """Draw the volume of the next seed."""
        seed = int(asked[self.page.seed] or 0) + 1
        yield {self.page.seed: seed}
        yield from self.draw({**asked, self.page.seed: seed}, request)

    def draw_second(self, asked: Asked, request: gr.Request) -> Answer:
        """Draw the second volume from a seed."""
        work = there(asked[self.work])
        second = self._seeded(work.model, int(asked[self.page.second_seed] or 0))
        yield from self._second(work, second, asked, request)

    def take(self, asked: Asked, request: gr.Request) -> Answer:
        """Keep the volume shown as the second one."""
        work = there(asked[self.work])
        yield from self._second(work, work.session.now, asked, request)

    def choose_mode(self, asked: Asked) -> dict[Any, Any]:
        """Show the controls of a mode at once; its slider begins where it changes nothing."""
        mode, groups = asked[self.page.mode], self.page.groups
        seen = {"share": "Morph", "layers": "Mix", "amount": "Edit"}
        shown = {name: seen.get(name, name) == mode for name in groups}
        shown["Second"] = mode in {"Morph", "Mix", "Compare"}
        told: dict[Any, Any] = {groups[name]: gr.update(visible=on) for name, on in shown.items()}
        work: Work | None = asked[self.work]
        if work is None:
            return told
        if mode == "Mix" and not editor(work.model).model.styled:
            sentence = "3D-ProGAN has no styles to mix; choose 3D-StyleGAN under More, or morph."
            told[self.page.status] = frame.refused(sentence)
        return {**told, self.work: fresh(work), **self.neutral(work)}

    def compare(self, asked: Asked, request: gr.Request) -> Answer:
        """Show or fold the second viewer."""
        work: Work | None = asked[self.work]
        if work is not None:
            yield {self.page.other: self.beside(work, asked, request)}

    def choose_direction(self, asked: Asked) -> Answer:
        """Begin anew along another direction."""
        work = fresh(there(asked[self.work]))
        at = editor(work.model).direction(str(asked[self.page.direction]), keep=self._kept(asked))
        yield {
            self.work: work,
            self.page.amount: 0,
            self.page.status: frame.said(at.title, "move the slider under the image"),
        }

    def show(self, asked: Asked, request: gr.Request) -> Answer:
        """Show the same volume with another one beside it, or with what changed."""
        if asked.get(self.page.against) == "Scan" and there(asked[self.work]).scan is None:
            raise RequestError("No scan is open here; open one under Invert first.")
        yield from self.all(there(asked[self.work]), asked, request)

    def preview(self, mode: str) -> Callable[..., Answer]:
        """Answer a moving slider: the volume of a lower stage."""
        slider = self.page.sliders[mode]

        def answer(asked: Asked, request: gr.Request) -> Answer:
            work, value = there(asked[self.work]), float(asked[slider])
            _MOVES.moved(str(request.session_hash), value)
            at, started = editor(work.model), time.perf_counter()
            step = self._moved(mode, work, value, asked)
            volume = at.draw(step.code, stage=at.preview_stage)
            took = f"preview in {1000 * (time.perf_counter() - started):.0f} ms"
            view = self.view(work, volume, asked, request, stage=at.preview_stage)
            yield {self.page.viewer: view, self.page.status: frame.said(step.name, took)}

        return answer

    def rest(self, mode: str) -> Callable[..., Answer]:
        """Answer a slider that has come to rest: the whole volume, as a step of the history."""
        slider = self.page.sliders[mode]

        def answer(asked: Asked, request: gr.Request) -> Answer:
            work, value = there(asked[self.work]), float(asked[slider])
            visitor = str(request.session_hash)
            time.sleep(REST)
            if not _MOVES.rests(visitor, value):
                return
            step = self._moved(mode, work, value, asked)
            for told in self.all(replace(work, session=work.session.then(step)), asked, request):
                if _MOVES.rests(visitor, value):
                    yield told

        return answer

    def undo(self, asked: Asked, request: gr.Request) -> Answer:
        """Go a step back."""
        work = there(asked[self.work])
        yield from self._went(work, work.session.undo(), asked, request)

    def redo(self, asked: Asked, request: gr.Request) -> Answer:
        """Go a step on."""
        work = there(asked[self.work])
        yield from self._went(work, work.session.redo(), asked, request)

    def go(self, asked: Asked, event: gr.EventData, request: gr.Request) -> Answer:
        """Go to a step."""
        work = there(asked[self.work])
        yield from self._went(work, work.session.go(int(event.at)), asked, request)

    def open(self, asked: Asked, request: gr.Request) -> Answer:
        """Open a session file with the weights that it was made with."""
        path = asked[self.page.open]
        if path is None:
            return
        try:
            opened = Session.open(session.check_upload(Path(path)))
        finally:
            session.delete_upload(Path(path))
        known = {card.id for card in editor(str(asked[self.page.model])).models()}
        if opened.model not in known:
            raise CheckpointError(
                f"The session was made with {opened.model}, which is not here; there are "
                f"{', '.join(sorted(known))}."
            )
        editor(opened.model).check_session(opened)
        second = self._seeded(opened.model, 2)
        work = fresh(Work(model=opened.model, session=opened, second=second))
        yield {self.page.open: None, self.page.model: opened.model, **self._choices(work)}
        yield from self._went(work, opened, asked, request)

    def save(self, asked: Asked, request: gr.Request) -> dict[Any, Any]:
        """Hand out the volume shown, or the session."""
        work, started = there(asked[self.work]), time.perf_counter()
        kind = str(asked[self.page.kind])
        path = session.fresh_folder(request) / f"volume{KINDS[kind]}"
        if kind == "Session":
            work.session.save(path)
        else:
            at, step = editor(work.model), work.session.now
            export(at.cropped(at.draw(step.code), step), path)
        took = f"{time.perf_counter() - started:.1f} s"
        return {
            self.page.saved: frame.handed(path),
            self.page.status: frame.said(f"Saved as {path.name}", "simulated", took),
        }

    def _went(self, work: Work, to: Session, asked: Asked, request: gr.Request) -> Answer:
        work = fresh(replace(work, session=to))
        yield self.neutral(work)
        yield from self.all(work, asked, request)

    def _second(self, work: Work, second: Step, asked: Asked, request: gr.Request) -> Answer:
        work = fresh(replace(work, second=second))
        KEPT.keep(str(request.session_hash), work)
        yield {
            self.work: work,
            self.page.second: frame.facts({"Chosen": second.name}),
            self.page.other: self.beside(work, asked, request),
            self.page.status: frame.said(f"The second volume is: {second.name}"),
            **self.neutral(work),
        }

    def _moved(self, mode: str, work: Work, value: float, asked: Asked) -> Step:
        """Return the step that a slider asks for, from the volume that it found."""
        base, at = work.session.base(work.turn), editor(work.model)
        name, code = self._edited(mode, base.code, work, value, asked, at)
        kept = self._kept(asked) if mode == "Edit" else ()
        return Step(name=name, code=code, turn=work.turn, box=base.box, kept=kept)

    def _edited(
        self, mode: str, code: Code, work: Work, value: float, asked: Asked, at: Any
    ) -> tuple[str, Code]:
        if mode == "Morph":
            share = f"{100 * value:.0f} %"
            return f"{share} of {work.second.name}", at.morph(code, work.second.code, value)
        if mode == "Mix":
            layers = int(value)
            return (
                f"Style of {work.second.name} after layer {layers}",
                at.mix(code, work.second.code, layers),
            )
        way = at.direction(str(asked[self.page.direction]), keep=self._kept(asked))
        sign = f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
        return f"{way.short}, α {sign}", volume_codes.moved(code, way.step, value)

    def _kept(self, asked: Asked) -> tuple[str, ...]:
        """Say which attributes an edit is to leave alone."""
        if not asked.get(self.page.keep):
            return ()
        return editor(str(asked[self.page.model])).shape_beside(str(asked[self.page.direction]))

    def _seeded(self, model: str, seed: int) -> Step:
        return Step(name=f"seed {seed}", code=editor(model).sample(seed=seed))

    def _choices(self, work: Work) -> dict[Any, Any]:
        """Offer what a generator's weights allow."""
        at, page = editor(work.model), self.page
        ways = at.directions()
        attributes = [(way.title, way.name) for way in ways if way.kind == "attribute"]
        choices = [(way.title, way.name) for way in ways]
        return {
            page.direction: gr.update(choices=choices, value=choices[0][1]),
            page.attribute: gr.update(
                choices=attributes, value=attributes[0][1] if attributes else None
            ),
            page.truncation: gr.update(**truncation_of(at.card)),
        }

"""Sample: hands drawn from noise, the walk between two of them, and the search for a copied film."""

import time
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from bonestudio.errors import CheckpointError
from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.models import hand_model
from bonestudio.instruments.fracture.samples import png
from bonestudio.interface import frame, session
from bonestudio.interface.events import HOUR, NETWORKS, QUIET
from bonestudio.interface.refusal import spoken
from bonestudio.interface.tabs.fracture_shared import STUDIO
from bonestudio.interface.viewers.fracture import hand_sheet, packed_hands, packed_walk
from bonestudio.interface.words import learned_from, took

_ABOUT = (
    "Draws hands that belong to nobody, failed ones too. The clearest is large; choose any other. "
    "Beside it stands the nearest film that the network learned from."
)
_SCORES = {"fid": "FID, 0 is best", "kid_x1000": "KID × 1000, 0 is best"}
_AS_TRAINED = 3.0
_LOOKED_AT = 16  # hands among which the clearest is looked for, in a second


@dataclass(frozen=True)
class Said:
    """What the sheet that is open was drawn with."""

    seed: int
    count: int
    spread: float
    model: str

    @property
    def truncation(self) -> float | None:
        """None where codes stay as they were trained."""
        return None if self.spread >= _AS_TRAINED else self.spread


@dataclass(frozen=True, kw_only=True)
class Page:
    """The parts of the page that events read or fill."""

    opened: gr.State
    sheet: gr.HTML
    near: gr.HTML
    film: gr.HTML
    card: gr.HTML
    status: gr.HTML
    seed: gr.Number
    count: gr.Slider
    spread: gr.Slider
    model: gr.Dropdown
    more: gr.Button


def sample_panel() -> None:
    """Lay out the page and connect it."""
    page = _page()
    answers = Answers(page=page)
    drawn = [page.opened, page.sheet, page.card, page.status]
    said: list[Any] = [page.seed, page.count, page.spread, page.model]

    def on(event: Any, answer: Any, inputs: Any, to: Any, **options: Any) -> Any:
        return event(spoken(page.status, answer), inputs, to, **QUIET, **NETWORKS, **options)

    late = [on(page.sheet.open, answers.draw, said, drawn)]
    for control in said:
        on(control.input, answers.draw, said, drawn, trigger_mode="always_last", cancels=late)
    on(page.more.click, answers.more, said, [*drawn, page.seed], cancels=late)
    found = [page.near, page.film, page.status]
    on(page.sheet.pick, answers.pick, page.opened, found, trigger_mode="always_last")
    on(page.sheet.ends, answers.walk, page.opened, [page.sheet, page.status], trigger_mode="always_last")  # fmt: skip


def _page() -> Page:
    cards = STUDIO.models()
    choices = [(f"{card.name}, {learned_from(card)}", card.id) for card in cards]
    opened = gr.State(None, time_to_live=HOUR)
    with frame.page():
        with frame.source():
            frame.about(_ABOUT)
            more = gr.Button("Draw others", variant="primary", elem_id="fracture-others")
            seed = gr.Number(
                value=0, label="First seed", precision=0, minimum=0, elem_id="fracture-seed"
            )
            spread = gr.Slider(
                0.2, _AS_TRAINED, value=_AS_TRAINED, step=0.1, elem_id="fracture-spread",
                label="Variety (truncation), SD",
            )  # fmt: skip
            with gr.Accordion("More", open=False):
                count = gr.Slider(4, 64, value=16, step=1, label="Hands", elem_id="fracture-count")
                model = gr.Dropdown(
                    choices, value=choices[0][1], label="Weights", elem_id="fracture-weights"
                )
        with frame.image():
            sheet = hand_sheet()
        with frame.findings():
            frame.heading("Nearest training film")
            near = frame.facts_panel()
            film = gr.HTML("", apply_default_css=False, js_on_load=None)
            frame.heading("Weights")
            card = frame.facts_panel(_card(choices[0][1]))
    status = frame.status_line("Loading the network …")
    return Page(
        opened=opened, sheet=sheet, near=near, film=film, card=card, status=status,
        seed=seed, count=count, spread=spread, model=model, more=more,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What happens on each event: values for parts of the page."""

    page: Page

    def draw(
        self, seed: float | None, count: float, spread: float, model: str, request: gr.Request
    ) -> dict[Any, Any]:
        """Draw the sheet of the controls."""
        started = time.perf_counter()
        said = Said(int(seed or 0), int(count), float(spread), model)
        hands = STUDIO.sample(said.seed, said.count, truncation=said.truncation, model=model)
        card = hand_model(model)
        words = f"weights of {learned_from(card)}"
        folder = session.folder(request)
        value = packed_hands(
            [hand.seed for hand in hands],
            [hand.film for hand in hands],
            folder,
            large=STUDIO.clearest(hands[:_LOOKED_AT]).seed,
            weights=words,
        )
        return {
            self.page.opened: said,
            self.page.card: frame.facts(_card(card.id)),
            self.page.sheet: {"hands": value, "walk": self._walk(said, said.seed, said.seed + 1, request)},
            self.page.status: frame.said(
                card.id, f"learned from {learned_from(card)}", "computed here", took(started)
            ),
        }  # fmt: skip

    def more(
        self, seed: float | None, count: float, spread: float, model: str, request: gr.Request
    ) -> dict[Any, Any]:
        """Draw the sheet after this one."""
        after = int(seed or 0) + int(count)
        return self.draw(after, count, spread, model, request) | {self.page.seed: after}

    def pick(self, said: Said | None, event: gr.EventData) -> dict[Any, Any]:
        """Look for the chosen hand among the films that the network learned from."""
        if said is None:
            return {}
        started = time.perf_counter()
        seed = int(event.seed)
        (hand,) = STUDIO.sample(seed, 1, truncation=said.truncation, model=said.model)
        try:
            near = STUDIO.nearest(hand.film, model=said.model)
        except CheckpointError as why:  # one's own weights without a table draw hands all the same
            return {self.page.near: frame.facts({"Not searched": str(why)}), self.page.film: ""}
        kept = "from your own films" if near.film is not None else "real films do not come with the studio"  # fmt: skip
        share = f"{near.nearer * 100:.0f} % of {near.ruler} other people's hands come nearer"
        told = {
            "Hand": f"seed {seed}",
            "Distance": f"{near.distance:.1f} (no unit); {share}",
            "Reads as": "unusually near: look at the film"
            if near.nearer < 0.05
            else "no nearer than is usual",
            "Film": f"{near.name}, of {near.films}",
            "Picture": kept,
        }
        return {
            self.page.near: frame.facts(told),
            self.page.film: "" if near.film is None else _picture(near.film, near.name),
            self.page.status: frame.said(
                said.model,
                f"learned from {learned_from(hand_model(said.model))}",
                "computed here",
                f"seed {seed} searched in {took(started)}",
            ),
        }

    def walk(self, said: Said | None, event: gr.EventData, request: gr.Request) -> dict[Any, Any]:
        """Draw the way between two hands, ahead of the slider."""
        if said is None:
            return {}
        started = time.perf_counter()
        first, last = int(event.first), int(event.last)
        way = self._walk(said, first, last, request)
        told = frame.said(f"From seed {first} to seed {last}", f"drawn in {took(started)}")
        return {self.page.sheet: {"walk": way}, self.page.status: told}

    def _walk(self, said: Said, first: int, last: int, request: gr.Request) -> dict[str, Any]:
        films = STUDIO.walk(first, last, truncation=said.truncation, model=said.model)
        return packed_walk(first, last, films, session.folder(request))


def _picture(film: Radiograph, name: str) -> str:
    picture = b64encode(png(film, 268)).decode()
    return (
        f'<figure class="fx-figure"><img class="fx-mask" src="data:image/png;base64,{picture}" '
        f'alt="Training film {escape(name)}"><figcaption>Real film {escape(name)}</figcaption></figure>'
    )


def _card(model: str) -> dict[str, str]:
    card = hand_model(model)
    scores = {
        _SCORES.get(metric.name, metric.name.replace("_", " ")): " · ".join(
            filter(None, (f"{metric.value:.3g}", f"{metric.n} images", metric.extractor))
        )
        for metric in card.metrics[:2]
    }
    return {"Trained on": card.trained_on, **scores, "Licence": card.licence, "Limits": card.limits}

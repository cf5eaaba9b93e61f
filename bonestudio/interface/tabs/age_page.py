"""The layout of the Age tab: what there is to see and to press."""

from dataclasses import dataclass

import gradio as gr

from bonestudio.instruments.age.film import Anatomy
from bonestudio.instruments.age.progression import AgeProgression
from bonestudio.interface import frame
from bonestudio.interface.tabs.age_words import BONES, SEXES
from bonestudio.interface.viewers.age import age_deck, age_findings
from bonestudio.interface.viewers.radiograph import radiograph_viewer
from bonestudio.interface.words import learned_from

_ABOUT = (
    "Shows the bone of a finger or a knee younger or older. Every aged image is simulated, not a "
    'forecast. <a href="museum/" target="_blank">Museum page</a>'
)


@dataclass(frozen=True, kw_only=True)
class AgePage:
    """The parts of the tab that events read or fill."""

    samples: gr.HTML | None
    upload: gr.File
    bone: gr.Radio
    sex: gr.Radio
    now: gr.Number
    model: gr.Dropdown
    detail: gr.Checkbox
    deck: gr.HTML
    found: gr.HTML
    read: gr.HTML
    saved: gr.HTML
    status: gr.HTML


def age_page(ages: AgeProgression) -> AgePage:
    """Lay out the tab."""
    bones = ages.bones()
    with frame.page():
        with frame.source():
            gr.HTML(f'<p class="bs-about">{_ABOUT}</p>', apply_default_css=False, js_on_load=None)
            samples = _samples(ages)
            upload = gr.File(
                label="Open a hand, or a picture of the bone",
                type="filepath",
                height=88,
                elem_id="age-upload",
            )
            choices = [(BONES[one], one) for one in bones]
            bone = gr.Radio(choices, value=bones[0], label="Bone", elem_id="age-bone")
            sex = gr.Radio(list(SEXES), value="Unknown", label="Sex", elem_id="age-sex")
            now = gr.Number(
                label="Age, years (empty: unknown)",
                minimum=0,
                maximum=19,
                step=0.1,
                elem_id="age-now",
            )
            with gr.Accordion("More", open=False):
                weights = weights_choices(ages, bones[0])
                model = gr.Dropdown(weights, label="Weights", elem_id="age-weights")
                detail = gr.Checkbox(
                    label="Keep the film's own detail where age changes nothing",
                    value=True,
                    elem_id="age-detail",
                )
        with frame.image():
            radiograph_viewer(name="age", title="Film and aged bone", upload="age-upload")
            deck = age_deck(viewer="age")
        with frame.findings():
            found = age_findings()
            frame.heading("What was read")
            read = frame.facts_panel()
            saved = frame.download()
    status = frame.status_line("Loading the network …")
    return AgePage(
        samples=samples,
        upload=upload,
        bone=bone,
        sex=sex,
        now=now,
        model=model,
        detail=detail,
        deck=deck,
        found=found,
        read=read,
        saved=saved,
        status=status,
    )


def weights_choices(ages: AgeProgression, bone: Anatomy) -> list[tuple[str, str]]:
    """List the weights for a bone: what they were trained on, and their id."""
    return [(f"{card.name}, {learned_from(card)}", card.id) for card in ages.models(bone)]


def usable_samples(ages: AgeProgression) -> list[str]:
    """Names of the films that ship and whose bone can be aged here."""
    bones = ages.bones()
    return [one.name for one in ages.samples.samples() if ages.sample_bone(one.name) in bones]


def _samples(ages: AgeProgression) -> gr.HTML | None:
    names = usable_samples(ages)
    shipped = [one for one in ages.samples.samples() if one.name in names]
    if not shipped:
        return None
    gr.set_static_paths([sample.path for sample in shipped])
    return frame.sample_strip(
        [(one.name, one.title, f"gradio_api/file={one.path}") for one in shipped], opened=names[0]
    )

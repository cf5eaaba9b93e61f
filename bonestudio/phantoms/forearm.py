"""Adult forearms from elbow to wrist, AP or lateral, healthy, broken or with bone removed."""

from collections.abc import Sequence
from typing import Any

from bonestudio.imaging.types import Laterality, Radiograph
from bonestudio.phantoms.fracture import Fracture
from bonestudio.phantoms.hardware import Hardware
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.phantoms.truth import Phantom


def forearm(
    patient: VirtualPatient,
    view: str = "PA",
    *,
    fracture: Fracture | None = None,
    style: Style = "natural",
    **options: Any,
) -> Phantom[Radiograph]:
    """One forearm; options as of :func:`render_forearms`."""
    return render_forearms([patient], view, fracture=fracture, style=style, **options)[0]


def render_forearms(
    patients: Sequence[VirtualPatient],
    view: str = "PA",
    *,
    fracture: Fracture | None = None,
    hardware: Hardware | None = None,
    style: Style = "natural",
    age: float = 35.0,
    side: Laterality | None = None,
    size: int = 256,
    device: str = "cpu",
) -> list[Phantom[Radiograph]]:
    """Render forearms, ``size`` × ``size`` pixels over about 320 mm; ``view`` 'PA' or 'lateral'."""
    from bonestudio.phantoms.forearm_film import render_arms

    return render_arms(
        patients,
        kind="forearm",
        view=view,
        asked={},
        fracture=fracture,
        hardware=hardware,
        style=style,
        age=age,
        side=side,
        size=size,
        device=device,
    )

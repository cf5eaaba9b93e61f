"""Adult wrists, PA, lateral or oblique, healthy or broken, with their angles and masks."""

from collections.abc import Sequence
from typing import Any

from bonestudio.imaging.types import Laterality, Radiograph
from bonestudio.phantoms.fracture import Fracture
from bonestudio.phantoms.hardware import Hardware
from bonestudio.phantoms.patient import Style, VirtualPatient
from bonestudio.phantoms.truth import Phantom


def wrist(
    patient: VirtualPatient,
    view: str = "PA",
    *,
    fracture: Fracture | None = None,
    style: Style = "natural",
    **options: Any,
) -> Phantom[Radiograph]:
    """One wrist; options as of :func:`render_wrists`."""
    return render_wrists([patient], view, fracture=fracture, style=style, **options)[0]


def render_wrists(
    patients: Sequence[VirtualPatient],
    view: str = "PA",
    *,
    fracture: Fracture | None = None,
    hardware: Hardware | None = None,
    style: Style = "natural",
    age: float = 35.0,
    side: Laterality | None = None,
    size: int = 256,
    radial_inclination: float | None = None,
    volar_tilt: float | None = None,
    ulnar_variance: float | None = None,
    device: str = "cpu",
) -> list[Phantom[Radiograph]]:
    """Render wrists, ``size`` × ``size`` pixels over about 135 mm.

    Parameters
    ----------
    view
        'PA', 'lateral' ('LL') or 'oblique' ('OB').
    side
        'L' or 'R'; a fracture brings its own.
    radial_inclination, volar_tilt
        Degrees, of the bone before it broke; the patient's own where none is asked for.
    ulnar_variance
        Millimetres, positive where the ulna is the longer.
    """
    from bonestudio.phantoms.forearm_film import render_arms

    asked = {
        "radial_inclination": radial_inclination,
        "volar_tilt": volar_tilt,
        "ulnar_variance": ulnar_variance,
    }
    return render_arms(
        patients,
        kind="wrist",
        view=view,
        asked=asked,
        fracture=fracture,
        hardware=hardware,
        style=style,
        age=age,
        side=side,
        size=size,
        device=device,
    )

"""Virtual patients: real anatomy, real physics, known truth."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonestudio.phantoms.patient import Traits, VirtualPatient
    from bonestudio.phantoms.truth import Phantom, Truth

_HOMES = {
    "VirtualPatient": "patient",
    "Traits": "patient",
    "Phantom": "truth",
    "Truth": "truth",
    "render_phalanges": "phalange",
    "render_femora": "femur",
    "audit": "audit",
}

__all__ = ["Phantom", "Traits", "Truth", "VirtualPatient"]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its file on first use (PEP 562): torch waits until then."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

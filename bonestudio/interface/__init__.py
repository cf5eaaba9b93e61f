"""The Gradio app: a theme, a frame, one file per tab, and the viewers that run in the browser.

Nothing heavy is imported here; ``build`` and ``launch`` bring Gradio in when they are called.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bonestudio.interface.server import launch
    from bonestudio.interface.studio import build

__all__ = ["build", "launch"]


def __getattr__(name: str) -> Any:
    if name == "build":
        from bonestudio.interface.studio import build

        return build
    if name == "launch":
        from bonestudio.interface.server import launch

        return launch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

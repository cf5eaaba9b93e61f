"""Style sheets, scripts and icons of the app, as files beside the code that shows them."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
VIEWERS: Final = FOLDER.parent / "viewers"

ICON: Final = FOLDER / "icon.png"


def page_head() -> str:
    """Return what the page's head gets: style sheets and the page's own scripts.

    Gradio would put its own selectors before each of ours and lose those that look at the page as a
    whole; here everything but the roles is nested inside the app instead, above Gradio's own weight.
    """
    viewers = [path for path in sorted(VIEWERS.rglob("*.css")) if "vendor" not in path.parts]
    own = (FOLDER / f"{name}.css" for name in ("frame", "controls", "studies"))
    nested = "".join(_text(path) for path in (*own, *viewers))
    style = f"{_text(FOLDER / 'roles.css')}.gradio-container.gradio-container {{\n{nested}}}"
    scripts = (f"<script>{_text(FOLDER / name)}</script>" for name in ("page.js", "typed.js"))
    return f"<style>{style}</style>{''.join(scripts)}"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")

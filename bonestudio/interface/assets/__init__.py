"""Style sheets, scripts and icons of the app, as files beside the code that shows them."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
VIEWERS: Final = FOLDER.parent / "viewers"

ICON: Final = FOLDER / "icon.png"


def style_sheets() -> list[Path]:
    """Roles first, then the frame, then each viewer's own."""
    viewers = [path for path in sorted(VIEWERS.rglob("*.css")) if "vendor" not in path.parts]
    return [FOLDER / "roles.css", FOLDER / "frame.css", *viewers]


def page_script() -> str:
    """Return the script of the page itself, as an element for its head."""
    return f"<script>{(FOLDER / 'page.js').read_text(encoding='utf-8')}</script>"

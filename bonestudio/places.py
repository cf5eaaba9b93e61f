"""Where things lie: what ships with the studio, and what belongs to the user.

In a checkout the shipped folders stand beside the package; in a wheel they travel inside it.
"""

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped(room: str) -> Path:
    """Folder of what ships: 'checkpoints', 'assets' or 'training' (the recipes)."""
    inside_wheel = _PACKAGE / "shipped" / room
    return inside_wheel if inside_wheel.is_dir() else _PACKAGE.parent / room


def cache() -> Path:
    """Folder for what can be made again (voxelised bones); ``BONESTUDIO_CACHE`` moves it."""
    if chosen := os.environ.get("BONESTUDIO_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bonestudio"


def user_checkpoints() -> Path | None:
    """Folder of the user's own weights (``BONESTUDIO_CHECKPOINTS``), searched before what ships."""
    chosen = os.environ.get("BONESTUDIO_CHECKPOINTS")
    return Path(chosen) if chosen else None

"""Who may open the studio: names and passwords from a file, and no guessing of them."""

import time
from collections.abc import Callable
from pathlib import Path
from secrets import compare_digest
from threading import Lock
from typing import Final

from bonestudio.errors import RequestError, StorageError

FREE: Final = 5
"""Wrong passwords of a name that cost nothing."""
WAIT: Final = 30.0
"""Seconds in which a name is then refused, whatever its password."""


class Accounts:
    """Checks a name and its password; a name that was tried too often has to wait."""

    def __init__(
        self, known: dict[str, str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._known, self._clock = known, clock
        self._wrong: dict[str, tuple[int, float]] = {}  # tries, until when the name waits
        self._lock = Lock()

    def __call__(self, name: str, password: str) -> bool:
        """Whether the two belong together, as Gradio asks."""
        right = compare_digest(self._known.get(name, "").encode(), password.encode())
        if name not in self._known:
            return False
        with self._lock:
            tries, until = self._wrong.get(name, (0, 0.0))
            now = self._clock()
            if now < until:
                return False
            if right:
                self._wrong.pop(name, None)
            else:
                self._wrong[name] = (tries + 1, now + WAIT if tries + 1 >= FREE else 0.0)
        return right


def read_accounts(path: Path) -> Accounts:
    """Read a file of 'name:password' lines."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(
            f"The accounts file {path.name} cannot be read; it needs one 'name:password' a line."
        ) from error
    pairs = [line.partition(":") for line in lines if line and not line.startswith("#")]
    known = {name: password for name, _, password in pairs if name and password}
    if not known or len(known) != len(pairs):
        raise RequestError(
            f"The accounts file {path.name} needs one 'name:password' a line, each name once."
        )
    return Accounts(known)

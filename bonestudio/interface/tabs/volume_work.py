"""What a visitor of the Volume tab has in hand, and which of a slider's moves is the newest."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from bonestudio.errors import RequestError
from bonestudio.imaging.types import Volume
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.instruments.volume.session import Session, Step
from bonestudio.interface.events import HOUR

REST: Final = 0.25  # seconds after which a slider is taken to rest


@dataclass(frozen=True, kw_only=True)
class Work:
    """A visitor's volumes.

    Attributes
    ----------
    model
        Checkpoint of the generator.
    session
        History of the volume that is edited.
    second
        The volume that is morphed to and mixed with.
    scan
        The scan that was inverted last, on the generator's grid.
    turn
        Name of the control's present use; steps of one turn replace each other.
    """

    model: str
    session: Session
    second: Step
    scan: Volume | None = None
    turn: str = ""


def there(work: Work | None) -> Work:
    """Refuse to work on nothing."""
    if work is None:
        raise RequestError("Draw a volume first, or invert a scan.")
    return work


@lru_cache(maxsize=4)
def editor(model: str) -> VolumeEditor:
    """Return the editor of a checkpoint; one serves all visitors."""
    return VolumeEditor(model)


class Moves:
    """The newest value of each visitor's slider: what is older need not be drawn at full size."""

    def __init__(self, most: int = 256) -> None:
        self._newest: OrderedDict[str, float] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def moved(self, visitor: str, value: float) -> None:
        """Note where a slider is now."""
        with self._lock:
            self._newest[visitor] = value
            self._newest.move_to_end(visitor)
            while len(self._newest) > self._most:
                self._newest.popitem(last=False)

    def rests(self, visitor: str, value: float) -> bool:
        """Whether a slider is still where it was."""
        with self._lock:
            return self._newest.get(visitor, value) == value


class Kept:
    """What pages had in hand, so that a reload goes on with it; forgotten after an hour."""

    def __init__(self, most: int = 64) -> None:
        self._works: OrderedDict[str, tuple[float, Work]] = OrderedDict()
        self._pages: OrderedDict[str, str] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def found(self, visitor: str, page: str) -> Work | None:
        """Note which page a visitor has opened, by its random name, and return what it had in hand."""
        if not page:
            return None
        with self._lock:
            self._pages[visitor] = page
            while len(self._pages) > 4 * self._most:
                self._pages.popitem(last=False)
            since, work = self._works.get(page, (0.0, None))
            return work if time.monotonic() - since < HOUR else None

    def keep(self, visitor: str, work: Work) -> None:
        """Keep what a visitor has in hand now."""
        with self._lock:
            page = self._pages.get(visitor)
            if page is None:
                return
            self._works[page] = (time.monotonic(), work)
            self._works.move_to_end(page)
            while len(self._works) > self._most:
                self._works.popitem(last=False)


KEPT: Final = Kept()

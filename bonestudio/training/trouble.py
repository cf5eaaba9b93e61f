"""What stops a training from outside, said in one sentence; and stopping when asked to."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Self

import torch

from bonestudio.errors import TrainingError
from bonestudio.training.state import states


def last_good(folder: Path) -> str:
    """Name the state that a stopped run can go on from."""
    found = states(folder)
    if not found:
        return "No state had been saved yet."
    return f"The last good state is step {int(found[-1].stem.split('-')[1])} in {folder}."


@contextmanager
def sentences(folder: Path, *, batch: Callable[[], int]) -> Iterator[None]:
    """Turn 'out of memory' in its many forms, and a dead loader process, into one sentence."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if "DataLoader worker" in str(error) and "exited unexpectedly" in str(error):
            raise TrainingError(
                "A process that loads images was killed, most likely for want of memory. "
                f"{last_good(folder)} Try --set training.workers=0."
            ) from error
        if not _is_memory(error):
            raise
        size = batch()
        raise TrainingError(
            f"There is not enough memory for a batch of {size} images. {last_good(folder)} "
            f"Try a smaller batch: --set training.batch={max(1, size // 2)}."
        ) from error


def _is_memory(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = str(error)
    return "can't allocate memory" in said or "not enough memory" in said


class Bell:
    """Rings when the person (Ctrl-C) or the system (SIGTERM) asks to stop.

    The step in hand is finished and saved first. A second Ctrl-C stops at once; that is safe too.
    """

    def __init__(self) -> None:
        self.rung = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for sign in (signal.SIGINT, signal.SIGTERM):
                self._before[sign] = signal.signal(sign, self._ring)
        return self

    def __exit__(self, *_: object) -> None:
        for sign, handler in self._before.items():
            signal.signal(sign, handler)  # type: ignore[arg-type]

    def _ring(self, sign: int, _: FrameType | None) -> None:
        if self.rung and sign == signal.SIGINT:
            raise KeyboardInterrupt
        self.rung = True

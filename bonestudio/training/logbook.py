"""What a run tells: metrics.jsonl for programs, TensorBoard for those who like it."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bonestudio.errors import StorageError, TrainingError


class Logbook:
    """One line of JSON per log; on resuming, the lines after the resumed step are cut off."""

    def __init__(self, path: Path, *, resumed_at: int, tensorboard: bool = False) -> None:
        self.path = path
        if self.path.exists():
            kept = [line for line in read_lines(path) if line["step"] <= resumed_at]
            scratch = self.path.with_suffix(".partial")
            scratch.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
            scratch.replace(self.path)
        self._board = _tensorboard(path.parent, resumed_at) if tensorboard else None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Append a line."""
        line = json.dumps({"step": step, **values})
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise StorageError(f"{self.path} cannot be written: {error.strerror}.") from error
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush what is still in memory."""
        if self._board is not None:
            self._board.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a logbook; a last line that a kill cut short is left out."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def _tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError(
            "This recipe logs to TensorBoard, which is not installed: "
            "pip install 'bonestudio[train]', or --set run.tensorboard=false."
        ) from error
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step)


class Means:
    """Means of what steps log until the next line; kept on the device, so that no step waits.

    Part of the run's state: a run that is resumed between two lines writes the same next line.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, logged: Mapping[str, Tensor]) -> None:
        """Take the values of one step."""
        for name, value in logged.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def read(self) -> dict[str, float]:
        """Return the means since the last :meth:`clear`; this waits for the device."""
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}

    def clear(self) -> None:
        """Begin the next line."""
        self._sums.clear()
        self._counts.clear()

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def restore(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Take back what :meth:`state` gave."""
        self._sums = {name: value.to(device) for name, value in state["sums"].items()}
        self._counts = dict(state["counts"])


def check_finite(values: Mapping[str, float], *, step: int, last_good: str) -> None:
    """Stop if a loss is no longer a number."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss '{name}' became {value} by step {step}: training has diverged. "
                f"{last_good} Try a smaller learning rate or --set training.precision=32-true."
            )

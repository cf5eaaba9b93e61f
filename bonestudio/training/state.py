"""The state of a run in one file that is never unpickled.

Tensors go into safetensors; everything else (numbers, names, nesting) into JSON in its header. A
state is written beside the others, flushed to the disk, and only then given its name: a kill or
a full disk leaves the last good one as it was.
"""

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bonestudio.errors import StorageError, TrainingError

KEPT = 2  # the newest and the one before it


def write_state(folder: Path, step: int, state: Mapping[str, Any]) -> Path:
    """Write ``folder/state-<step>.safetensors`` whole or not at all, and drop the oldest."""
    tensors: dict[str, Tensor] = {}
    told = json.dumps(_take_apart(state, tensors, ""))
    path = folder / f"state-{step:09d}.safetensors"
    scratch = path.with_suffix(".partial")
    try:
        save_file(tensors, scratch, metadata={"state": told})
        _flush(scratch)
        scratch.replace(path)
        _flush(folder)
        for old in states(folder)[:-KEPT]:
            old.unlink()
    except (OSError, SafetensorError) as error:
        scratch.unlink(missing_ok=True)
        raise _storage_error(error, folder) from error
    return path


def states(folder: Path) -> list[Path]:
    """Complete states, oldest first."""
    return sorted(folder.glob("state-*.safetensors"))


def read_state(folder: Path) -> dict[str, Any]:
    """Read the newest state that is whole."""
    found = states(folder)
    for path in reversed(found):
        try:
            with safe_open(path, framework="pt") as file:
                told = json.loads(file.metadata()["state"])
                return _put_together(told, file)  # type: ignore[no-any-return]
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            continue  # damaged: the one before it
    damaged = f"all {len(found)} of its states are damaged" if found else "it has no state yet"
    raise TrainingError(f"The run {folder} cannot go on: {damaged}; start it anew.")


def _take_apart(value: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """Put tensors aside under their path; return the rest as JSON."""
    if isinstance(value, Tensor):
        stored = value.detach().cpu().contiguous()
        tensors[path] = stored.clone() if stored.data_ptr() == value.data_ptr() else stored
        return {"tensor": path}
    if isinstance(value, Mapping):
        # As pairs: an optimiser's state is numbered, and JSON knows no numbered keys.
        return {"map": [[k, _take_apart(v, tensors, f"{path}/{k}")] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_take_apart(v, tensors, f"{path}/{i}") for i, v in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a state cannot hold a {type(value).__name__} at {path}")


def _put_together(told: Any, file: Any) -> Any:
    if not isinstance(told, dict):
        return told
    ((kind, inner),) = told.items()
    match kind:
        case "tensor":
            return file.get_tensor(inner)
        case "map":
            return {key: _put_together(value, file) for key, value in inner}
        case "list":
            return [_put_together(value, file) for value in inner]
        case "tuple":
            return tuple(_put_together(value, file) for value in inner)
    raise ValueError(kind)


def like_parameters(optimiser: torch.optim.Optimizer) -> None:
    """Give an optimiser's restored moments the memory layout of their parameters (for speed)."""
    for parameter, moments in optimiser.state.items():
        for name, moment in moments.items():
            if isinstance(moment, Tensor) and moment.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(moment)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _storage_error(error: Exception, folder: Path) -> StorageError:
    said = str(error)
    if getattr(error, "errno", None) == errno.ENOSPC or "os error 28" in said:
        why = "the disk is full; free some space"
    elif getattr(error, "errno", None) == errno.EFBIG or "os error 27" in said:
        why = "the file would be larger than this system allows"
    else:
        why = getattr(error, "strerror", None) or said
    return StorageError(
        f"The state of the run cannot be written to {folder}: {why}. "
        "The last good state is untouched; go on with --resume."
    )

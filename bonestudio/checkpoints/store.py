"""Write and read weights: safetensors in shards, checked against their card."""

import hashlib
import importlib
import inspect
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor, nn

from bonestudio.checkpoints.card import Card, Part
from bonestudio.checkpoints.registry import find_card
from bonestudio.errors import CheckpointError, StorageError

SHARD_BYTES = 15 * 1024 * 1024  # a file stays under 16 MB, so that any host takes it


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Networks ready for inference (eval mode, no gradients) and their card."""

    card: Card
    networks: dict[str, nn.Module]

    def __getitem__(self, part: str) -> nn.Module:
        return self.networks[part]


def save(
    card: Card,
    networks: Mapping[str, nn.Module],
    folder: Path,
    *,
    precision: Literal["float16", "float32"] = "float16",
) -> Card:
    """Write ``folder/system/name.{json,safetensors}`` whole or not at all; return the full card.

    Use half precision where the output differs from full precision by less than a grey level:
    :func:`bonestudio.checkpoints.store.save` does not judge that, the experiment does.
    """
    if set(networks) != set(card.parts):
        raise CheckpointError(
            f"The card of {card.id} names {sorted(card.parts)} but got {sorted(networks)}."
        )
    dtype = getattr(torch, precision)
    tensors: dict[str, Tensor] = {}
    for part, network in networks.items():
        for key, value in network.state_dict().items():
            stored = value.detach().cpu().contiguous()
            tensors[f"{part}/{key}"] = _narrowed(stored, dtype)
    target = folder / card.system
    shards = list(_shards(tensors))
    blobs = {}
    metadata = {"card": card.model_copy(update={"files": {}}).model_dump_json()}
    for i, shard in enumerate(shards, start=1):
        part_of = "" if len(shards) == 1 else f".{i}of{len(shards)}"
        blobs[f"{card.name}{part_of}.safetensors"] = write_tensors(shard, metadata=metadata)
    full = card.model_copy(
        update={
            "precision": precision,
            "files": {name: hashlib.sha256(blob).hexdigest() for name, blob in blobs.items()},
        }
    )
    # The card is written last: weights without a card are invisible, a card never lacks weights.
    for name, blob in blobs.items():
        _write(target / name, blob)
    _write(target / f"{card.name}.json", full.model_dump_json(indent=2).encode() + b"\n")
    return full


def load(checkpoint_id: str, *, device: str | torch.device = "cpu") -> Checkpoint:
    """Build the networks of ``system/name`` and fill them, after checking that all of it fits."""
    card, folder = find_card(checkpoint_id)
    tensors: dict[str, Tensor] = {}
    for file, expected in card.files.items():
        tensors |= _read(folder / Path(file).name, expected, card)
    networks = {}
    for part, spec in card.parts.items():
        network = _build(spec, card)
        own = {
            k.removeprefix(f"{part}/"): v for k, v in tensors.items() if k.startswith(f"{part}/")
        }
        _fill(network, own, part, card)
        networks[part] = network.to(device).eval().requires_grad_(requires_grad=False)
    return Checkpoint(card, networks)


def loaded(checkpoint_id: str) -> Checkpoint:
    """Load ``system/name`` once; another card or another folder under that name is loaded again."""
    card, folder = find_card(checkpoint_id)
    return _loaded(checkpoint_id, str(folder), card.model_dump_json())


@lru_cache(maxsize=16)
def _loaded(checkpoint_id: str, _folder: str, _card: str) -> Checkpoint:
    return load(checkpoint_id)


def _narrowed(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Narrow to ``dtype`` what fits into it: variances of batch norm can be above half's 65 504."""
    if not tensor.is_floating_point():
        return tensor
    narrow = tensor.to(dtype)
    return narrow if narrow.isfinite().all() or not tensor.isfinite().all() else tensor


def _shards(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    shard: dict[str, Tensor] = {}
    size = 0
    for key, tensor in tensors.items():
        if shard and size + tensor.nbytes > SHARD_BYTES:
            yield shard
            shard, size = {}, 0
        shard[key] = tensor
        size += tensor.nbytes
    yield shard


def _write(path: Path, blob: bytes) -> None:
    scratch = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            scratch = Path(file.name)
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(0o644)
        scratch.replace(path)
    except OSError as error:
        if scratch is not None:
            scratch.unlink(missing_ok=True)
        raise StorageError(
            f"{path.name} cannot be written to {path.parent}: {error.strerror}."
        ) from error


def _read(path: Path, expected: str, card: Card) -> dict[str, Tensor]:
    try:
        blob = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"The weights {path.name} of {card.id} cannot be read: {error.strerror}."
        ) from error
    if hashlib.sha256(blob).hexdigest() != expected:
        raise CheckpointError(
            f"The weights {path.name} of {card.id} are damaged: they are not what the card describes; copy them again."
        )
    try:
        tensors: dict[str, Tensor] = read_tensors(blob)
    except SafetensorError as error:
        raise CheckpointError(
            f"The weights {path.name} of {card.id} are not a safetensors file."
        ) from error
    return tensors


def _build(spec: Part, card: Card) -> nn.Module:
    """Instantiate a network by its card; only classes of ``bonestudio.networks`` are ever called."""
    module_name, _, class_name = spec.architecture.partition(":")
    try:
        module = importlib.import_module(f"bonestudio.networks.{module_name}")
        network = getattr(module, class_name)
    except (ImportError, AttributeError) as error:
        raise CheckpointError(
            f"{card.id} needs the network {spec.architecture}, which this version does not have."
        ) from error
    if not (inspect.isclass(network) and issubclass(network, nn.Module)):
        raise CheckpointError(f"{card.id} names {spec.architecture}, which is not a network.")
    try:
        built: nn.Module = network(**spec.config)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{card.id} does not fit {spec.architecture}: {error}.") from error
    return built


def _fill(network: nn.Module, tensors: dict[str, Tensor], part: str, card: Card) -> None:
    wanted = {key: value.shape for key, value in network.state_dict().items()}
    given = {key: value.shape for key, value in tensors.items()}
    if wanted != given:
        odd = sorted(k for k in wanted.keys() | given.keys() if wanted.get(k) != given.get(k))
        raise CheckpointError(
            f"The weights of {card.id} were made for another {part}: {len(odd)} of {len(wanted)} "
            f"tensors differ, the first is '{odd[0]}'."
        )
    network.load_state_dict(tensors)

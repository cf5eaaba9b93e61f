"""From data sets to batches on the device, ahead of need, and how long the step had to wait."""

import random
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate
from torch.utils.data import Dataset as TorchDataset

from bonestudio.errors import BoneStudioError, TrainingError
from bonestudio.training.order import Rows, Ticket, Tickets, key_of


class Images(Protocol):
    """A data set: so many images, each a tensor or a mapping of tensors."""

    def __len__(self) -> int: ...
    def __getitem__(self, row: int, /) -> Any: ...


@runtime_checkable
class Batched(Protocol):
    """A data set that gives many rows at once, which is much faster for arrays in memory."""

    def batch(self, rows: Rows, /) -> Any:
        """Return these rows, stacked."""
        ...


class _Counter(TorchDataset[Any]):
    """Answers tickets. Each image has a random seed of its own, so augmentation repeats itself."""

    def __init__(self, datasets: Mapping[str, Images], seed: int) -> None:
        self.datasets, self.seed = datasets, seed

    def __getitem__(self, ticket: Ticket) -> dict[str, Any]:
        return {name: self._batch(name, rows, ticket.first) for name, rows in ticket.rows.items()}

    def _batch(self, name: str, rows: Rows, first: int) -> Any:
        dataset = self.datasets[name]
        if isinstance(dataset, Batched):
            return dataset.batch(rows)
        samples = []
        for position, row in enumerate(rows.tolist(), start=first):
            key = key_of(self.seed, "augment", name, position)
            torch.manual_seed(key)
            random.seed(key)
            np.random.seed(key % 2**32)  # noqa: NPY002 – for augmentations written on the old interface
            samples.append(dataset[row])
        return default_collate(samples)


class Feed:
    """Batches for the steps of a plan, with a meter of the time that steps wait for them.

    With ``workers`` they are made in other processes while the step computes; without, arrays in
    memory are indexed in place, which takes microseconds.
    """

    def __init__(
        self,
        datasets: Mapping[str, Images],
        tickets: Tickets,
        *,
        seed: int,
        device: torch.device,
        workers: int,
        channels_last: bool,
    ) -> None:
        self._device, self._channels_last = device, channels_last
        loader = DataLoader(
            _Counter(datasets, seed),
            sampler=tickets,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            pin_memory=device.type == "cuda",
        )
        self._batches: Iterator[dict[str, Any]] = iter(loader)
        self.waited = 0.0  # s

    def next(self) -> dict[str, Any]:
        """Return the batch of the next step, on the device."""
        began = time.perf_counter()
        try:
            batch = self._move(next(self._batches))
        except BoneStudioError as error:
            # A loader process wraps its traceback around the sentence.
            sentence = str(error).strip().splitlines()[-1]
            raise TrainingError(sentence.rpartition("Error: ")[2]) from error
        self.waited += time.perf_counter() - began
        return batch  # type: ignore[no-any-return]

    def _move(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            layout = _layout(value) if self._channels_last else torch.preserve_format
            return value.to(self._device, non_blocking=True, memory_format=layout)
        if isinstance(value, Mapping):
            return {key: self._move(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._move(inner) for inner in value]
        return value


def _layout(value: Tensor) -> torch.memory_format:
    by_rank = {4: torch.channels_last, 5: torch.channels_last_3d}
    return by_rank.get(value.ndim, torch.preserve_format)

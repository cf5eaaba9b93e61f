"""Random numbers that belong to a patient and a purpose, and to nothing else.

Philox is a counter-based generator: the key is the patient's seed and a hash of the purpose, so a
draw is the same in every process, on every machine and in every batch, and a new draw for a new
purpose moves none of the old ones. Noise for a GPU is drawn here and sent there.
"""

import hashlib

import numpy as np
import torch
from torch import Tensor

from bonestudio.errors import RequestError


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return the generator of one patient for one purpose ('traits', 'phalange/noise' …)."""
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise RequestError(f"A patient's seed is a whole number from 0 to 2⁶³ − 1, not {seed!r}.")
    word = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")
    return np.random.Generator(np.random.Philox(key=np.array([seed, word], dtype=np.uint64)))


def normal(seed: int, purpose: str, *shape: int) -> Tensor:
    """Draw standard normal numbers [*shape] float32 on the CPU."""
    drawn = generator(seed, purpose).standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(drawn)


def uniform(seed: int, purpose: str, *shape: int) -> Tensor:
    """Draw numbers [*shape] float32 between 0 and 1 on the CPU."""
    return torch.from_numpy(generator(seed, purpose).random(shape, dtype=np.float32))

"""Codes of volumes, and what can be done with them without a network: between, mixed, moved."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from bonestudio.errors import RequestError

Values = Float[NDArray[np.float32], "stacks layers codes"]
Unit = Float[NDArray[np.float32], " codes"]
MOST_STACKS = 24


@dataclass(frozen=True, eq=False)
class Code:
    """Where a volume lies in a generator's latent space.

    Attributes
    ----------
    values
        [stacks, layers, codes]: one row of layers for each overlapping stack. 3D-ProGAN has one
        layer (z); 3D-StyleGAN has a code w for each of its convolutions.
    starts
        First slice of each stack in the whole volume.
    grain
        0 to 1: how much of 3D-StyleGAN's noise maps is drawn; an inverted scan has none.
    """

    values: Values
    starts: tuple[int, ...] = (0,)
    grain: float = 0.0

    @property
    def digest(self) -> str:
        """Name of this code, equal for equal codes."""
        told = f"{self.values.shape}{self.starts}{self.grain:.6f}".encode()
        return hashlib.sha256(told + self.values.tobytes()).hexdigest()


def between(a: Code, b: Code, share: float) -> Code:
    """Return α b + (1 − α) a for a share α of ``b``, 0 to 1 (paper 003, section 4.2)."""
    check(share, 0.0, 1.0, "A morph's share")
    a, b = matched(a, b)
    values = (1.0 - share) * a.values + share * b.values
    grain = (1.0 - share) * a.grain + share * b.grain
    return Code(values.astype(np.float32), a.starts, grain)


def mixed(source: Code, target: Code, layers: int) -> Code:
    """Return x^a of paper 003, section 4.3: the source's styles in the first ``layers``, then the target's."""
    source, target = matched(source, target)
    count = source.values.shape[1]
    if count == 1:
        raise RequestError(
            "3D-ProGAN has one code for all layers, so there are no styles to mix; choose weights of "
            "3D-StyleGAN, or morph."
        )
    check(layers, 0, count, "The number of the source's layers")
    values = np.concatenate([source.values[:, :layers], target.values[:, layers:]], axis=1)
    return Code(values, source.starts, source.grain if layers == count else target.grain)


def moved(code: Code, direction: Unit, amount: float) -> Code:
    """Return the code ``amount`` times a direction away, alike in all stacks and layers."""
    check(amount, -1e4, 1e4, "The amount of an edit")
    values = code.values + np.float32(amount) * direction.astype(np.float32)
    return replace(code, values=values.astype(np.float32))


def matched(a: Code, b: Code) -> tuple[Code, Code]:
    """Bring two codes to the same stacks: one stack serves beside each of the other's."""
    if a.values.shape[1:] != b.values.shape[1:]:
        raise RequestError("The two volumes belong to different generators; invert one anew.")
    counts = len(a.values), len(b.values)
    if counts[0] == counts[1] and a.starts == b.starts:
        return a, b
    if counts[1] == 1:
        return a, replace(b, values=np.repeat(b.values, counts[0], 0), starts=a.starts)
    if counts[0] == 1:
        return replace(a, values=np.repeat(a.values, counts[1], 0), starts=b.starts), b
    raise RequestError(
        f"The two scans have {counts[0]} and {counts[1]} stacks; they must have equally many, or one."
    )


def check(value: float, low: float, high: float, what: str) -> None:
    """Refuse what is no number, or outside ``low`` to ``high``."""
    told = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not told or not low <= value <= high:
        raise RequestError(f"{what} lies from {low:g} to {high:g}; this is {value!r}.")

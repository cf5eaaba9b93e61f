"""A generator of paper 003 with what belongs to it (critic, encoder, atlas): codes in, volumes out."""

import copy
import itertools
import threading
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bonestudio.checkpoints import Card
from bonestudio.checkpoints.store import Checkpoint, loaded
from bonestudio.errors import RequestError
from bonestudio.instruments.volume.cards import TRUNCATION, TRUNCATIONS, chosen, companion, kind_of
from bonestudio.instruments.volume.codes import Code, Values, check
from bonestudio.networks.equalised import LATENT

if TYPE_CHECKING:
    from bonestudio.networks.volume_atlas import VolumeAtlas

MOST_SEEDS: Final = 2**32
_BF16: Final = bool(torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001 - torch has no other way to ask


class VolumeModel:
    """The networks of one checkpoint.

    Attributes
    ----------
    kind
        '3D-ProGAN' or '3D-StyleGAN'.
    shape, spacing
        Slices, rows and columns of a stack, and the edge of its cubic voxels in mm.
    window
        Densities in mg HA/cm³ that the network's 0 and 1 stand for.
    layers, codes, stages
        Codes of a stack are [layers, codes]; the generator draws at ``stages`` sizes.
    """

    def __init__(self, weights: Checkpoint) -> None:
        self.card = card = weights.card
        self.kind = kind_of(card)
        self.G: Any = weights["generator"].to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.f: Any = weights["critic"]
        self.stages = int(self.G.stages)
        a, b, c = card.settings["shape"]
        self.shape: tuple[int, int, int] = (int(a), int(b), int(c))
        self.spacing = float(card.settings["spacing_mm"])
        low, high = card.settings["window"]
        self.window = (float(low), float(high))
        styled = self.kind == "3D-StyleGAN"
        self.layers = int(self.G.layers) if styled else 1
        self.codes = int(self.G.styles()[0].in_features) if styled else LATENT
        self._lock = threading.RLock()
        self._maps: list[Tensor] = []
        self._random = torch.Generator().manual_seed(0)

    @property
    def styled(self) -> bool:
        """Whether styles can be mixed."""
        return self.layers > 1

    @property
    def thin(self) -> bool:
        """Whether the last layers have so few channels that torch is slow with a single volume."""
        slices, rows, _ = self.shape
        return int(self.G.to_volume[-1].in_channels) * slices * rows <= 20480

    @property
    def weights(self) -> list[str]:
        """Hashes of the weights' files, which encoders and atlases name."""
        return sorted(self.card.files.values())

    @torch.no_grad()
    def sample(self, seed: int, truncation: float | None = None) -> Values:
        """Draw a code [1, layers, codes]; a seed always gives the same.

        ``truncation``: 3D-ProGAN draws each number within ± this many deviations (1.8); 3D-StyleGAN
        draws w towards the mean by this factor ψ (0.8).
        """
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < MOST_SEEDS:
            raise RequestError(
                f"A seed is a whole number from 0 to {MOST_SEEDS - 1}, not {seed!r}."
            )
        cut = TRUNCATION[self.kind] if truncation is None else truncation
        check(cut, *TRUNCATIONS[self.kind], f"The truncation of {self.kind}")
        random = torch.Generator().manual_seed(seed)
        z = torch.randn(1, LATENT, generator=random)
        if not self.styled:
            while (far := z.abs() > cut).any():
                z = torch.where(far, torch.randn(1, LATENT, generator=random), z)
            return z[:, None].numpy()
        w = self.mean_code + cut * (self.G.mapping(z) - self.mean_code)
        return np.repeat(w[:, None].numpy(), self.layers, axis=1)

    @cached_property
    def mean_code(self) -> Tensor:
        """The middle of the codes [1, codes]: 0, or w̄ = E[Φ(z)]."""
        mean: Tensor = self.G.mean_code() if self.styled else torch.zeros(1, LATENT)
        return mean

    @torch.no_grad()
    def deviation(self, direction: NDArray[np.float32]) -> float:
        """Tell the standard deviation of random codes along a unit direction: 1 for 3D-ProGAN."""
        if not self.styled:
            return 1.0
        z = torch.randn(512, LATENT, generator=torch.Generator().manual_seed(1))
        return float((self.G.mapping(z) @ torch.from_numpy(direction)).std())

    def forward(self, codes: Tensor, *, stage: int | None = None, grain: float = 0.0) -> Tensor:
        """Draw stacks [n, 1, slices, rows, columns] in [0, 1] from codes [n, layers, codes]."""
        return self._forward(self.G, codes, stage, grain)

    @torch.inference_mode()
    def draw(self, code: Code, *, stage: int | None = None) -> NDArray[np.float32]:
        """Draw the stacks of a code [stacks, slices, rows, columns], mg HA/cm³.

        A lower stage is a preview and drawn in bfloat16 where the processor computes in it: twice as
        fast. What is measured and kept is drawn in single precision.
        """
        low, high = self.window
        network = self._quick if stage is not None and _BF16 else self.G
        with self._lock:
            stacks = [
                self._forward(network, torch.from_numpy(one[None]), stage, code.grain)[0, 0]
                for one in code.values
            ]
        drawn: NDArray[np.float32] = torch.stack(stacks).float().mul(high - low).add(low).numpy()
        return drawn

    def _forward(self, network: Any, codes: Tensor, stage: int | None, grain: float) -> Tensor:
        codes = codes.to(next(network.parameters()).dtype)
        if not self.styled:
            return network(codes[:, 0], stage)  # type: ignore[no-any-return]
        noise = self._grain(grain) if grain else None
        return network(codes, stage, noise=noise)  # type: ignore[no-any-return]

    @cached_property
    def _quick(self) -> Any:
        """The generator in bfloat16, for previews; its weights take half the memory of the other's."""
        return copy.deepcopy(self.G).to(torch.bfloat16)

    def _grain(self, strength: float) -> Callable[..., Tensor]:
        """Give the same noise maps at every draw, the coarse ones first, so that an edit keeps its grain."""
        number = itertools.count()

        def noise(n: int, *shape: int) -> Tensor:
            i = next(number)
            if i == len(self._maps):
                self._maps.append(torch.randn(1, *shape, generator=self._random))
            return strength * self._maps[i].expand(n, *shape)

        return noise


def opened(model: str | None = None) -> VolumeModel:
    """Load weights once; other files under the same name are loaded again."""
    return _opened(loaded(chosen(model).id))


def encoder_of(card: Card) -> Any:
    """Load the encoder that inverts these weights; None where there is none."""
    other = companion(card, "encoder")
    return None if other is None else loaded(other.id)["encoder"]


def atlas_of(card: Card) -> "tuple[Card, VolumeAtlas] | None":
    """Load what is known of these weights' codes; None where nothing is."""
    other = companion(card, "atlas")
    if other is None:
        return None
    atlas: Any = loaded(other.id)["atlas"]
    return other, atlas


@lru_cache(maxsize=2)
def _opened(weights: Checkpoint) -> VolumeModel:
    return VolumeModel(weights)

"""The contract between the loop and an experiment.

An experiment is one paper (or one part of it) and should read like it. It says which networks
and optimisers there are, which data they see, what one step computes, what to draw and what to
hand on. Everything else is the loop's: devices, precision, processes, order of the data,
randomness, averages, stages, logging, checkpoints and resuming.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from torch import Tensor, nn
from torch.optim import Optimizer

from bonestudio.training.feeding import Images
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen, Source

OptionsT = TypeVar("OptionsT", bound=Frozen)
DataT = TypeVar("DataT", bound=Source)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What is trained.

    Attributes
    ----------
    networks
        Every network that has a state.
    optimisers
        Torch optimisers by name; their learning rates are the ones of the recipe.
    averages
        Network → decay of its running average (EMA): weights *and* buffers are averaged.
    never_compiled
        Networks whose gradient is differentiated again (gradient penalties): compiling them
        gives wrong second derivatives, so a recipe that asks for it is refused.
    """

    networks: Mapping[str, nn.Module]
    optimisers: Mapping[str, Optimizer]
    averages: Mapping[str, float] = field(default_factory=dict)
    never_compiled: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Released:
    """A network that the run hands on, and how to build it: 'dcgan:Generator' and its options."""

    network: nn.Module
    architecture: str
    config: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Release:
    """What the card of a finished run says, beside what the loop knows itself."""

    system: str
    parts: Mapping[str, Released]
    trained_on: str
    family: str
    licence: str
    intended_use: str
    limits: str
    citation: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, tuple[float, int, str]] = field(default_factory=dict)
    """Name → (value, number of images, data)."""
    precision: str = "float16"


class Experiment(ABC, Generic[OptionsT, DataT]):
    """One experiment of one paper.

    ``Options`` and ``Data`` type the recipe's tables of these names. A step draws its random
    numbers from the :class:`Moment` it is given, or from torch's own generator, which the loop
    seeds anew for each step; nothing else may be random, and no step may depend on anything but
    the networks, the batch, the moment and what :meth:`memory` returns.
    """

    Options: ClassVar[type[Frozen]]
    Data: ClassVar[type[Source]]

    def __init__(self, options: OptionsT, data: DataT) -> None:
        self.options, self.data = options, data

    @abstractmethod
    def datasets(self) -> Mapping[str, Images]:
        """Open the data; a batch has the same names. The first one counts the epochs."""

    @abstractmethod
    def build(self) -> Parts:
        """Make networks and optimisers, on the CPU, in full precision."""

    @abstractmethod
    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Compute the losses of one step and minimise them, as the paper's equations say."""

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – subclasses use them
        """Return the factor on the learning rate of ``optimiser`` now."""
        return 1.0

    def draw(self, now: Moment) -> Tensor | None:  # noqa: ARG002
        """Return a sample sheet, [rows, columns, channels, height, width] in [-1, 1]."""
        return None

    def evaluate(self, now: Moment) -> Mapping[str, float]:  # noqa: ARG002
        """Score what has been learned so far."""
        return {}

    def memory(self) -> Mapping[str, Any]:
        """Return what must outlive a kill beside networks and optimisers: numbers, lists, tensors."""
        return {}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Take back what :meth:`memory` gave."""

    def release(self, now: Moment) -> Release | None:  # noqa: ARG002
        """Say which networks the finished run hands on as a checkpoint."""
        return None

"""Encoders that invert a generator of paper 003 (section 3.5), given a trained generator and critic.

The critic's last maps but one, f_{L−1}, say what looks alike (equation 4). Generator and critic stay
as they are.
"""

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor, nn

from bonestudio.checkpoints import find_card
from bonestudio.checkpoints.store import load
from bonestudio.errors import TrainingError
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen
from bonestudio.training.releases import family_of
from bonestudio.training.turning import turned
from bonestudio.training.volume_gan import Stacks, open_stacks

SHOWN = 4


class Options(Frozen):
    """Hyperparameters; ``generator`` names the checkpoint to invert ('volume/progan3d-paper')."""

    generator: str = ""
    rate: PositiveFloat = 3e-3
    betas: tuple[float, float] = (0.5, 0.9)
    average: NonNegativeFloat = 0.0
    turn: NonNegativeFloat = 10.0
    zoom: PositiveFloat = 1.15


OptionsT = TypeVar("OptionsT", bound=Options)


class Inverting(Experiment[OptionsT, Stacks], Generic[OptionsT]):
    """Encoder E: stacks x to codes, so that G(E(x)) is x again."""

    Data = Stacks
    inverts: ClassVar[str]
    """Architecture of the generator."""
    architecture: ClassVar[str]
    """Architecture of the encoder."""

    @abstractmethod
    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Build the mirror of a generator of this config."""

    @abstractmethod
    def losses(self, x: Tensor, now: Moment) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one batch of stacks in [0, 1] and its terms."""

    def datasets(self) -> Mapping[str, Images]:
        """Open the generator, and stacks on its grid and in its window."""
        self.card, self.G, self.f = self._open_generator()
        window, shape = self.card.settings["window"], self.card.settings["shape"]
        self.stacks, self.held_out = open_stacks(
            self.data, shape=tuple(shape), window=tuple(window)
        )
        return {"stacks": self.stacks}

    def build(self) -> Parts:
        """E and its Adam."""
        o = self.options
        self.config = dict(self.card.parts["generator"].config)
        self.E = self.make(self.config)
        return Parts(
            networks={"encoder": self.E},
            optimisers={"encoder": torch.optim.Adam(self.E.parameters(), o.rate, o.betas)},
            averages={"encoder": o.average} if o.average else {},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """One update of E."""
        self._follow(now)
        x = turned(batch["stacks"], now, degrees=self.options.turn, zoom=self.options.zoom)
        loss, terms = self.losses((x + 1.0) / 2.0, now)
        now.minimise(loss, "encoder")
        now.log(**terms)

    def likeness(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """ℓ_dist and ℓ_perc: half the mean squared differences of voxels and of f_{L−1}."""
        dist = (x - y).square().mean() / 2.0
        perc = (self.f.features(x) - self.f.features(y)).square().mean() / 2.0
        return dist, perc

    def draw(self, now: Moment) -> Tensor:
        """Show held-out stacks above what E and G make of them: middle slices."""
        self._follow(now)
        x = self._held_out(min(SHOWN, len(self.held_out)), now)
        y = self.G(self._best(now)(x))
        middle = x.shape[2] // 2
        return torch.stack([x[:, :, middle], y[:, :, middle].to(x.dtype)]) * 2.0 - 1.0

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Root mean squared error on held-out stacks, mg HA/cm³ (clipped to the window)."""
        self._follow(now)
        low, high = self.card.settings["window"]
        x = self._held_out(min(32, len(self.held_out)), now)
        errors = [(self.G(self._best(now)(one)) - one).square().mean() for one in x.split(1)]
        return {"rmse_mg_cm3": float(torch.stack(errors).mean().sqrt()) * (high - low)}

    def release(self, now: Moment) -> Release:
        """Hand on the encoder; the card says whose codes it guesses."""
        family, licence, citation = family_of(self.data.source)
        rmse = self.evaluate(now)["rmse_mg_cm3"]
        return Release(
            system="volume",
            parts={
                "encoder": Released(
                    network=self._best(now), architecture=self.architecture, config=self.config
                )
            },
            trained_on=f"{len(self.stacks)} stacks of the distal radius",
            family=family,
            licence=licence,
            citation=citation,
            intended_use=f"First guess of the codes of a stack under {self.card.id}.",
            limits="Of use with that generator alone; refine the codes. Not for diagnosis.",
            settings={"generator": self.card.id, "weights": sorted(self.card.files.values())},
            metrics={"rmse_mg_cm3": (rmse, min(32, len(self.held_out)), "held out by patient")},
        )

    def _open_generator(self) -> tuple[Any, Any, Any]:
        name = self.options.generator
        if not name:
            raise TrainingError(
                "An encoder inverts a generator; say which: --set options.generator=volume/NAME."
            )
        card = find_card(name)[0]
        found = card.parts["generator"].architecture if "generator" in card.parts else "nothing"
        if found != self.inverts or "critic" not in card.parts:
            raise TrainingError(
                f"{name} holds {found}; this encoder inverts {self.inverts} with its critic."
            )
        given, exact = load(name), torch.get_default_dtype()
        networks = [copy.deepcopy(given[part]).to(exact) for part in ("generator", "critic")]
        for network in networks:
            network.eval().requires_grad_(requires_grad=False)
        return card, networks[0], networks[1]

    def _follow(self, now: Moment) -> None:
        """Bring generator and critic to the device of the encoder."""
        self.G.to(now.device)
        self.f.to(now.device)

    def _best(self, now: Moment) -> nn.Module:
        return now.average("encoder") if self.options.average else self.E

    def _held_out(self, count: int, now: Moment) -> Tensor:
        films = self.held_out
        stacks = torch.stack([films[i] for i in range(count)])
        return (stacks.to(now.device, torch.get_default_dtype()) + 1.0) / 2.0

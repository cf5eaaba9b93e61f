"""Paper 002, section 3.2.4: bones segmented from films that nobody has segmented, by multi-CycleGAN.

A are natural films, B clean renderings, C the segmented bones of B. G_IJ redraws J as I; D_IJ
tells I from what G_IJ draws.
"""

from collections.abc import Mapping
from itertools import permutations
from typing import Any, Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from bonestudio.metrics.segmentation import score_foreground
from bonestudio.networks.cyclegan import Discriminator, Generator
from bonestudio.training.domains import HELD_OUT_SEED, Domain, open_natural, open_rendered
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.losses import fooled, told_apart
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen, Source
from bonestudio.training.releases import family_of
from bonestudio.training.schedules import hold_then_linear
from bonestudio.training.translation import redrawn

WAYS = tuple("".join(pair) for pair in permutations("ABC", 2))  # AB, AC, BA, BC, CA, CB
LIMITS = (
    "Learned without a single mask of a natural film: outlines can be those of other fingers than "
    "the film's. Knows films of the kind and preparation that it was trained on. Look at every "
    "mask. Not for diagnosis."
)


class Options(Frozen):
    """Hyperparameters; the defaults are the paper's. ``paired`` adds a term that it does not have."""

    size: PositiveInt = 256
    width: PositiveInt = 64
    blocks: PositiveInt = 9
    dropout: NonNegativeFloat = 0.2
    discriminator_width: PositiveInt = 64
    halvings: PositiveInt = 3
    cycle: NonNegativeFloat = 5.0
    identity: NonNegativeFloat = 1.0
    paired: NonNegativeFloat = 0.0
    generator_rate: PositiveFloat = 2e-4
    discriminator_rate: PositiveFloat = 5e-5
    betas: tuple[float, float] = (0.5, 0.9)
    discriminator_every: PositiveInt = 3
    hold: PositiveFloat = 1 / 3


class Domains(Source):
    """``count`` clean renderings of a kind, and natural films: a folder, or virtual patients."""

    kind: Literal["hand", "wrist", "forearm"] = "hand"
    count: PositiveInt = 5_000
    natural: PositiveInt = 1_000
    held_out: PositiveInt = 24


class MultiCycleGAN(Experiment[Options, Domains]):
    """Six generators against six discriminators."""

    Options = Options
    Data = Domains

    def datasets(self) -> Mapping[str, Images]:
        """Open A, B and C; C is drawn in its own order, as a domain that nothing pairs with B."""
        d, size = self.data, self.options.size
        rendered = open_rendered(d.kind, d.count, size=size)
        natural = open_natural(d.source, d.kind, d.natural, size=size)
        self.held_out = open_rendered(
            d.kind, d.held_out, size=size, seed=HELD_OUT_SEED, style="natural"
        )
        self.seen = (len(natural), len(rendered))
        sets: dict[str, Domain] = {"B": rendered, "A": natural, "C": rendered}
        return dict(sorted(sets.items(), key=lambda one: -len(one[1])))

    def build(self) -> Parts:
        """All generators share one Adam, all discriminators another."""
        o = self.options
        self.generator: dict[str, Any] = {
            "width": o.width,
            "blocks": o.blocks,
            "dropout": o.dropout,
        }
        judge: dict[str, Any] = {"width": o.discriminator_width, "halvings": o.halvings}
        self.G = {way: Generator(**self.generator) for way in WAYS}
        self.D = {way: Discriminator(**judge) for way in WAYS}
        drawing = [p for way in WAYS for p in self.G[way].parameters()]
        judging = [p for way in WAYS for p in self.D[way].parameters()]
        return Parts(
            networks={f"G_{way}": self.G[way] for way in WAYS}
            | {f"D_{way}": self.D[way] for way in WAYS},
            optimisers={
                "generators": Adam(drawing, o.generator_rate, o.betas),
                "discriminators": Adam(judging, o.discriminator_rate, o.betas),
            },
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Equation 65: minimise the loss of the generators, every third time that of the others."""
        o, G, D = self.options, self.G, self.D
        flips = now.rand(len(batch["A"]["film"]), 3) < 0.5
        a, _ = _mirrored(batch["A"], flips[:, 0])
        b, c_of_b = _mirrored(batch["B"], flips[:, 1])
        _, c = _mirrored(batch["C"], flips[:, 2])
        real = {"A": a, "B": b, "C": c}

        # G_IJ(j), and the identities G_IJ(i), in one pass for each generator
        fake, same = {}, {}
        for way in WAYS:
            fake[way], same[way] = redrawn(G[way], real[way[1]], real[way[0]])
        back = {way: redrawn(G[way[::-1]], fake[way])[0] for way in WAYS}  # G_JI(G_IJ(j)) ≈ j

        # Equations 45 to 50
        adversarial = _sum(fooled(D[way](fake[way])) for way in WAYS)
        # Equations 57 to 59
        cycle = _sum(F.l1_loss(back[way], real[way[1]]) for way in WAYS)
        # Equations 60 to 62
        identity = _sum(F.l1_loss(same[way], real[way[0]]) for way in WAYS)
        # Equation 63; and beyond it: B and its C are a pair, which keeps fingers where they are
        loss_G = adversarial + o.cycle * cycle + o.identity * identity
        if o.paired:
            paired = F.l1_loss(fake["CB"], c_of_b)
            loss_G = loss_G + o.paired * paired
            now.log(paired=paired)
        now.minimise(loss_G, "generators")
        now.log(adversarial=adversarial, cycle=cycle, identity=identity)

        if now.every(o.discriminator_every):
            # Equations 51 to 56, summed in equation 64
            loss_D = _sum(
                told_apart(*redrawn(D[way], real[way[0]], fake[way].detach())) for way in WAYS
            )
            now.minimise(loss_D, "discriminators")
            now.log(discriminators=loss_D)

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – both alike
        """Constant for a third of the training (10 of 30 epochs), then linearly to 0."""
        return hold_then_linear(now.progress, hold=self.options.hold)

    def draw(self, now: Moment) -> Tensor:
        """Held-out natural films; their bones by equation 66 and by equation 67."""
        films = self.held_out.batch(np.arange(6) % len(self.held_out))["film"].to(now.device)
        rows = [films, self.two_step(films), self.direct(films)]
        return torch.stack([row.float() for row in rows])

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Dice of the bones on held-out natural phantoms, both ways."""
        found: dict[str, list[float]] = {"dice_two_step": [], "dice_direct": []}
        for row in range(len(self.held_out)):
            film = self.held_out.batch(np.array([row]))
            true = film["mask"][0, 0].numpy() > 0
            for name, way in (("dice_two_step", self.two_step), ("dice_direct", self.direct)):
                drawn = way(film["film"].to(now.device))[0, 0].float().cpu().numpy() > 0
                found[name].append(score_foreground(drawn, true).dice)
        return {name: float(np.mean(values)) for name, values in found.items()}

    def two_step(self, films: Tensor) -> Tensor:
        """Return y = G_CB(G_BA(a)) (equation 66)."""
        return self._still("CB", self._still("BA", films))

    def direct(self, films: Tensor) -> Tensor:
        """Return y = G_CB(a) (equation 67)."""
        return self._still("CB", films)

    def _still(self, way: str, films: Tensor) -> Tensor:
        """Redraw without dropout, whatever the training is at."""
        network = self.G[way]
        training = network.training
        network.eval()
        try:
            with torch.no_grad():
                drawn: Tensor = network(films)
        finally:
            network.train(training)
        return drawn

    def release(self, now: Moment) -> Release:
        """Hand on the two generators that segment."""
        d, o = self.data, self.options
        family, licence, citation = family_of(d.source)
        natural = "natural-looking virtual patients" if d.source == "phantom" else "films"
        return Release(
            system="segmentation",
            parts={
                name: Released(
                    network=self.G[way], architecture="cyclegan:Generator", config=self.generator
                )
                for name, way in (("to_clean", "BA"), ("to_bones", "CB"))
            },
            trained_on=(
                f"{self.seen[0]} {natural} and {self.seen[1]} clean renderings ({d.kind}) with "
                f"their bones, {o.size} × {o.size}, CLAHE"
            ),
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Bones of films by paper 002's method, for research and teaching.",
            limits=LIMITS,
            settings={"size": o.size, "range": [-1, 1], "clip": 3.0, "kind": d.kind},
            metrics={
                name: (value, len(self.held_out), "natural-looking phantoms held out by patient")
                for name, value in self.evaluate(now).items()
            },
        )


def _mirrored(domain: Mapping[str, Tensor], flip: Tensor) -> tuple[Tensor, Tensor]:
    """Flip films and their masks left to right where ``flip`` [n] says so."""
    chosen = flip.view(-1, 1, 1, 1)
    film, mask = (
        torch.where(chosen, domain[name].flip(3), domain[name]) for name in ("film", "mask")
    )
    return film, mask


def _sum(losses: Any) -> Tensor:
    return torch.stack([*losses]).sum()

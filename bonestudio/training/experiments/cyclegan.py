"""Paper 002, section 3.2.2: clean renderings of forearms redrawn as films from an archive, by CycleGAN.

A are natural films, B synthetic ones, and G_AB draws B in the style of A, as the paper has it. One
model is trained for normal arms and one for abnormal ones.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from bonestudio.errors import RecipeError
from bonestudio.metrics.distributions import kernel_distance
from bonestudio.metrics.extractors import find_extractor
from bonestudio.networks.cyclegan import Discriminator, Generator
from bonestudio.training.arms import HELD_OUT, Arm, Arms, natural_arms
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.films import Films, read_films
from bonestudio.training.history import History
from bonestudio.training.losses import fooled, told_apart
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen, Source
from bonestudio.training.releases import family_of
from bonestudio.training.schedules import hold_then_linear
from bonestudio.training.translation import redrawn, view

EXTRACTOR = "bone2d-phantom"


class Options(Frozen):
    """Hyperparameters; the defaults are the paper's, and where it is silent the reference code's."""

    size: PositiveInt = 256
    enlarge: NonNegativeInt = 30
    crop: PositiveInt = 256
    width: PositiveInt = 64
    blocks: PositiveInt = 9
    dropout: NonNegativeFloat = 0.2
    shortcut: bool = False
    resized: bool = False
    discriminator_width: PositiveInt = 64
    discriminator_rate: PositiveFloat = 2e-4
    discriminator_betas: tuple[float, float] = (0.5, 0.999)
    discriminator_he: bool = False
    discriminator_updates: PositiveInt = 1
    halvings: PositiveInt = 3
    cycle: NonNegativeFloat = 10.0
    identity: NonNegativeFloat = 5.0
    history: NonNegativeInt = 50
    rate: PositiveFloat = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    hold: PositiveFloat = 1 / 3
    average: NonNegativeFloat = 0.0


class Domains(Source):
    """``count`` clean renderings, and natural films: a folder, or ``natural`` virtual patients."""

    kinds: tuple[Arm, ...] = ("forearm",)
    abnormal: bool = False
    count: PositiveInt = 10_000
    natural: PositiveInt = 1_000
    held_out: PositiveInt = 200


class CycleGAN(Experiment[Options, Domains]):
    """G_AB and G_BA against D_A and D_B."""

    Options = Options
    Data = Domains

    def datasets(self) -> Mapping[str, Images]:
        """Open both domains; an epoch is over the larger one."""
        d = self.data
        natural = self._natural(d.natural)
        synthetic = self._synthetic(d.count)
        self.seen = (len(synthetic), len(natural))
        films = {"synthetic": synthetic, "natural": natural}
        return dict(sorted(films.items(), key=lambda one: -len(one[1])))

    def build(self) -> Parts:
        """Two generators, two discriminators, an Adam for each pair."""
        o = self.options
        if o.discriminator_updates > 1 and not o.history:
            raise RecipeError("More than one discriminator update a step needs an image history.")
        self.generator: dict[str, Any] = {
            "width": o.width,
            "blocks": o.blocks,
            "dropout": o.dropout,
            "shortcut": o.shortcut,
            "resized": o.resized,
        }
        judge: dict[str, Any] = {
            "width": o.discriminator_width,
            "halvings": o.halvings,
            "he": o.discriminator_he,
        }
        self.G_AB, self.G_BA = Generator(**self.generator), Generator(**self.generator)
        self.D_A, self.D_B = Discriminator(**judge), Discriminator(**judge)
        self.drawn_A, self.drawn_B = History(o.history), History(o.history)
        generators = [*self.G_AB.parameters(), *self.G_BA.parameters()]
        discriminators = [*self.D_A.parameters(), *self.D_B.parameters()]
        return Parts(
            networks={"G_AB": self.G_AB, "G_BA": self.G_BA, "D_A": self.D_A, "D_B": self.D_B},
            optimisers={
                "generators": Adam(generators, o.rate, o.betas),
                "discriminators": Adam(discriminators, o.discriminator_rate, o.discriminator_betas),
            },
            averages={"G_AB": o.average, "G_BA": o.average} if o.average else {},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Minimise the generators' and the discriminators' losses in turn (equation 44)."""
        o = self.options
        a, b = self._view(batch["natural"], now), self._view(batch["synthetic"], now)
        n = len(a)
        # Instance norm looks at each image by itself, so one pass serves both domains.
        fake_a, same_a = redrawn(self.G_AB, b, a)
        fake_b, same_b = redrawn(self.G_BA, a, b)
        (back_b,), (back_a,) = redrawn(self.G_BA, fake_a), redrawn(self.G_AB, fake_b)

        # Equations 36 and 37
        adversarial = fooled(*redrawn(self.D_A, fake_a)) + fooled(*redrawn(self.D_B, fake_b))
        cycle = F.l1_loss(back_a, a) + F.l1_loss(back_b, b)  # equation 40
        identity = F.l1_loss(same_a, a) + F.l1_loss(same_b, b)  # equation 41
        loss_G = adversarial + o.cycle * cycle + o.identity * identity  # equation 42
        now.minimise(loss_G, "generators")

        old_a = self.drawn_A.exchange(fake_a, now.rand(n, 2))
        old_b = self.drawn_B.exchange(fake_b, now.rand(n, 2))
        for update in range(o.discriminator_updates):
            if update:  # not the paper's: other crops of these films, other images drawn before
                a, b = self._view(batch["natural"], now), self._view(batch["synthetic"], now)
                old_a, old_b = (h.recall(now.rand(n)) for h in (self.drawn_A, self.drawn_B))
            loss_A = told_apart(*redrawn(self.D_A, a, old_a))  # equation 38
            loss_B = told_apart(*redrawn(self.D_B, b, old_b))  # equation 39
            now.minimise(loss_A + loss_B, "discriminators")  # equation 43
        now.log(adversarial=adversarial, cycle=cycle, identity=identity, D_A=loss_A, D_B=loss_B)

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – both alike
        """Constant for a third of the training (10 of 30 epochs), then linearly to 0."""
        return hold_then_linear(now.progress, hold=self.options.hold)

    def memory(self) -> Mapping[str, Any]:
        """Both histories."""
        return {"drawn_A": self.drawn_A.state(), "drawn_B": self.drawn_B.state()}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Take the histories back."""
        self.drawn_A.restore(memory["drawn_A"])
        self.drawn_B.restore(memory["drawn_B"])

    def draw(self, now: Moment) -> Tensor:
        """Draw clean renderings, redrawn ones below them; natural films, cleaned ones below them."""
        b, a = (self._first(films, 6, now) for films in self._kept_out())
        rows = [b, self._best("G_AB", now)(b), a, self._best("G_BA", now)(a)]
        return torch.stack([row.float() for row in rows])

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """KID of clean and of redrawn films against natural ones, of patients not learned from."""
        extractor = find_extractor(EXTRACTOR)
        clean, natural = self._kept_out()
        network = self._best("G_AB", now)
        seen: dict[str, list[Tensor]] = {"clean": [], "redrawn": [], "natural": []}
        for films, names in ((clean, ("clean", "redrawn")), (natural, ("natural",))):
            for rows in np.array_split(np.arange(len(films)), -(-len(films) // 16)):
                images = films.batch(rows).to(now.device)
                for name in names:
                    shown = network(images) if name == "redrawn" else images
                    unit = shown.float().cpu().add(1).div(2)
                    seen[name].append(extractor.features(unit))
        features = {name: torch.cat(parts) for name, parts in seen.items()}
        return {
            f"kid_{name}": kernel_distance(features[name], features["natural"])[0]
            for name in ("clean", "redrawn")
        }

    def release(self, now: Moment) -> Release:
        """Hand on both generators: 'refiner' makes films natural, 'cleaner' undoes it."""
        d, o = self.data, self.options
        family, licence, citation = family_of(d.source)
        natural = (
            "natural-looking renderings of other virtual patients"
            if d.source == "phantom"
            else "films"
        )
        what = "abnormal" if d.abnormal else "normal"
        told = (
            f"{len(self._kept_out()[0])} clean and {len(self._kept_out()[1])} natural arms held out"
        )
        return Release(
            system="fracture",
            parts={
                part: Released(
                    network=self._best(name, now),
                    architecture="cyclegan:Generator",
                    config=self.generator,
                )
                for part, name in (("refiner", "G_AB"), ("cleaner", "G_BA"))
            },
            trained_on=(
                f"{self.seen[0]} clean renderings of {what} arms ({', '.join(d.kinds)}) and "
                f"{self.seen[1]} {natural}, {o.size} × {o.size}, CLAHE"
            ),
            family=family,
            licence=licence,
            citation=citation,
            intended_use=(
                "Gives renderings of virtual patients' forearms the look of archived films, for "
                "research and teaching."
            ),
            limits=(
                "Knows frontal and lateral arms at the scale and preparation it was trained with. It "
                "imitates its natural domain: of virtual patients, if it was trained on them, not of "
                "a clinic. Not for diagnosis."
            ),
            settings={"size": o.size, "clip": 3.0, "tiles": 8, "range": [-1, 1], "class": what},
            metrics={
                name: (value, len(self._kept_out()[0]), f"{told}; {EXTRACTOR}")
                for name, value in self.evaluate(now).items()
            },
        )

    def _view(self, films: Tensor, now: Moment) -> Tensor:
        return view(films, now, crop=self.options.crop, enlarge=self.options.enlarge)

    def _best(self, network: str, now: Moment) -> Any:
        return now.average(network) if self.options.average else getattr(self, network)

    def _synthetic(self, count: int, *, seed: int = 0) -> Films:
        d, size = self.data, self.options.size
        arms = Arms(d.kinds, count, style="synthetic", abnormal=d.abnormal, seed=seed, size=size)
        return Films(read_films(arms, size=size, what="clean arms"))

    def _natural(self, count: int, *, held_out: bool = False) -> Films:
        d, size = self.data, self.options.size
        cohorts = natural_arms(
            d.source, d.kinds, count, abnormal=d.abnormal, size=size, held_out=held_out
        )
        parts = [read_films(cohort, size=size, what="natural arms") for cohort in cohorts]
        return Films(np.concatenate(parts))

    def _kept_out(self) -> tuple[Films, Films]:
        """Clean and natural films that nothing is learned from, opened when first asked for."""
        if not hasattr(self, "_unseen"):
            count = self.data.held_out
            self._unseen = (
                self._synthetic(count, seed=HELD_OUT),
                self._natural(count, held_out=True),
            )
        return self._unseen

    def _first(self, films: Films, count: int, now: Moment) -> Tensor:
        return films.batch(np.arange(count) % len(films)).to(now.device)

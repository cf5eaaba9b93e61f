"""Paper 001: synthetic hand radiographs by a DCGAN (Radford et al. 2016), 128 × 128.

The faithful recipe is the paper's to the letter. The modern one adds what was found since:
spectral normalisation (Miyato et al. 2018), the R1 penalty (Mescheder et al. 2018) and
differentiable augmentation (Zhao et al. 2020), so that a thousand films are enough.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.optim import Adam

from bonestudio.networks.dcgan import LATENT, Discriminator, Generator
from bonestudio.training.augment import augmented
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.films import Films, open_cohort, read_films
from bonestudio.training.losses import judged_false, judged_real, r1_penalty
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen, Source
from bonestudio.training.releases import family_of


class Options(Frozen):
    """Hyperparameters; the defaults are the paper's."""

    size: Literal[32, 64, 128, 256] = 128
    generator_width: PositiveInt = 64
    discriminator_width: PositiveInt = 32
    norm: Literal["batch", "spectral"] = "batch"
    generator_rate: PositiveFloat = 3.4e-4
    discriminator_rate: PositiveFloat = 3.4e-4
    betas: tuple[float, float] = (0.5, 0.999)
    average: NonNegativeFloat = 0.0
    r1: NonNegativeFloat = 0.0
    r1_every: PositiveInt = 16
    augment: bool = False
    flips: bool = False


class Hands(Source):
    """Hand radiographs: a folder, or ``count`` virtual patients of ``ages`` (years).

    The paper learns from all; ``hold_out`` keeps a fifth unseen, which FID is then measured on.
    """

    count: PositiveInt = 1000
    ages: tuple[float, float] = (1.0, 19.0)
    hold_out: bool = False


class DCGAN(Experiment[Options, Hands]):
    """Generator G against discriminator D on hands x."""

    Options = Options
    Data = Hands

    def datasets(self) -> Mapping[str, Images]:
        """Open the hands."""
        d = self.data
        cohort = open_cohort(d.source, phantom="hand", count=d.count, ages=d.ages)
        if d.hold_out:
            cohort = cohort.without("test")
        return {"hands": Films(read_films(cohort, size=self.options.size, what="hands"))}

    def build(self) -> Parts:
        """G and D of figures 5 and 4, an Adam for each."""
        o = self.options
        self.generator = {"size": o.size, "width": o.generator_width}
        self.G = Generator(**self.generator)
        self.D = Discriminator(size=o.size, width=o.discriminator_width, norm=o.norm)
        return Parts(
            networks={"generator": self.G, "discriminator": self.D},
            optimisers={
                "generator": Adam(self.G.parameters(), o.generator_rate, o.betas),
                "discriminator": Adam(self.D.parameters(), o.discriminator_rate, o.betas),
            },
            averages={"generator": o.average} if o.average else {},
            never_compiled=frozenset({"discriminator"} if o.r1 else ()),
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """min_G max_D E[log D(x)] + E[log(1 − D(G(z)))] (Goodfellow et al. 2014, equation 1)."""
        x = self._flipped(batch["hands"], now)
        fake = self.G(now.randn(len(x), LATENT))

        # D: maximise log D(x) + log(1 − D(G(z)))
        loss_D = judged_real(self.D(self._seen(x, now)))
        loss_D = loss_D + judged_false(self.D(self._seen(fake.detach(), now)))
        penalty = self._r1(x, now)
        now.minimise(loss_D + penalty, "discriminator")

        # G: maximise log D(G(z)) instead, whose gradient does not vanish (section 3 there)
        loss_G = judged_real(self.D(self._seen(fake, now)))
        now.minimise(loss_G, "generator")
        now.log(discriminator=loss_D, generator=loss_G)
        if self.options.r1:
            now.log(r1=penalty)

    def draw(self, now: Moment) -> Tensor:
        """Draw sixteen hands, from the same latent codes each time."""
        sheet = self._best(now)(now.randn(16, LATENT))
        return sheet.view(2, 8, *sheet.shape[1:])  # type: ignore[no-any-return]

    def release(self, now: Moment) -> Release:
        """Hand on the generator, averaged if the recipe averages."""
        family, licence, citation = family_of(self.data.source)
        return Release(
            system="fracture",
            parts={
                "generator": Released(
                    network=self._best(now), architecture="dcgan:Generator", config=self.generator
                )
            },
            trained_on=f"hand radiographs, gray, {self.options.size} × {self.options.size}",
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Synthetic hand radiographs for research and teaching.",
            limits="Draws normal hands only; fingers may be missing or misshapen. Not for diagnosis.",
            settings={
                "latent": LATENT,
                "size": self.options.size,
                "range": [-1, 1],
                "held_out": "test" if getattr(self.data, "hold_out", True) else None,
            },
        )

    def _best(self, now: Moment) -> Any:
        return now.average("generator") if self.options.average else self.G

    def _flipped(self, x: Tensor, now: Moment) -> Tensor:
        if not self.options.flips:
            return x
        left = now.rand(len(x)).view(-1, 1, 1, 1) < 0.5
        return torch.where(left, x.flip(3), x)

    def _seen(self, images: Tensor, now: Moment) -> Tensor:
        return augmented(images, now) if self.options.augment else images

    def _r1(self, x: Tensor, now: Moment) -> Tensor:
        """γ/2 E[‖∇D(x)‖²], every few steps and as much stronger (StyleGAN2, section 2.2)."""
        o = self.options
        if not o.r1 or not now.every(o.r1_every):
            return x.new_zeros(())
        with now.full_precision():
            seen = self._seen(x, now).detach().requires_grad_()
            return o.r1 * o.r1_every * r1_penalty(self.D(seen), seen)

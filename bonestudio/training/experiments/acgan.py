"""The extension that paper 001 asks for: a DCGAN that draws normal and abnormal films (ACGAN).

The generator is told a class and the discriminator names one besides judging the source (Odena et
al. 2017). Everything else is the DCGAN's: networks, optimisers, penalty, augmentation.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import PositiveFloat
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from bonestudio.networks.dcgan import LATENT, Discriminator, Generator
from bonestudio.training.experiment import Parts, Release
from bonestudio.training.experiments import dcgan
from bonestudio.training.feeding import Images
from bonestudio.training.losses import judged_false, judged_real
from bonestudio.training.moment import Moment
from bonestudio.training.studies import StudySource, TrainingFilms, open_studies, read_studies

CLASSES = ("normal", "abnormal")


class Options(dcgan.Options):
    """Hyperparameters; ``kind`` weighs the loss of the class against that of the source."""

    kind: PositiveFloat = 1.0


class ACGAN(dcgan.DCGAN):
    """Generator G(z, c) against a discriminator that tells the source and the class."""

    Options = Options
    Data: ClassVar[Any] = StudySource

    def datasets(self) -> Mapping[str, Images]:
        """Open films and their classes; the test part stays unseen."""
        d: Any = self.data
        parts = open_studies(d)
        films = [*parts["train"], *parts["validation"]]
        read = read_studies(films, size=self.options.size, evened=d.evened)
        return {"films": TrainingFilms(read)}

    def build(self) -> Parts:
        """G and D of figures 5 and 4 with two classes, an Adam for each."""
        o = self.options
        self.generator = {"size": o.size, "width": o.generator_width, "classes": len(CLASSES)}
        self.G = Generator(**self.generator)
        self.D = Discriminator(
            size=o.size, width=o.discriminator_width, classes=len(CLASSES), norm=o.norm
        )
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
        """D maximises L_S + L_C, G maximises L_C − L_S (Odena et al. 2017, equations 2 and 3)."""
        o: Any = self.options
        D: Any = self.D
        x, c = self._flipped(batch["films"]["image"], now), batch["films"]["abnormal"].long()
        wanted = (now.rand(len(x)) < 0.5).long()
        fake = self.G(now.randn(len(x), LATENT), wanted)

        real_source, real_kind = D.judge(self._seen(x, now))
        fake_source, fake_kind = D.judge(self._seen(fake.detach(), now))
        kinds = F.cross_entropy(real_kind, c) + F.cross_entropy(fake_kind, wanted)
        loss_D = judged_real(real_source) + judged_false(fake_source)
        now.minimise(loss_D + o.kind * kinds + self._r1(x, now), "discriminator")

        source, kind = D.judge(self._seen(fake, now))
        loss_G = judged_real(source)
        named = F.cross_entropy(kind, wanted)
        now.minimise(loss_G + o.kind * named, "generator")
        now.log(discriminator=loss_D, generator=loss_G, kinds=kinds, named=named)

    def draw(self, now: Moment) -> Tensor:
        """Draw eight codes as normal films, and the same ones as abnormal films below."""
        z = now.randn(8, LATENT).repeat(2, 1)
        wanted = torch.arange(16, device=z.device) // 8
        sheet = self._best(now)(z, wanted)
        return sheet.view(2, 8, *sheet.shape[1:])  # type: ignore[no-any-return]

    def release(self, now: Moment) -> Release:
        """Hand on the generator, which draws a film of the class that it is told."""
        d: Any = self.data
        of = d.kinds if d.source == "phantom" else d.regions
        size = self.options.size
        found = super().release(now)
        return replace(
            found,
            trained_on=f"normal and abnormal films ({', '.join(of)}), gray, {size} × {size}",
            intended_use="Labelled synthetic radiographs for research and teaching.",
            limits="Bones may be misshapen and a class may not show. Not for diagnosis.",
            settings={**found.settings, "classes": list(CLASSES)},
        )

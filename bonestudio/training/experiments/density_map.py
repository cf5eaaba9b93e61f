"""Paper 004: a map of the proximal femur's mineral from a hip radiograph (BMD-GAN, target training)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.optim import AdamW

from bonestudio.measures.density_regions import THRESHOLD
from bonestudio.metrics.agreement import icc, mean_absolute_error, pearson
from bonestudio.networks.bmdgan import Discriminator, Generator
from bonestudio.training.experiment import Parts, Release, Released
from bonestudio.training.hip_training import HipOptions, HipTraining, take_encoder
from bonestudio.training.hips import nudged
from bonestudio.training.losses import gradient_correlation, judged_false, judged_real
from bonestudio.training.moment import Moment
from bonestudio.training.releases import family_of

LIMITS = (
    "Learned from virtual patients alone: one adult native hip, frontal, half a film, 1.1 m from the "
    "source. Their films are idealised, and no map of a real patient was compared. An estimate from a radiograph is "
    "no DXA. Not for diagnosis."
)

_SLOPE = 0.01  # g/cm² over which a pixel passes from background to bone


class Options(HipOptions):
    """Hyperparameters; the defaults are the paper's.

    ``channels`` are the decoder's. Beyond the paper: ``value`` weighs the error of the mean over the true
    femur, ``equation`` that of equation 2 on the estimated map; the discriminator has its say in every
    ``judged``-th step; ``nudge`` moves films a little, ``average`` averages the generator's weights.
    """

    discriminator_width: PositiveInt = 64
    l2: NonNegativeFloat = 10.0
    gradient: NonNegativeFloat = 1.0
    gan: NonNegativeFloat = 1.0
    value: NonNegativeFloat = 0.0
    equation: NonNegativeFloat = 0.0
    judged: PositiveInt = 1
    nudge: bool = False
    average: NonNegativeFloat = 0.0


class DensityMap(HipTraining[Options]):
    """Generator G: film x to map y; discriminator D judges maps beside their films."""

    Options = Options

    def build(self) -> Parts:
        """G, with a pretrained encoder where one is named, and D; an AdamW for each."""
        o = self.options
        self.config: dict[str, Any] = {"width": o.width, "channels": o.channels}
        self.G = Generator(**self.config)
        if o.pretrained:
            take_encoder(self.G.encoder, o.pretrained, fold=self.data.fold)
        self.D = Discriminator(width=o.discriminator_width)
        return Parts(
            networks={"generator": self.G, "discriminator": self.D},
            optimisers={
                "generator": AdamW(self.G.parameters(), o.rate, weight_decay=o.decay),
                "discriminator": AdamW(self.D.parameters(), o.rate, weight_decay=o.decay),
            },
            averages={"generator": o.average} if o.average else {},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """min_G λ_L2 L_L2 + λ_GC L_GC + max_D L_GAN."""
        o, hips = self.options, batch["hips"]
        x, y = hips["film"], hips["proximal"]
        if o.nudge:
            x, y = nudged(x, y, now)
        fake = self.G(x).to(y.dtype)

        judging = now.every(o.judged)
        if judging:
            loss_D = judged_real(self.D(x, y)) + judged_false(self.D(x, fake.detach()))
            now.minimise(loss_D, "discriminator", clip=o.clip)
            now.log(discriminator=loss_D)

        l2 = ((y - fake).square().mean((1, 2, 3)) + 1e-8).sqrt().mean()  # ‖y − G(x)‖₂, per pixel
        gradient = -gradient_correlation(y, fake).mean()
        value = density_error(fake, y)
        loss = o.l2 * l2 + o.gradient * gradient + o.value * value
        if o.equation:
            loss = loss + o.equation * (softly_2(fake) - equation_2(y)).abs().mean()
        if judging:
            gan = judged_real(self.D(x, fake))
            loss = loss + o.gan * gan
            now.log(gan=gan)
        now.minimise(loss, "generator", clip=o.clip)
        now.log(l2=l2, gradient=gradient, value=value)

    def draw(self, now: Moment) -> Tensor:
        """Eight held-out films, their true maps and what is estimated."""
        own = self.held_out.themselves()
        batch = own.batch(np.linspace(0, len(own) - 1, 8).astype(int))
        maps = self._best(now)(batch["film"].to(now.device)).cpu()
        return torch.stack([batch["film"], batch["proximal"] - 1, maps - 1]).clamp(-1, 1)

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """PCC, ICC and mean error of equation 2's density on the held-out patients as they are."""
        own = self.held_out.themselves()
        return agreement(*densities(self._best(now), own, device=now.device))

    def release(self, now: Moment) -> Release:
        """Hand on the generator, its interval, and what it takes for a hip."""
        from bonestudio.training.density_calibration import calibrated, measured

        o = self.options
        family, licence, citation = family_of(self.data.source)
        network = self._best(now)
        with now.full_precision():
            familiar, settings = calibrated(network, self.hips, self.calibration, device=now.device)
            own = self.held_out.themselves()
            true, found = measured(network, own, device=now.device, line=settings["correction"])
        known = np.isfinite(found[:, 0])
        scores = agreement(true[known, 0], found[known, 0]) if known.any() else {}
        count = int(known.sum())
        return Release(
            system="density",
            parts={
                "generator": Released(
                    network=network, architecture="bmdgan:Generator", config=self.config
                ),
                "familiar": Released(
                    network=familiar.network,
                    architecture="familiar:Familiarity",
                    config=familiar.config,
                ),
            },
            trained_on=f"{len(self.hips)} films of hips with maps of their mineral, "
            + ("virtual patients" if family == "phantom" else "own patients"),
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Mineral of the proximal femur estimated from a radiograph, for research.",
            limits=LIMITS,
            settings={
                "size": o.size,
                "range": [-1, 1],
                "pretrained": o.pretrained,
                "fold": [self.data.fold, self.data.folds],
                **settings,
            },
            metrics={k: (v, count, "held out by patient, one fold") for k, v in scores.items()},
        )

    def _best(self, now: Moment) -> Any:
        return now.average("generator") if self.options.average else self.G


def agreement(true: Any, found: Any) -> dict[str, float]:
    """PCC, ICC and mean error of estimated densities, g/cm²; the last alone where there are too few."""
    if len(true) < 3 or found.std() == 0:
        return {"mae": float(np.abs(found - true).mean())}
    return {
        "pcc": pearson(found, true),
        "icc": icc(np.stack([found, true], 1)),
        "mae": mean_absolute_error(found, true),
    }


def density_error(maps: Tensor, truth: Tensor) -> Tensor:
    """Mean error in g/cm² of the mean over the true proximal femur: equation 2, with a slope."""
    region = (truth > THRESHOLD).to(truth.dtype)
    area = region.sum((1, 2, 3)).clamp(min=1.0)
    return (((maps - truth) * region).sum((1, 2, 3)) / area).abs().mean()


def equation_2(maps: Tensor, *, threshold: float = THRESHOLD) -> Tensor:
    """Mean of each map [n, 1, h, w] over its pixels above the threshold, [n]; 0 where there are none."""
    inside = (maps > threshold).to(maps.dtype)
    return (maps * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1.0)


def softly_2(maps: Tensor, *, threshold: float = THRESHOLD) -> Tensor:
    """Equation 2 with a threshold that has a slope, [n]: a blurred outline makes it too low, as there."""
    inside = torch.sigmoid((maps - threshold) / _SLOPE)
    return (maps * inside).sum((1, 2, 3)) / inside.sum((1, 2, 3)).clamp(min=1.0)


@torch.no_grad()
def densities(network: Any, films: Any, *, device: torch.device) -> tuple[Any, Any]:
    """Return true and estimated density of every film by equation 2, g/cm², each [n]."""
    true, found = [], []
    for rows in np.array_split(np.arange(len(films)), -(-len(films) // 16)):
        batch = films.batch(rows)
        true.append(equation_2(batch["proximal"]))
        found.append(equation_2(network(batch["film"].to(device)).float().cpu()))
    return torch.cat(true).numpy(), torch.cat(found).numpy()

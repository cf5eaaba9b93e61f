"""What 3D-ProGAN and 3D-StyleGAN share in training (paper 003, section 3.4 and appendix B).

A step is one update of the critic; every ``critic_steps``-th is followed by one of the generator, so
that a stage's samples are those the critic has seen, as the paper counts them.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.optim import Adam

from bonestudio.cohorts import Cohort
from bonestudio.errors import TrainingError
from bonestudio.metrics.distributions import frechet_distance
from bonestudio.metrics.extractors import find_extractor
from bonestudio.metrics.manifolds import manifold_scores
from bonestudio.networks.equalised import BASE, LATENT, STAGES, doubled, halved
from bonestudio.networks.progan3d import Critic
from bonestudio.training.anchoring import Anchor, coarser
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.films import Films
from bonestudio.training.losses import gradient_penalty
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen, Source
from bonestudio.training.releases import family_of
from bonestudio.training.scans import Shape, open_scans, read_scans
from bonestudio.training.turning import Draws, turned
from bonestudio.training.virtual_scans import FINE, FINE_MM

GOOD = (1, 2, 3)  # visual grades that are learned from: 4 and 5 move too much (section 3.3)
SHOWN = 8


class Options(Frozen):
    """Hyperparameters; ``width`` and ``critic_width`` are the paper's c_g and c_c.

    ``penalty`` and ``drift`` are p1 and p2 of equation 1, which the paper does not tell: they are
    those of Karras et al. 2018. ``fid`` volumes are scored at an evaluation of the last stage.

    Beyond the paper, for short runs: ``critic_rate`` (0: that of the generator), ``rise``, by which the
    generator's rate is multiplied at each stage, whose new layers have few updates to learn in, and ``anchor``,
    the weight that holds volumes to the stacks of their codes (:mod:`bonestudio.training.anchoring`).
    """

    width: PositiveInt = 20
    critic_width: PositiveInt = 20
    stages: PositiveInt = STAGES
    base: Shape = BASE
    window: tuple[float, float] = (-400.0, 1400.0)
    rate: PositiveFloat = 3e-3
    critic_rate: NonNegativeFloat = 0.0
    rise: PositiveFloat = 1.0
    betas: tuple[float, float] = (0.0, 0.98)
    generator_eps: PositiveFloat = 1e-7
    critic_eps: PositiveFloat = 5e-5
    critic_steps: PositiveInt = 7
    penalty: NonNegativeFloat = 10.0
    drift: NonNegativeFloat = 1e-3
    clip: PositiveFloat = 2.0
    average: NonNegativeFloat = 0.0
    turn: NonNegativeFloat = 10.0
    zoom: PositiveFloat = 1.15
    anchor: NonNegativeFloat = 0.0
    components: PositiveInt = 32
    fid: NonNegativeInt = 0
    extractor: str = "bone3d-phantom"

    @property
    def shape(self) -> Shape:
        """Slices, rows and columns of the last stage."""
        a, b, c = (n * 2**self.stages for n in self.base)
        return a, b, c


class Stacks(Source):
    """Stacks of the distal radius: ``count`` phantoms of ``ages`` (years), or a folder of scans."""

    count: PositiveInt = 800
    ages: tuple[float, float] = (20.0, 85.0)


def open_stacks(data: Stacks, *, shape: Shape, window: tuple[float, float]) -> tuple[Films, Films]:
    """Read the stacks to learn from, and the tenth that is held out."""
    scans = open_scans(data.source, count=data.count, shape=shape, ages=data.ages, grades=GOOD)

    def films(cohort: Cohort) -> Films:
        return Films(read_scans(cohort, shape=shape, window=window))

    held_out = scans.split("validation")
    if not len(held_out):
        raise TrainingError("There are too few scans to hold some out; give at least two.")
    return films(scans.without("validation")), films(held_out)


class VolumeGAN(Experiment[Options, Stacks]):
    """Generator G against critic f on stacks x in [0, 1]."""

    Options = Options
    Data = Stacks
    anchor: Anchor | None = None

    @abstractmethod
    def make(self) -> tuple[nn.Module, str, list[dict[str, Any]]]:
        """Return G, its architecture and its optimiser's parameter groups; set ``self.config``."""

    @abstractmethod
    def drawn(self, network: Any, z: Tensor, now: Moment) -> Tensor:
        """Let G draw volumes of this moment's stage from codes z [n, 512]."""

    def volumes(self, network: Any, count: int, now: Moment) -> Tensor:
        """Let G draw volumes from random codes, z ~ N(0, 1)."""
        return self.drawn(network, now.randn(count, LATENT), now)

    def datasets(self) -> Mapping[str, Images]:
        """Open the stacks; the held-out ones tell whether the critic learns by heart."""
        o = self.options
        if o.fid:
            find_extractor(o.extractor)  # not to be missed only when all is trained
        self.stacks, self.held_out = open_stacks(self.data, shape=o.shape, window=o.window)
        self.anchor = self._anchor() if o.anchor else None
        return {"stacks": self.stacks}

    def build(self) -> Parts:
        """G, f and an Adam for each (appendix B)."""
        o = self.options
        self.config: dict[str, Any] = {"width": o.width, "stages": o.stages, "base": o.base}
        self.G, self.architecture, groups = self.make()
        if self.anchor is not None:  # each stage begins at the mean grey, not at a half
            with torch.no_grad():
                for layer in self.G.to_volume:  # type: ignore[union-attr]
                    layer.bias.copy_(self.anchor.mean.mean().logit())
        self.critic = {"width": o.critic_width, "stages": o.stages}
        self.f = Critic(**self.critic)
        return Parts(
            networks={"generator": self.G, "critic": self.f},
            optimisers={
                "generator": Adam(groups, o.rate, o.betas, eps=o.generator_eps),
                "critic": Adam(
                    self.f.parameters(), o.critic_rate or o.rate, o.betas, eps=o.critic_eps
                ),
            },
            averages={"generator": o.average} if o.average else {},
            never_compiled=frozenset({"critic"}),
        )

    def rate(self, optimiser: str, now: Moment) -> float:
        """Let the generator learn faster at later stages where that is asked for."""
        return self.options.rise**now.stage if optimiser == "generator" else 1.0

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Equations 1 and 2."""
        o = self.options
        x = self._real(batch["stacks"], now)

        # f: minimise f(G(z)) − f(x) + p1 (‖∇f(x̃)‖ − 1)² + p2 f(x)²
        with torch.no_grad():
            fake = self.volumes(self.G, len(x), now)
        real, false = self._judge(x, now), self._judge(fake, now)
        distance = real.mean() - false.mean()
        with now.full_precision():
            mix = now.rand(len(x), 1, 1, 1, 1)
            penalty = gradient_penalty(
                lambda volumes: self._judge(volumes, now), x, fake.float(), mix
            )
        loss = -distance + o.penalty * penalty + o.drift * real.square().mean()
        now.minimise(loss, "critic", clip=o.clip)
        now.log(distance=distance, penalty=penalty)

        # G: minimise −f(G(z))
        if now.every(o.critic_steps):
            z = now.randn(len(x), LATENT)
            if self.anchor is not None:
                z[::2] = self.anchor.codes(x, z)[::2]
            drawn = self.drawn(self.G, z, now)
            loss_G = -self._judge(drawn, now).mean()
            now.log(generator=loss_G)
            if self.anchor is not None:
                strayed = self.anchor.strayed(drawn[::2], x[::2]).mean()
                loss_G = loss_G + o.anchor * strayed
                now.log(strayed=strayed)
            now.minimise(loss_G, "generator", clip=o.clip)

    def draw(self, now: Moment) -> Tensor:
        """Show the middle slices of eight volumes."""
        drawn = self.volumes(self._best(now), SHOWN, now).float()
        middle = drawn[:, :, drawn.shape[2] // 2] * 2.0 - 1.0
        return middle.view(2, SHOWN // 2, *middle.shape[1:])

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """How much better f likes stacks that it has seen, and, in the last stage, FID."""
        count = min(len(self.held_out), len(self.stacks), 4 * SHOWN)
        liked = [self._mean_judgement(films, count, now) for films in (self.stacks, self.held_out)]
        scores = {"critic_seen": liked[0], "critic_held_out": liked[1]}
        if self.options.fid and now.stage == self.options.stages - 1:
            scores |= self._fid(now)
        return scores

    def release(self, now: Moment) -> Release:
        """Hand on the generator, and the critic, whose features inversion needs (equation 4)."""
        o = self.options
        family, licence, citation = family_of(self.data.source)
        whose = "virtual patients" if family == "phantom" else "own scans"
        return Release(
            system="volume",
            parts={
                "generator": Released(
                    network=self._best(now), architecture=self.architecture, config=self.config
                ),
                "critic": Released(
                    network=self.f, architecture="progan3d:Critic", config=self.critic
                ),
            },
            trained_on=f"{len(self.stacks)} stacks of the distal radius, {whose}",
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Synthetic HR-pQCT stacks of the distal radius for research and teaching.",
            limits="Draws stacks as those it has seen, 3.9 × 35 × 27 mm. Not for diagnosis.",
            settings={
                "window": o.window,
                "shape": o.shape,
                "spacing_mm": FINE_MM * FINE[1] / o.shape[1],
                "stage": now.stage,
            },
        )

    def _best(self, now: Moment) -> nn.Module:
        return now.average("generator") if self.options.average else self.G

    def _real(self, stacks: Tensor, now: Moment) -> Tensor:
        """Turn and enlarge stacks at random, and bring them to the stage that is trained.

        They are turned at twice its resolution: finer voxels would be averaged away, at many times the cost.
        """
        o = self.options
        twice = min(now.stage + 1, o.stages - 1)
        x = coarser(stacks, o.base[1] * 2 ** (twice + 1))
        x = turned(x, now, degrees=o.turn, zoom=o.zoom)
        return self._at_stage((x + 1.0) / 2.0, now)

    def _at_stage(self, x: Tensor, now: Moment) -> Tensor:
        """Halve to the stage; while it fades in, real stacks fade as well (Karras et al. 2018)."""
        x = coarser(x, self.options.base[1] * 2 ** (now.stage + 1))
        return torch.lerp(doubled(halved(x)), x, now.fade) if now.fade < 1.0 else x

    def _anchor(self) -> Anchor:
        """Fit codes to the stacks, turned and enlarged as they will be seen."""
        o, rows = self.options, self.options.base[1] * 2
        chosen = np.arange(min(len(self.stacks), 2048))
        coarse = [
            coarser((self.stacks.batch(some) + 1.0) / 2.0, 2 * rows)
            for some in np.array_split(chosen, max(1, len(chosen) // 64))
        ]
        seen = turned(torch.cat(coarse), Draws(0), degrees=o.turn, zoom=o.zoom)
        return Anchor(coarser(seen, rows), components=o.components)

    def _judge(self, volumes: Tensor, now: Moment) -> Tensor:
        judged: Tensor = self.f(volumes, now.stage, now.fade)
        return judged

    def _mean_judgement(self, films: Films, count: int, now: Moment) -> float:
        judged = [
            self._judge(self._at_stage((films[i].to(now.device)[None] + 1.0) / 2.0, now), now)
            for i in range(count)
        ]
        return float(torch.cat(judged).mean())

    def _fid(self, now: Moment) -> dict[str, float]:
        """Score drawn volumes against the stacks that were learned from."""
        o = self.options
        low, high = o.window
        extractor = find_extractor(o.extractor)
        count = min(o.fid, len(self.stacks))
        real = torch.stack([self.stacks[i] for i in range(count)]) / 2.0 + 0.5
        each = max(1, SHOWN // 2)
        drawn = torch.cat(
            [
                self.volumes(self._best(now), min(each, count - i), now).float().cpu()
                for i in range(0, count, each)
            ]
        )
        a, b = (extractor.features(v * (high - low) + low, batch=8) for v in (real, drawn))
        scores = manifold_scores(a, b)
        return {
            f"FID {extractor}": frechet_distance(a, b),
            "precision": scores.precision,
            "recall": scores.recall,
        }

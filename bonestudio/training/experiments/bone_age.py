"""A reader of bone age from one growing bone: what judges aged films that it had no part in making.

The extractor's network on other data: phalanges cut out of the challenge's hands, or phantom
phalanges and femora of patients that no generator learns from. Films are also blurred at random:
a generator's films are smoother than real ones, and that alone must not change the age read.

With it goes a measure of how far a film lies from those that it has seen.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt
from torch import Tensor
from torch.nn import functional as F

from bonestudio.cohorts import Cohort, RsnaBoneAge
from bonestudio.networks.familiar import Familiarity
from bonestudio.training.experiment import Release, Released
from bonestudio.training.experiments import extractor
from bonestudio.training.experiments.extractor import Extractor, jittered
from bonestudio.training.feeding import Images
from bonestudio.training.films import open_cohort
from bonestudio.training.moment import Moment
from bonestudio.training.reading import Labelled
from bonestudio.training.virtual import OrderedPhantoms

REACH = 3  # pixels of the blurring kernel on either side
SHARES = (0.5, 0.98, 0.99, 1.0)  # of held-out films whose distance the card tells


class Settings(extractor.Options):
    """Hyperparameters; ``blur`` is the largest standard deviation of the random blur in pixels."""

    blur: NonNegativeFloat = 1.2


class Bones(extractor.Bones):
    """Which bones are read: phantoms from the seed ``first`` on, or phalanges of these fingers."""

    first: NonNegativeInt = 300_000
    fingers: tuple[int, ...] = (2, 3, 4)
    contrast: NonNegativeFloat = 0.12


class BoneAge(Extractor):
    """Reads the age of single bones."""

    Options = Settings
    Data = Bones
    options: Settings
    data: Bones

    def datasets(self) -> Mapping[str, Images]:
        """Keep the training films, too, for their features."""
        films = super().datasets()
        self.films: Any = films["films"]
        return films

    def changed(self, images: Tensor, now: Moment) -> Tensor:
        """See them under other exposures, in other poses, from either side, half of them blurred."""
        sigma = self.options.blur * (2 * now.rand(len(images)) - 1).clamp(min=0)
        return blurred(jittered(images, now), sigma)

    @torch.no_grad()
    def release(self, now: Moment) -> Release:
        """Hand on the reader and what is familiar to it, with distances of the held-out films."""
        plain, kinds = super().release(now), self.data.kinds
        seen, unseen = (self._depths(films, now) for films in (self.films, self.held_out))
        config = {"kinds": len(kinds), "features": seen.shape[1]}
        familiar = Familiarity(**config)
        distances = {}
        for number, kind in enumerate(kinds):
            familiar.learn(seen[self.films.told["kind"] == number], number)
            found = familiar(unseen[self.held_out.told["kind"] == number], number)
            shares = torch.quantile(found, torch.tensor(SHARES)).tolist()
            distances[kind] = {f"{share:g}": far for share, far in zip(SHARES, shares, strict=True)}
        part = Released(network=familiar, architecture="familiar:Familiarity", config=config)
        return replace(
            plain,
            parts={**plain.parts, "familiar": part},
            settings={**plain.settings, "distances": distances},
            intended_use="Ages of synthetic bones, features for FID and its kind, unlikely films.",
        )

    def _depths(self, films: Labelled, now: Moment) -> Tensor:
        """Features of every depth of the plain films [n, features]."""
        network: Any = now.average("extractor").float()
        parts = np.array_split(np.arange(len(films)), max(1, len(films) // 64))
        images = (films.batch(rows)["image"].to(now.device) for rows in parts)
        return torch.cat([network.depths(some).cpu() for some in images])

    def _open(self, kind: str) -> Cohort:
        d = self.data
        if d.source == "phantom":
            return OrderedPhantoms(kind, d.count, seed=d.first, ages=d.ages)
        hands = open_cohort(d.source, phantom=kind, count=d.count)
        if isinstance(hands, RsnaBoneAge) and kind == "phalange":
            return hands.phalanges(fingers=d.fingers, min_contrast=d.contrast)
        return hands


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each of [n, 1, height, width] by its own Gaussian, ``sigma`` [n] in pixels."""
    place = torch.arange(-REACH, REACH + 1, device=images.device, dtype=images.dtype)
    weight = torch.exp(-0.5 * (place / sigma.to(images.dtype).clamp(min=0.05)[:, None]).square())
    weight = weight / weight.sum(1, keepdim=True)
    n = len(images)
    padded = F.pad(images, [REACH] * 4, mode="replicate").transpose(0, 1)
    rows = F.conv2d(padded, weight.view(n, 1, -1, 1), groups=n)
    return F.conv2d(rows, weight.view(n, 1, 1, -1), groups=n).transpose(0, 1)

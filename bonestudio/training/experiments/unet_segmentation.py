"""Masks of bones learned from phantoms, whose masks are known: the baseline of paper 002's method."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW

from bonestudio.measures.bones import BONES
from bonestudio.networks.bone_unet import CHANNELS, BoneUNet
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.film_changes import developed, moved
from bonestudio.training.masked_films import only_phantoms, open_masked
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen, Source
from bonestudio.training.releases import family_of

HELD_OUT_SEED = 2_000_000
ENTROPY = 5.0  # its weight: most pixels are background, which it alone teaches
SHOWN = 30  # pixels of a bone from which its overlap counts
LIMITS = (
    "Learned from virtual patients alone: bones of grown hands, wrists and forearms and of hands "
    "from one year on, from the front, the side and (wrists) obliquely. Plaster, metal, amputations "
    "and diseases that change a bone's form were not shown. Look at every mask. Not for diagnosis."
)


class Options(Frozen):
    """Hyperparameters; steps see squares of ``crop`` pixels, cut from films of ``size``.

    In the last part of the training, a share of ``whole``, they see whole films: a piece of a shaft
    does not tell which bone it is of.
    """

    size: PositiveInt = 256
    crop: PositiveInt = 192
    whole: Annotated[float, Field(ge=0, le=1)] = 0.0
    channels: tuple[PositiveInt, ...] = CHANNELS
    rate: PositiveFloat = 4e-3
    decay: PositiveFloat = 1e-4
    average: PositiveFloat = 0.99


class Bones(Source):
    """How many patients of each kind are rendered, and how many others are held out of each."""

    source: str = "phantom"
    hands: NonNegativeInt = 640
    wrists: NonNegativeInt = 480
    forearms: NonNegativeInt = 320
    held_out: PositiveInt = 12


class UNetSegmentation(Experiment[Options, Bones]):
    """One mask for each bone of a film."""

    Options = Options
    Data = Bones

    def datasets(self) -> Mapping[str, Images]:
        """Open training films, and others to score on."""
        d, size = self.data, self.options.size
        only_phantoms(d.source)
        kinds = {"hand": d.hands, "wrist": d.wrists, "forearm": d.forearms}
        chosen = {kind: count for kind, count in kinds.items() if count}
        films = open_masked(chosen, size=size)
        self.held_out = open_masked(
            dict.fromkeys(chosen, d.held_out), size=size, seed=HELD_OUT_SEED
        )
        self.seen = len(films)
        return {"films": films}

    def build(self) -> Parts:
        """One network, AdamW."""
        self.config: dict[str, Any] = {"bones": len(BONES), "channels": list(self.options.channels)}
        self.U = BoneUNet(bones=len(BONES), channels=self.options.channels)
        optimiser = AdamW(self.U.parameters(), self.options.rate, weight_decay=self.options.decay)
        return Parts(
            networks={"unet": self.U},
            optimisers={"unet": optimiser},
            averages={"unet": self.options.average},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Cross-entropy of every pixel and bone, and 1 − Dice of the bones that a film shows."""
        films = batch["films"]
        both = torch.cat([films["film"], films["clahe"]], 1)
        o = self.options
        crop = o.crop if now.progress < 1 - o.whole else o.size
        both, masks = moved(both, films["masks"], now, crop=crop)
        logits = self.U(developed(both[:, :1], both[:, 1:], now)).to(masks.dtype)
        entropy = F.binary_cross_entropy_with_logits(logits, masks)
        overlap = now.mean(1 - soft_dice(logits.sigmoid(), masks), masks.sum((2, 3)) > SHOWN)
        now.minimise(ENTROPY * entropy + overlap, "unet", clip=5.0)
        now.log(entropy=entropy, overlap=overlap)

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – there is one
        """Warm up over the first 3 %, then half a cosine to 0."""
        warm = min(1.0, now.progress / 0.03 + 1e-2)
        return warm * 0.5 * (1.0 + float(np.cos(np.pi * now.progress)))

    def draw(self, now: Moment) -> Tensor:
        """Eight held-out films above what is found on them, brighter from BONES' first to last."""
        rows = np.linspace(0, len(self.held_out) - 1, 8).astype(int)
        films = self.held_out.batch(rows)["film"].to(now.device)
        found = now.average("unet")(films).sigmoid() > 0.5
        shades = torch.linspace(0.3, 1, len(BONES), device=now.device).view(1, -1, 1, 1)
        return torch.stack([films, (found * shades).amax(1, keepdim=True) * 2 - 1])

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Dice on the held-out films, bone by bone, over the films that show it."""
        found: list[Tensor] = []
        for rows in np.array_split(np.arange(len(self.held_out)), -(-len(self.held_out) // 8)):
            batch = self.held_out.batch(rows)
            masks = batch["masks"]
            seen = (now.average("unet")(batch["film"].to(now.device)).cpu() > 0).float()
            dice = soft_dice(seen, masks, smooth=0.0)
            found.append(torch.where(masks.sum((2, 3)) > 0, dice, torch.nan))
        each = torch.cat(found)
        scores = {
            f"dice_{bone.replace(' ', '_')}": float(each[:, i].nanmean())
            for i, bone in enumerate(BONES)
            if each[:, i].isfinite().any()
        }
        return {**scores, "dice": float(each.nanmean())}

    def release(self, now: Moment) -> Release:
        """Hand on the averaged network."""
        family, licence, citation = family_of(self.data.source)
        return Release(
            system="segmentation",
            parts={
                "unet": Released(
                    network=now.average("unet"),
                    architecture="bone_unet:BoneUNet",
                    config=self.config,
                )
            },
            trained_on=f"{self.seen} films of virtual patients: hands, wrists, forearms",
            family=family,
            licence=licence,
            citation=citation,
            intended_use="Masks of the bones of hand, wrist and forearm, for research and teaching.",
            limits=LIMITS,
            settings={"size": self.options.size, "range": [-1, 1], "bones": list(BONES)},
            metrics={
                name: (value, len(self.held_out), "phantoms held out by patient, natural style")
                for name, value in self.evaluate(now).items()
            },
        )


def soft_dice(shares: Tensor, masks: Tensor, *, smooth: float = 1.0) -> Tensor:
    """Dice [n, m] of shares [n, m, h, w] in [0, 1] and masks; ``smooth`` pixels keep it defined.

    2 |A ∩ B| / (|A| + |B|); with ``smooth`` a bone that is not there and not found counts 1.
    """
    both = (shares * masks).sum((2, 3))
    sizes = shares.sum((2, 3)) + masks.sum((2, 3))
    return (2 * both + smooth) / (sizes + smooth).clamp_min(1e-6)

"""The pretraining zoo of paper 004 (section 4.1): ten tasks for one encoder, one mechanism.

A task says which head sits on the encoder's features and what the loss is. Two tasks in sequence
(P_mp,bd) are two runs, the second starting from the encoder of the first.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bonestudio.errors import TrainingError
from bonestudio.networks.bmdgan import PyramidDecoder
from bonestudio.networks.bmdgan_heads import (
    MASKED,
    PATCHES,
    Answering,
    Placing,
    Projecting,
    Queue,
    Redrawing,
    contrast,
)
from bonestudio.training.augment import augmented
from bonestudio.training.hip_films import HipFilms
from bonestudio.training.moment import Moment
from bonestudio.training.parallel import gather_all

Name = Literal["sr", "mp", "ps", "sc", "pac", "poc", "pc", "pi", "bd"]
Features = Callable[[Tensor], list[Tensor]]
MASKED_SHARE = 0.75
KNOWN = ("age", "height", "weight")


class Task(ABC):
    """One task: ``networks`` are trained with the encoder, ``state`` is kept with the run."""

    def __init__(self, head: nn.Module) -> None:
        self.networks: dict[str, nn.Module] = {"head": head}
        self.state: dict[str, nn.Module] = {}

    @property
    def head(self) -> Any:
        """The head on the encoder's features."""
        return self.networks["head"]

    @abstractmethod
    def loss(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """Return the loss of a batch of :class:`HipFilms`."""

    def shown(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor | None:  # noqa: ARG002
        """Return pictures [n, 1, h, w] in [-1, 1] of what the task has learned, or nothing."""
        return None


class SelfReconstruction(Task):
    """P_sr: redraw the film; mean squared error."""

    def seen(self, films: Tensor, now: Moment) -> tuple[Tensor, Tensor]:
        """Return what the encoder is shown, and the weight of each pixel in the loss."""
        del now
        return films, torch.ones_like(films)

    def loss(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """Squared error of the redrawn film."""
        x = hips["film"]
        shown, weight = self.seen(x, now)
        loss: Tensor = ((self.head(encoder(shown)) - x).square() * weight).sum() / weight.sum()
        return loss

    def shown(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """Redraw the films."""
        redrawn: Tensor = self.head(encoder(self.seen(hips["film"], now)[0]))
        return redrawn


class MaskedPatches(SelfReconstruction):
    """P_mp: three quarters of 8 × 16 patches are greyed and redrawn (He et al. 2022); all are fed."""

    def seen(self, films: Tensor, now: Moment) -> tuple[Tensor, Tensor]:
        """Grey the masked patches; the loss looks at these alone."""
        rows, columns = MASKED
        draw = now.rand(len(films), rows * columns)
        hidden = draw.argsort(1).argsort(1) < MASKED_SHARE * rows * columns
        mask = F.interpolate(
            hidden.view(-1, 1, rows, columns).to(films.dtype), films.shape[2:], mode="nearest"
        )
        return films * (1 - mask), mask


class PatchShuffle(Task):
    """P_ps: 4 × 8 patches are shuffled, and each is to say which it is; cross-entropy."""

    def loss(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """L_s = Σ_i Σ_j −y_ij log p_ij."""
        x = hips["film"]
        rows, columns = PATCHES
        n, _, h, w = x.shape
        order = now.rand(n, rows * columns).argsort(1)  # place i holds patch order[i]
        patches = x.view(n, rows, h // rows, columns, w // columns).transpose(2, 3)
        patches = patches.reshape(n, rows * columns, h // rows, w // columns)
        moved = patches.gather(1, order.view(n, -1, 1, 1).expand_as(patches))
        moved = moved.view(n, rows, columns, h // rows, w // columns).transpose(2, 3)
        logits = self.head(encoder(moved.reshape(n, 1, h, w)))  # [n, patch j, place i]
        return F.cross_entropy(logits, order)


class Contrast(Task):
    """P_sc, P_pac, P_poc: films of one film, patient or pose lie together, others apart (MoCo).

    ``same`` names the fact that makes two films alike; None: two views of one film alone.
    """

    def __init__(
        self, head: nn.Module, *, same: str | None, queue: Queue, temperature: float
    ) -> None:
        super().__init__(head)
        self.state = {"queue": queue}
        self.queue, self.same, self.temperature = queue, same, temperature

    def loss(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """InfoNCE, or its supervised kind, against keys of the averaged encoder and the queue."""
        x = hips["film"]
        labels = hips[self.same] if self.same else torch.zeros(len(x), device=x.device)
        if not torch.isfinite(labels).all():
            raise TrainingError(f"Some films do not say their {self.same}; this task needs it.")
        q = self.head(encoder(augmented(x, now)))
        with torch.no_grad():
            k = now.average("head")(now.average("encoder")(augmented(x, now)))
        own = torch.eye(len(x), device=x.device, dtype=torch.bool)
        alike = labels[:, None] == torch.cat([labels, self.queue.labels])[None]
        if not self.same:
            alike = torch.zeros_like(alike)
        # Keys of the batch's other films are no negatives in MoCo: only a query's own key is there.
        positive = torch.cat([own, alike[:, len(x) :]], 1)
        known = torch.cat([own, torch.ones_like(alike[:, len(x) :])], 1)
        loss = contrast(
            q, torch.cat([k, self.queue.keys]), positive, known=known, temperature=self.temperature
        ).mean()
        gathered = gather_all((k.cpu(), labels.cpu()))
        self.queue.add(
            torch.cat([keys for keys, _ in gathered]).to(x.device),
            torch.cat([of for _, of in gathered]).to(x.device),
        )
        return loss


class PoseClassification(Task):
    """P_pc: which pose; cross-entropy."""

    def loss(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """L_ce."""
        known = torch.isfinite(hips["pose"])
        pose = torch.where(known, hips["pose"], 0.0).long()
        told = F.cross_entropy(self.head(encoder(hips["film"])), pose, reduction="none")
        return now.mean(told, known)


class PatientInfo(Task):
    """P_pi: sex by cross-entropy; age, height and weight by squared error.

    In standard deviations of the training films, so that no unit outweighs the others.
    """

    def __init__(self, head: nn.Module, films: HipFilms) -> None:
        super().__init__(head)
        told = torch.stack([films.fact(name) for name in KNOWN], 1).double()
        self.mean = told.nanmean(0)
        self.spread = (told - self.mean).square().nanmean(0).sqrt().clamp(min=1e-3)

    def loss(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """L_bce + L_se."""
        answers = self.head(encoder(hips["film"]))
        male = hips["male"].to(answers.dtype)
        known = torch.isfinite(male)
        sex = F.binary_cross_entropy_with_logits(
            answers[:, 0], torch.where(known, male, 0.0), reduction="none"
        )
        told = torch.stack([hips[name] for name in KNOWN], 1)
        wanted = (told - self.mean.to(told)) / self.spread.to(told)
        there = torch.isfinite(wanted)
        apart = (answers[:, 1:] - torch.where(there, wanted, 0.0)).square()
        total = now.mean(sex, known)
        for i in range(len(KNOWN)):
            total = total + now.mean(apart[:, i], there[:, i])
        return total


class BoneDecomposition(Task):
    """P_bd: the map of all bone; mean squared error."""

    def loss(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """MSE to the whole-bone map in g/cm²."""
        del now
        if not torch.isfinite(hips["bone"]).all():
            raise TrainingError(
                "Bone decomposition needs maps of all bone: the folder 'bmd_whole'."
            )
        return F.mse_loss(self.head(encoder(hips["film"])), hips["bone"])

    def shown(self, encoder: Features, hips: Mapping[str, Tensor], now: Moment) -> Tensor:
        """Draw the estimated map; 2 g/cm² is white."""
        del now
        maps: Tensor = self.head(encoder(hips["film"])) - 1
        return maps


def task_of(
    name: Name, inputs: tuple[int, ...], films: HipFilms, options: Mapping[str, Any]
) -> Task:
    """Make a task for an encoder with these channels."""
    if name not in get_args(Name):
        raise TrainingError(f"A task is one of {', '.join(get_args(Name))}, not '{name}'.")
    if name in {"sr", "mp"}:
        return (SelfReconstruction if name == "sr" else MaskedPatches)(Redrawing(inputs))
    if name == "ps":
        return PatchShuffle(Placing(inputs))
    if name == "pc":
        return PoseClassification(Answering(inputs, answers=max(2, len(films.poses))))
    if name == "pi":
        return PatientInfo(Answering(inputs, answers=1 + len(KNOWN)), films)
    if name == "bd":
        return BoneDecomposition(PyramidDecoder(inputs, channels=options["channels"]))
    return Contrast(
        Projecting(inputs, length=options["features"]),
        same={"sc": None, "pac": "patient", "poc": "pose"}[name],
        queue=Queue(length=options["queue"], features=options["features"]),
        temperature=options["temperature"],
    )

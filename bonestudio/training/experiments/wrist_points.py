"""Finds the points that wrists are measured by, learned from phantoms, whose points are known.

From the side the radial styloid hides both lips of the joint in the outline; on the film they show.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torch.nn import functional as F
from torch.optim import AdamW

from bonestudio.measures.wrist_view import POINTS
from bonestudio.networks.wrist_points import CHANNELS, WristPoints, places_of
from bonestudio.training.experiment import Experiment, Parts, Release, Released
from bonestudio.training.feeding import Images
from bonestudio.training.film_changes import BLACK, developed
from bonestudio.training.masked_films import only_phantoms
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen, Source
from bonestudio.training.releases import family_of
from bonestudio.training.wrist_films import MARGIN, open_wrists

HELD_OUT_SEED = 2_000_000
SPREAD = 1.8  # standard deviation of a point's target, pixels


class Options(Frozen):
    """Hyperparameters."""

    size: PositiveInt = 128
    channels: tuple[PositiveInt, ...] = CHANNELS
    rate: PositiveFloat = 2e-3
    decay: PositiveFloat = 1e-2
    average: PositiveFloat = 0.99


class Wrists(Source):
    """How many wrists are rendered, in both views, and how many others are held out."""

    source: str = "phantom"
    count: PositiveInt = 800
    held_out: PositiveInt = 40


class WristPointsExperiment(Experiment[Options, Wrists]):
    """One heat map for each point."""

    Options = Options
    Data = Wrists

    def datasets(self) -> Mapping[str, Images]:
        """Open training views, and others to score on."""
        size = self.options.size
        only_phantoms(self.data.source)
        self.held_out = open_wrists(self.data.held_out, size=size, seed=HELD_OUT_SEED)
        views = open_wrists(self.data.count, size=size)
        self.seen = len(views)
        return {"wrists": views}

    def build(self) -> Parts:
        """One network, AdamW."""
        self.config: dict[str, Any] = {
            "points": len(POINTS),
            "channels": list(self.options.channels),
        }
        self.P = WristPoints(points=len(POINTS), channels=self.options.channels)
        optimiser = AdamW(self.P.parameters(), self.options.rate, weight_decay=self.options.decay)
        return Parts(
            networks={"points": self.P},
            optimisers={"points": optimiser},
            averages={"points": self.options.average},
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        """Cross-entropy between each map and a small Gaussian at its point, where there is one."""
        wrists, size = batch["wrists"], self.options.size
        views, points = nudged(wrists["view"], wrists["points"], now, size=size)
        maps = self.P(developed(views, views, now)).to(points.dtype)
        target, known = _targets(points, maps)
        loss = now.mean(-(target * maps.flatten(2).log_softmax(-1)).sum(-1), known)
        now.minimise(loss, "points", clip=5.0)
        now.log(entropy=loss)

    def rate(self, optimiser: str, now: Moment) -> float:  # noqa: ARG002 – there is one
        """Warm up over the first 5 %, then half a cosine to 0."""
        warm = min(1.0, now.progress / 0.05 + 1e-2)
        return warm * 0.5 * (1.0 + float(np.cos(np.pi * now.progress)))

    def evaluate(self, now: Moment) -> Mapping[str, float]:
        """Mean distance of the points on held-out views, in thousandths of the view's side."""
        far = []
        for rows in np.array_split(np.arange(len(self.held_out)), -(-len(self.held_out) // 16)):
            batch = self.held_out.batch(rows)
            views, points = _middle(batch["view"], self.options.size), batch["points"] * MARGIN
            places, _ = places_of(now.average("points")(views.to(now.device)))
            far.append((places.cpu() - points).norm(dim=-1) * 500)
        each = torch.cat(far)
        scores = {
            f"error_{name}": float(each[:, i].nanmean())
            for i, name in enumerate(POINTS)
            if each[:, i].isfinite().any()
        }
        return {**scores, "error": float(each.nanmean())}

    def release(self, now: Moment) -> Release:
        """Hand on the averaged network."""
        family, licence, citation = family_of(self.data.source)
        return Release(
            system="segmentation",
            parts={
                "points": Released(
                    network=now.average("points"),
                    architecture="wrist_points:WristPoints",
                    config=self.config,
                )
            },
            trained_on=f"{self.seen} views of grown virtual wrists, half of them broken",
            family=family,
            licence=licence,
            citation=citation,
            intended_use="First places of the points that wrists are measured by, to be looked at.",
            limits="Grown wrists from the front and from the side, without plaster or metal. "
            "Points can be dragged where they are off. Not for diagnosis.",
            settings={"size": self.options.size, "range": [-1, 1], "points": list(POINTS)},
            metrics={
                name: (value, len(self.held_out), "thousandths of the view's side, held out")
                for name, value in self.evaluate(now).items()
            },
        )


def nudged(views: Tensor, points: Tensor, now: Moment, *, size: int) -> tuple[Tensor, Tensor]:
    """Cut views [n, 1, size, size] out of those with a margin: turned, moved, resized, mirrored.

    As far as masks that are found, not known, can put the view wrong; and left for right, since a
    lateral view can be either.
    """
    draw = now.rand(len(views), 5)
    angle = (draw[:, 0] - 0.5) * 0.35  # ± 10 degrees
    zoom = torch.exp((draw[:, 1] - 0.5) * 0.4)
    side = torch.where(draw[:, 2] < 0.5, -1.0, 1.0) * zoom
    shift = (draw[:, 3:] - 0.5) * 0.3
    # From the view's coordinates to those with the margin.
    turn = (
        torch.stack(
            [angle.cos() * side, -angle.sin() * zoom, angle.sin() * side, angle.cos() * zoom], 1
        ).view(-1, 2, 2)
        / MARGIN
    )
    grid = F.affine_grid(
        torch.cat([turn, shift[..., None] / MARGIN], 2), [len(views), 1, size, size],
        align_corners=False,
    )  # fmt: skip
    cut = F.grid_sample(views - BLACK, grid, align_corners=False) + BLACK
    away = points - shift[:, None] / MARGIN
    return cut, torch.linalg.solve(turn[:, None], away[..., None]).squeeze(-1)


def _middle(views: Tensor, size: int) -> Tensor:
    """Cut the view out of its margin, as it is."""
    rows = torch.eye(2, 3).expand(len(views), 2, 3) / MARGIN
    grid = F.affine_grid(rows, [len(views), 1, size, size], align_corners=False)
    return F.grid_sample(views - BLACK, grid, align_corners=False) + BLACK


def _targets(points: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
    """Gaussians [n, points, cells] of sum 1, and which points are known and on the view."""
    height, width = maps.shape[-2:]
    known = points.isfinite().all(-1) & (points.nan_to_num(9.0).abs() < 0.98).all(-1)
    x = (points[..., :1].nan_to_num() + 1) / 2 * width - 0.5
    y = (points[..., 1:].nan_to_num() + 1) / 2 * height - 0.5
    columns = torch.arange(width, device=maps.device)
    rows = torch.arange(height, device=maps.device)
    across = torch.exp(-((columns - x) ** 2) / (2 * SPREAD**2))
    down = torch.exp(-((rows - y) ** 2) / (2 * SPREAD**2))
    target = (down[..., :, None] * across[..., None, :]).flatten(2)
    return target / target.sum(-1, keepdim=True).clamp_min(1e-9), known

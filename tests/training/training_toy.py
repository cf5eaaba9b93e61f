"""A small progressive WGAN-GP that uses everything the loop offers, for the tests of the loop."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim import Adam

from bonestudio.training.experiment import Experiment, Parts
from bonestudio.training.films import Films
from bonestudio.training.loop import Loop, Outcome
from bonestudio.training.losses import gradient_penalty
from bonestudio.training.moment import Moment
from bonestudio.training.recipes import Frozen, Recipe, Source, parse_recipe


class Options(Frozen):
    rate: float = 1e-3
    critic_steps: int = 2
    fail: str = ""  # 'nan', 'weights' or 'memory': what goes wrong at step 7


class Growing(nn.Module):
    """8 × 8, and from stage 1 on 16 × 16, faded in; batch norm and dropout on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(8, 8 * 64), nn.Unflatten(1, (8, 8, 8)))
        self.norm = nn.BatchNorm2d(8)
        self.grow = nn.Conv2d(8, 8, 3, padding=1)
        self.small, self.large = nn.Conv2d(8, 1, 1), nn.Conv2d(8, 1, 1)

    def forward(self, z: Tensor, stage: int, fade: float) -> Tensor:
        h = F.leaky_relu(self.norm(self.first(z)), 0.2)
        if stage == 0:
            return F.interpolate(self.small(h).tanh(), scale_factor=2.0)
        up = F.interpolate(h, scale_factor=2.0)
        new = self.large(F.leaky_relu(self.grow(up), 0.2)).tanh()
        return torch.lerp(F.interpolate(self.small(h).tanh(), scale_factor=2.0), new, fade)


class Critic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            spectral_norm(nn.Conv2d(1, 8, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(8, 16, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(256, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Toy(Experiment[Options, Source]):
    Options = Options
    Data = Source
    dropout = 0.1

    def datasets(self):
        random = torch.Generator().manual_seed(3)
        pixels = torch.randint(0, 256, (37, 16, 16), generator=random, dtype=torch.uint8)
        return {"films": Films(pixels.numpy())}

    def build(self) -> Parts:
        self.G, self.D = Growing(), Critic()
        self.seen = 0
        return Parts(
            networks={"generator": self.G, "critic": self.D},
            optimisers={
                "generator": Adam(self.G.parameters(), self.options.rate, (0.0, 0.98)),
                "critic": Adam(self.D.parameters(), self.options.rate, (0.0, 0.98)),
            },
            averages={"generator": 0.9},
            never_compiled=frozenset({"critic"}),
        )

    def step(self, batch: Mapping[str, Any], now: Moment) -> None:
        x = batch["films"]
        self.seen += 1  # what memory() keeps
        if self.options.fail == "memory" and now.step == 7:
            torch.empty(2**60, device=now.device)
        fake = self.G(now.randn(len(x), 8), now.stage, now.fade)
        loss = self.D(fake.detach()).mean() - self.D(x).mean()
        penalty = gradient_penalty(self.D, x, fake, now.rand(len(x), 1, 1, 1))
        if self.options.fail == "nan" and now.step == 7:
            loss = loss * float("nan")
        now.minimise(loss + 10 * penalty, "critic", clip=2.0)
        now.log(critic=loss, penalty=penalty, seen=self.seen)
        if self.options.fail == "weights" and now.step == 7:
            with torch.no_grad():
                self.D.layers[5].weight.fill_(float("inf"))
        if now.every(self.options.critic_steps):
            judged = F.dropout(self.D(fake), self.dropout)
            loss_G = -judged.mean()
            now.minimise(loss_G, "generator")
            now.log(generator=loss_G)

    def rate(self, optimiser: str, now: Moment) -> float:
        return 1.0 - 0.5 * now.progress

    def draw(self, now: Moment) -> Tensor:
        images = now.average("generator")(now.randn(4, 8), now.stage, now.fade)
        return images.view(1, 4, 1, 16, 16)

    def memory(self):
        return {"seen": self.seen}

    def remember(self, memory) -> None:
        self.seen = memory["seen"]


class ExactToy(Toy):
    """Without dropout, whose masks no two processes could share with one."""

    dropout = 0.0


STAGES = [
    {"samples": 160, "batch": 8},
    {"samples": 160, "fade": 80, "batch": 4, "rate": 0.85},
]


def toy_recipe(**changes: Any) -> Recipe:
    raw: dict[str, Any] = {
        "name": "toy/toy",
        "summary": "a toy",
        "experiment": "toy",
        "seed": 5,
        "data": {"source": "phantom"},
        "options": {},
        "training": {"stages": STAGES},
        "run": {"log_every": 4, "save_every": 3, "draw_every": 25},
    }
    for where, value in changes.items():
        table, key = where.split("__")
        raw[table][key] = value
    return parse_recipe(raw, {"data": Source, "options": Options})


def run_toy(folder: str, recipe: Recipe | None = None, *, resume: bool = False) -> Outcome:
    recipe = recipe or toy_recipe()
    torch.set_num_threads(1)
    Path(folder).mkdir(exist_ok=True, parents=True)
    return Loop(recipe, Toy(recipe.options, recipe.data), Path(folder)).run(resume=resume)

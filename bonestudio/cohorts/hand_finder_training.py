"""Trains the finder of hand joints on a few hands with boxes, many without, and virtual ones.

First on the boxed hands alone, in every pose, zoom and exposure that can be made of them; then on
all hands, where the first finder's confident answers (the mean of several views) stand in for
boxes, and on virtual hands, whose joints are known. Run it as ``python -m bonestudio.cohorts.hand_finder_training FOLDER --out DIR``.
"""

import argparse
import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from bonestudio.checkpoints import Card, Part
from bonestudio.checkpoints.store import save
from bonestudio.cohorts.cohort import existing_folder
from bonestudio.cohorts.hand import JOINTS
from bonestudio.cohorts.hand_examples import Example, boxed_examples, label, phantom_examples
from bonestudio.cohorts.hand_finder import REDUCED, VIEW, Frame, frame_of, reduce_film, take_views
from bonestudio.cohorts.rsna import RsnaBoneAge
from bonestudio.imaging.reading import read_radiograph
from bonestudio.networks.landmarks import LandmarkNet

TARGET = 1.3  # standard deviation of a joint's target, in cells of the heat map


def train_finder(
    network: nn.Module,
    examples: Sequence[Example],
    shares: NDArray[np.float64],
    *,
    steps: int,
    rate: float,
    seed: int = 0,
    batch: int = 8,
) -> None:
    """Train in place; ``shares`` are the chances of each example."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps, pct_start=0.15
    )
    network.train()
    for step in range(1, steps + 1):
        picked = [examples[i] for i in random.choice(len(examples), batch, p=shares / shares.sum())]
        frames = [_any_frame(example, random) for example in picked]
        views = torch.cat([take_views(e.film, [f]) for e, f in zip(picked, frames, strict=True)])
        places = np.stack([f.to_view(e.points) for e, f in zip(picked, frames, strict=True)])
        logits = network(_any_exposure(views, random))
        target, inside = _target(torch.from_numpy(places).float(), logits.shape[-1])
        loss = -(target * logits.flatten(2).log_softmax(-1)).sum(-1)
        loss = (loss * inside).sum() / inside.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == steps:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", flush=True)
    network.eval()


def train_on_all(
    network: nn.Module,
    boxed: list[Example],
    labelled: list[Example],
    virtual: list[Example],
    steps: int,
    seed: int,
) -> None:
    """Go on with all three kinds; a fifth of what is seen has boxes, a quarter is virtual."""
    kinds = ((boxed, 0.2), (labelled, 0.55), (virtual, 0.25))
    shares = np.concatenate(
        [np.full(len(kind), share / max(len(kind), 1)) for kind, share in kinds]
    )
    train_finder(
        network, [*boxed, *labelled, *virtual], shares, steps=steps, rate=1.5e-3, seed=seed
    )


def _any_frame(example: Example, random: np.random.Generator) -> Frame:
    """Half of the views are close and nearly upright, half as whole films are."""
    near = frame_of(example.points, mirror=example.mirror, margin=1.0)
    if random.random() < 0.5:
        side, turn, shift = random.uniform(1.1, 1.45), random.uniform(-0.2, 0.2), 0.07
    else:
        side, turn = random.uniform(1.1, 2.4), 0.35 * random.normal()
        shift = 0.5 * max(side - 1.05, 0.0)
    moved = near.centre + random.uniform(-shift, shift, 2) * near.side
    return Frame(moved, near.angle + turn, near.side * side, example.mirror)


def _any_exposure(views: Tensor, random: np.random.Generator) -> Tensor:
    """Change gamma and noise; on some, put a marker or the edge of a collimator."""
    views = views.clamp(0, 1)
    for view in views:
        view.pow_(float(np.exp(0.5 * random.normal())))
        view.add_(torch.randn_like(view), alpha=random.uniform(0, 0.02))
        if random.random() < 0.2:
            top, left = random.integers(0, VIEW - 30, 2)
            height, width = random.integers(6, 40, 2)
            view[0, top : top + height, left : left + width] = random.uniform(0, 1)
        elif random.random() < 0.25:
            view[0, : random.integers(0, VIEW)] += random.uniform(-0.2, 0.2)
    return views


def _target(places: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Gaussian over the cells [b, joints, side²] that sums to 1, and whether it lies in the view."""
    cells = (torch.arange(side) + 0.5) / side * 2 - 1
    spread = 2 * (TARGET * 2 / side) ** 2
    columns = torch.exp(-((cells - places[..., 0:1]) ** 2) / spread)
    rows = torch.exp(-((cells - places[..., 1:2]) ** 2) / spread)
    known = torch.isfinite(places).all(-1)
    bump = (rows[..., :, None] * columns[..., None, :]).flatten(2)
    mass = bump.sum(-1, keepdim=True)
    inside = known & (mass[..., 0] > 1)
    return torch.where(inside[..., None], bump / mass.clamp_min(1e-6), 0.0), inside


def main(words: Sequence[str] | None = None) -> None:
    """Train, and write the checkpoint."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("folder", type=Path, help="hands in the RSNA layout, with joints.csv")
    ask.add_argument("--out", type=Path, required=True, help="folder of checkpoints")
    ask.add_argument("--steps", type=int, nargs=2, default=(600, 600), metavar=("BOXED", "ALL"))
    ask.add_argument("--start", type=Path, help="state of a network to start from (safetensors)")
    ask.add_argument(
        "--others", type=int, default=1000, help="hands without boxes to label, at most"
    )
    ask.add_argument("--phantoms", type=int, default=60, help="virtual hands to learn from")
    ask.add_argument("--without", nargs="*", default=(), help="ids of films to leave out")
    ask.add_argument("--seed", type=int, default=0)
    order = ask.parse_args(words)
    folder = existing_folder(order.folder, "the RSNA Bone Age challenge")
    hands = RsnaBoneAge(folder)
    films = {e.name: path for e, path in zip(hands.entries, hands.files, strict=True)}
    films = {name: path for name, path in films.items() if name not in set(order.without)}
    boxed = boxed_examples(folder, films)
    network = LandmarkNet()
    if order.start:
        network.load_state_dict(load_file(order.start))
    if order.steps[0]:
        even = np.ones(len(boxed))
        train_finder(
            network, list(boxed.values()), even, steps=order.steps[0], rate=3e-3, seed=order.seed
        )
    labelled, virtual = [], []
    if order.steps[1]:
        random = np.random.default_rng(order.seed)
        others = [path for name, path in films.items() if name not in boxed]
        picked = random.permutation(len(others))[: order.others]
        reduced = (reduce_film(read_radiograph(others[i]).pixels)[0] for i in picked)
        network.eval()
        labelled = [e for film in reduced if (e := label(network, film, random)) is not None]
        virtual = phantom_examples(order.phantoms, seed=order.seed)
        train_on_all(
            network, list(boxed.values()), labelled, virtual, order.steps[1], order.seed + 1
        )
    card = make_card(
        order.steps, order.seed, boxed=len(boxed), others=len(labelled), phantoms=len(virtual)
    )
    save(card, {"finder": network}, order.out)


def make_card(steps: Sequence[int], seed: int, *, boxed: int, others: int, phantoms: int) -> Card:
    """Describe the finder."""
    return Card(
        system="cohorts",
        name="hand-landmarks-rsna",
        summary="Finds 17 joints of a hand on a whole film, so that phalanges can be cropped.",
        parts={"finder": Part(architecture="landmarks:LandmarkNet")},
        settings={"view": VIEW, "reduced": REDUCED, "joints": list(JOINTS)},
        trained_on=(
            f"{boxed} hands of the RSNA Bone Age challenge with boxes (razorx89/"
            f"rsna-boneage-ossification-roi-detection, MIT), {others} without, labelled by the "
            f"network's own first stage, and {phantoms} virtual hands"
        ),
        family="rsna",
        recipe="bonestudio.cohorts.hand_finder_training",
        recipe_hash=hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16],
        steps=sum(steps),
        seed=seed,
        hardware="two CPU cores",
        date=date.today().isoformat(),  # noqa: DTZ011 – the day where it was trained
        licence="Trained on RSNA images: academic and non-commercial use",
        citation=(
            "Halabi et al., Radiology 2019;290:498-503; "
            "https://www.rsna.org/rsnai/ai-image-challenge/rsna-pediatric-bone-age-challenge-2017"
        ),
        intended_use="Cropping phalanges from PA films of a hand, for research.",
        limits="Whole hands of children and adolescents; not for diagnosis.",
    )


if __name__ == "__main__":
    main()

"""Whether fractures survive the CycleGAN: by their imprint on the film, and by a classifier.

    python benchmarks/fracture_survival.py [--count 200] [--refiner NAME] [--classifier NAME]

Virtual patients that nothing was trained on, forearms and wrists, half with bone removed and half
broken. Each arm is rendered with its break and without it; the difference of the two films near the
truth mask is the break's imprint, before and after refinement. The classifiers that are here read
the same films; healthy arms go through the refiner of normal ones and must stay healthy.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from bonestudio.imaging.types import Radiograph
from bonestudio.instruments.fracture.abnormality import (
    THRESHOLD,
    AbnormalityClassifier,
    classifiers,
)
from bonestudio.instruments.fracture.refiner import Refiner
from bonestudio.metrics.survival import Imprint, imprint
from bonestudio.training.arms import HELD_OUT, Arm, Arms
from bonestudio.training.terminal import watched

ARMS: tuple[Arm, ...] = ("forearm", "wrist")
Films = NDArray[np.float32]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--refiner", help="of abnormal arms; the first that is here")
    options.add_argument("--classifier", help="all that are here")
    options.add_argument("--out", type=Path, default=Path("artefacts/fracture_survival"))
    chosen = options.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    broken, healthy, masks = render(chosen.count)
    abnormal, normal = Refiner(chosen.refiner), Refiner(abnormal=False)
    after = (refined(abnormal, broken), refined(abnormal, healthy))
    found = [
        imprint((broken[i], healthy[i]), (after[0][i], after[1][i]), masks[i])
        for i in range(len(broken))
    ]
    kept = np.array([one.kept for one in found])
    lines = [
        "| what | share | 95 % interval | N |",
        "|---|---|---|---|",
        row(f"imprint kept ({abnormal.card.id})", kept),
    ]
    for card in classifiers():
        if chosen.classifier in {None, card.name, card.id}:
            judge = AbnormalityClassifier(card.id)
            before_p, after_p = (read(judge, films) for films in (broken, after[0]))
            healthy_p, normal_p = (read(judge, f) for f in (healthy, refined(normal, healthy)))
            agree = (before_p > THRESHOLD) == (after_p > THRESHOLD)
            lines += [
                row(f"called abnormal before ({card.id})", before_p > THRESHOLD),
                row("called abnormal after", after_p > THRESHOLD),
                row("classifier agrees before and after, broken", agree),
                row("imprint kept and classifier agrees", kept & agree),
                row("called abnormal before, healthy", healthy_p > THRESHOLD),
                row(f"called abnormal after, healthy ({normal.card.id})", normal_p > THRESHOLD),
            ]
    lines += ["", spread("likeness", found), spread("strength", found)]
    print("\n".join(lines))
    (chosen.out / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    order = np.argsort([one.likeness for one in found])
    sheet(chosen.out / "worst.png", [broken, after[0]], masks, order[:6])
    sheet(chosen.out / "some.png", [broken, after[0]], masks, np.arange(6))


def render(count: int) -> tuple[Films, Films, NDArray[np.bool_]]:
    """Broken and healthy films and masks of patients whose break lies on the film."""
    arms = Arms(ARMS, 2 * count, style="synthetic", abnormal=True, seed=HELD_OUT)
    broken, healthy, masks = [], [], []
    for i in watched(range(len(arms)), "rendering"):
        sample = arms[i]
        mask = sample.masks.get("fracture")
        if mask is not None and mask.any():
            broken.append(sample.image)
            healthy.append(arms.load(i, healthy=True).image)
            masks.append(mask)
        if len(broken) == count:
            break
    return np.stack(broken), np.stack(healthy), np.stack(masks)


def refined(refiner: Refiner, films: Films) -> Films:
    """Redraw prepared films [n, height, width]."""
    made = refiner.refine([Radiograph(pixels=film) for film in films], are_prepared=True)
    return np.stack([film.pixels for film in made])


def read(judge: AbnormalityClassifier, films: Films) -> NDArray[np.float64]:
    """P(abnormal) [n] of films that are prepared already."""
    return judge.probabilities(list(films), are_prepared=True)


def row(what: str, yes: NDArray[np.bool_]) -> str:
    """One line of the table, with a Wilson interval."""
    low, high = binomtest(int(yes.sum()), len(yes)).proportion_ci(method="wilson")
    return f"| {what} | {yes.mean():.1%} | {low:.1%} to {high:.1%} | {len(yes)} |"


def spread(name: str, found: list[Imprint]) -> str:
    """Quantiles of a measure."""
    values = np.quantile([getattr(one, name) for one in found], [0.0, 0.05, 0.5, 0.95])
    return f"{name}: lowest {values[0]:.2f}, 5 % {values[1]:.2f}, median {values[2]:.2f}, 95 % {values[3]:.2f}"


def sheet(path: Path, rows: list[Films], masks: NDArray[np.bool_], which: NDArray[np.int_]) -> None:
    """Before and after, and before with the mask in red, one case a column."""
    shown = [np.concatenate(list(films[which]), 1) for films in rows]
    grey = [np.repeat((part[..., None] * 255).round().astype(np.uint8), 3, 2) for part in shown]
    marked = grey[0].copy()
    marked[np.concatenate(list(masks[which]), 1)] = (255, 0, 0)
    Image.fromarray(np.concatenate([*grey, marked])).save(path)


if __name__ == "__main__":
    main()

"""What attributes do in a generator's latent space: volumes drawn, measured, regressed on their codes.

The codes are z of 3D-ProGAN, w of 3D-StyleGAN. A ridge regression for each attribute, in coordinates in
which directions that the generator listens to (AᵀA of equation 11) count for more: there are more numbers in
a code than volumes that can be measured. How much more, and the penalty, are those that predict left-out
volumes best (generalised cross-validation, scikit-learn's RidgeCV).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bonestudio.checkpoints import Card, Metric, Part
from bonestudio.checkpoints.store import save
from bonestudio.errors import TrainingError
from bonestudio.instruments.volume.directions import listened
from bonestudio.instruments.volume.editor import VolumeEditor
from bonestudio.instruments.volume.measures import UNITS
from bonestudio.metrics.extractors import find_extractor
from bonestudio.networks.volume_atlas import VolumeAtlas
from bonestudio.training.runs import hardware
from bonestudio.training.volume_gan import Stacks, open_stacks

PENALTIES = tuple(float(10.0**k) for k in np.arange(-3, 6.5, 0.5))
POWERS = (0.0, 0.5, 1.0)  # of AᵀA
LEAST = 40
TRUNCATION = {"3D-ProGAN": 5.0, "3D-StyleGAN": 1.0}  # codes as they are trained


def learn_atlas(
    model: str | None,
    *,
    data: str,
    count: int,
    references: int,
    extractor: str,
    out: Path,
    told: Callable[[int], None] = lambda done: None,  # noqa: ARG005 - nobody listens
) -> Card:
    """Draw, measure and regress; write 'NAME-atlas' into ``out`` and return its card.

    A fifth of the volumes is left out of the fit; R² on it stands on the card. The directions are
    then fitted to all.
    """
    if count < LEAST:
        raise TrainingError(f"At least {LEAST} volumes are needed to fit directions, not {count}.")
    editor = VolumeEditor(model)
    codes, values = _measured(editor, count, told)
    if len(codes) < LEAST:
        raise TrainingError(
            f"Only {len(codes)} of {count} volumes hold a bone that can be measured; train "
            f"{editor.card.id} longer."
        )
    held = max(8, len(codes) // 5)
    ears = listened(editor.model)
    scores = _explained(_fit(codes[held:], values[held:], ears), codes[:held], values[:held])
    slopes, level, middle = _fit(codes, values, ears)
    features, named = _features(editor, data, references, extractor)
    config = {
        "attributes": len(UNITS),
        "codes": codes.shape[1],
        "references": len(features),
        "features": features.shape[1],
    }
    atlas = VolumeAtlas(**config)
    with torch.no_grad():
        for name, array in {
            "slopes": slopes,
            "middle": middle,
            "level": level,
            "scales": values.std(0),
            "references": features,
        }.items():
            getattr(atlas, name).copy_(torch.from_numpy(np.asarray(array)))
    card = _card(editor.card, config, named, scores, held=held, volumes=len(codes))
    return save(card, {"atlas": atlas}, out, precision="float32")


def _measured(
    editor: VolumeEditor, count: int, told: Callable[[int], None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return codes [n, codes] and attributes [n, attributes] of the volumes that hold a bone."""
    codes, values = [], []
    for seed in range(count):
        cut = TRUNCATION[editor.model.kind]
        code = editor.sample(seed=10_000_000 + seed, truncation=cut)
        found = editor.measure(editor.draw(code))
        if not found.why:
            codes.append(code.values[0, 0])
            values.append([found.values[name] for name in UNITS])
        told(seed + 1)
    return np.asarray(codes, np.float64), np.asarray(values, np.float64)


def _fit(
    codes: NDArray[np.float64], values: NDArray[np.float64], ears: torch.Tensor
) -> tuple[Any, Any, Any]:
    """Slopes [attributes, codes], level [attributes] at the mean code, and the mean code."""
    from sklearn.linear_model import RidgeCV

    middle = codes.mean(0)
    heard, axes = (part.double().numpy() for part in torch.linalg.eigh(ears))
    louder = [axes * (heard / heard.max()).clip(1e-6) ** power for power in POWERS]
    slopes, level = [], []
    for column in values.T:
        spread = max(float(column.std()), 1e-12)
        target = (column - column.mean()) / spread
        tried = [
            (RidgeCV(alphas=PENALTIES).fit((codes - middle) @ way, target), way) for way in louder
        ]
        ridge, way = max(tried, key=lambda one: one[0].best_score_)
        slopes.append(way @ ridge.coef_ * spread)
        level.append(column.mean() + ridge.intercept_ * spread)
    return np.asarray(slopes, np.float32), np.asarray(level, np.float32), middle.astype(np.float32)


def _explained(
    fit: tuple[Any, Any, Any], codes: NDArray[np.float64], values: NDArray[np.float64]
) -> dict[str, float]:
    """R² of each attribute on volumes that were left out."""
    slopes, level, middle = fit
    predicted = level + (codes - middle) @ slopes.T
    residual = ((values - predicted) ** 2).sum(0)
    total = ((values - values.mean(0)) ** 2).sum(0).clip(min=1e-12)
    return dict(zip(UNITS, (1 - residual / total).tolist(), strict=True))


def _features(
    editor: VolumeEditor, data: str, count: int, extractor: str
) -> tuple[NDArray[np.float32], dict[str, str]]:
    """Describe the stacks that generators learn from (phantoms), or those of a folder."""
    if not count:
        return np.zeros((0, 0), np.float32), {"extractor": "none", "extractor_hash": "none"}
    network, model = find_extractor(extractor), editor.model
    learned, _ = open_stacks(Stacks(source=data), shape=model.shape, window=model.window)
    low, high = model.window
    chosen = torch.cat([learned[i] for i in range(min(count, len(learned)))])
    stacks = (chosen + 1.0) / 2.0 * (high - low) + low
    described: NDArray[np.float32] = network.features(stacks, batch=8).float().numpy()
    return described, {"extractor": network.name, "extractor_hash": network.hash}


def _card(
    of: Card,
    config: dict[str, int],
    named: dict[str, str],
    scores: dict[str, float],
    *,
    held: int,
    volumes: int,
) -> Card:
    return Card(
        system="volume",
        name=f"{of.name}-atlas",
        summary=f"Directions of measured attributes in the codes of {of.name}",
        parts={"atlas": Part(architecture="volume_atlas:VolumeAtlas", config=config)},
        settings={
            "generator": of.id,
            "weights": sorted(of.files.values()),
            "attributes": list(UNITS),
            **named,
        },
        trained_on=f"{volumes} volumes drawn by {of.id} and measured; {of.trained_on}",
        family=of.family,
        recipe="volume learn",
        recipe_hash="",
        steps=0,
        seed=10_000_000,
        hardware=hardware(),
        date=datetime.now(UTC).date().isoformat(),
        metrics=tuple(
            Metric(name=f"R² of {name}", value=value, n=held, data="volumes left out of the fit")
            for name, value in scores.items()
        ),
        licence=of.licence,
        citation=of.citation,
        intended_use=f"Edits of volumes drawn by {of.id}, and their realism score.",
        limits="Of use with that generator alone; what an edit does is measured each time.",
    )

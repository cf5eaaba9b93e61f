"""Phantom phalanges beside real ones: sheets, the audit, and a classifier that tells them apart.

    python benchmarks/phantom_realism.py --hands ../shared/data/rsna-hands-1050 [--count 200]

Real films are the RSNA hands, cropped by the cohort; those whose phalanx has less than 30 of 256
grey levels are left out (what is compared there is the JPEG). Each phantom has the age and sex of
its real partner. Sheets are for looking at, on this machine only: they show licensed images.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bonestudio.cohorts.rsna import RsnaBoneAge
from bonestudio.cohorts.rsna_phalanges import RsnaPhalanges
from bonestudio.phantoms import VirtualPatient, render_phalanges
from bonestudio.phantoms.audit import audit, features, windowed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hands", type=Path, default=Path("../shared/data/rsna-hands-1050"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("artefacts/phantom_realism"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    reals, ages, sexes = real_phalanges(options.hands, options.count)
    patients = [VirtualPatient(20000 + i, sex) for i, sex in enumerate(sexes)]
    results = {}
    for style in ("synthetic", "natural"):
        films = render_phalanges(patients, ages, style=style).pixels.numpy()
        phantoms = np.stack([windowed(film) for film in films])
        sheet(reals, phantoms, options.out / f"{style}.png")
        found = audit(list(phantoms), list(reals))
        results[style] = phantoms
        print(f"\n{style}: {found.count[0]} phantoms against {found.count[1]} real films")
        print(f"  grey levels, earth mover's distance     {found.histogram:.4f}")
        print(f"  power spectrum, rms decades             {found.spectrum:.3f}")
        print(
            f"  spectral slope (phantoms, reals)        {found.slope[0]:.2f}, {found.slope[1]:.2f}"
        )
        print(f"  gradient, earth mover's distance        {found.gradient:.5f}")
        print(
            f"  mean gradient (phantoms, reals)         {found.gradient_mean[0]:.4f}, {found.gradient_mean[1]:.4f}"
        )
        print(
            f"  cortical index (phantoms, reals)        {found.cortical_index[0]:.2f}, {found.cortical_index[1]:.2f}"
        )
        print(f"  AUC, logistic regression on 60 features {feature_auc(phantoms, reals):.3f}")
    auc = network_auc(results["natural"], reals, options.epochs)
    print(f"  AUC, small network on 128 × 128 pixels  {auc:.3f}")
    auc = network_auc(shrunk(results["natural"]), shrunk(reals), options.epochs)
    print(f"  AUC, small network on 32 × 32 pixels    {auc:.3f}")


def real_phalanges(folder: Path, count: int) -> tuple[np.ndarray, list[float], list[str]]:
    """Crop ``count`` real index phalanges: pixels [n, 128, 128], ages and sexes."""
    cohort = RsnaPhalanges(RsnaBoneAge(folder), min_contrast=0.12)
    order = np.random.default_rng(0).permutation(len(cohort.entries))[:count]
    samples = [cohort.load(int(i)) for i in order]
    pixels = np.stack([windowed(s.image) for s in samples])
    return pixels, [min(float(s.age), 19.0) for s in samples], [s.sex for s in samples]


def sheet(reals: np.ndarray, phantoms: np.ndarray, path: Path) -> None:
    """Lay out rows of 8 real films, each over its phantom partners, at one and a half times."""
    rows = []
    for i in range(0, min(len(reals), 32), 8):
        rows += [np.concatenate(list(s[i : i + 8]), axis=1) for s in (reals, phantoms)]
    width = max(row.shape[1] for row in rows)
    rows = [np.pad(row, ((0, 0), (0, width - row.shape[1]))) for row in rows]
    picture = Image.fromarray((np.concatenate(rows) * 255).astype(np.uint8))
    picture.resize(
        (picture.width * 3 // 2, picture.height * 3 // 2), Image.Resampling.BICUBIC
    ).save(path)
    print(f"sheet (odd rows real, even rows phantoms): {path}")


def feature_auc(phantoms: np.ndarray, reals: np.ndarray) -> float:
    """Five-fold cross-validated AUC of a linear classifier on the audit's features."""
    data = np.array([features(image) for image in (*phantoms, *reals)])
    labels = np.repeat([0, 1], [len(phantoms), len(reals)])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
    scores = cross_val_predict(model, data, labels, cv=5, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels, scores))


def network_auc(phantoms: np.ndarray, reals: np.ndarray, epochs: int) -> float:
    """Train a network of four convolutions on two thirds, read its AUC on the others."""
    images = torch.from_numpy(np.concatenate([phantoms, reals])).float()[:, None]
    labels = torch.cat([torch.zeros(len(phantoms)), torch.ones(len(reals))])
    order = torch.randperm(len(images))
    train, test = order[len(order) // 3 :], order[: len(order) // 3]
    layers: list[torch.nn.Module] = []
    for inputs, outputs in ((1, 12), (12, 24), (24, 32), (32, 32)):
        layers += [
            torch.nn.Conv2d(inputs, outputs, 3, 2, 1),
            torch.nn.BatchNorm2d(outputs),
            torch.nn.ReLU(),
        ]
    network = torch.nn.Sequential(
        *layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(32, 1)
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(epochs):
        for batch in train[torch.randperm(len(train))].split(16):
            x = images[batch].flip(-1) if torch.rand(()) < 0.5 else images[batch]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                network(x)[:, 0], labels[batch]
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    network.eval()
    with torch.no_grad():
        return float(roc_auc_score(labels[test], network(images[test])[:, 0]))


def shrunk(images: np.ndarray) -> np.ndarray:
    """Average 4 × 4 pixels: grain and compression go, anatomy stays."""
    return images.reshape(len(images), 32, 4, 32, 4).mean(axis=(2, 4))


if __name__ == "__main__":
    main()

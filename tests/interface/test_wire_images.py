"""Folders of images whose names and metadata must not reach a reader, and a judge of the wire."""

import numpy as np
from PIL import Image, PngImagePlugin

SECRETS = ("mustermann", "stylegan-v7", "hospital-scanner", "real_0", "fake_0", "case-4711-k")


def write_folders(folder, count):
    """Real images as metadata-laden TIFF-like PNG, synthetic ones as other sizes and depths."""
    real, synthetic = folder / "real-mustermann", folder / "synthetic-stylegan-v7"
    real.mkdir()
    synthetic.mkdir()
    chance = np.random.default_rng(0)
    for i in range(count):
        info = PngImagePlugin.PngInfo()
        info.add_text("Patient", f"mustermann case-4711-k {i}")
        info.add_text("Device", "hospital-scanner")
        noise = chance.integers(0, 60000, (96, 96)).astype(np.uint16)
        Image.fromarray(noise).save(real / f"real_{i:03}.png", pnginfo=info)
        smooth = np.add.outer(np.arange(64), np.arange(64) * (1 + i % 3)).astype(np.uint8)
        Image.fromarray(smooth).save(synthetic / f"fake_{i:03}.jpg", comment="stylegan-v7")
    return real, synthetic


def tell_apart(features, classes):
    """Cross-validated AUC of a classifier on transport features."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    model = RandomForestClassifier(200, min_samples_leaf=3, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(
        model, np.array(features), np.array(classes), cv=folds, method="predict_proba"
    )
    return roc_auc_score(classes, scores[:, 1])


def test_the_judge_sees_a_leak_of_length():
    chance = np.random.default_rng(1)
    classes = np.arange(80) % 2 == 0
    leaking = np.stack([1000 + 5 * classes + chance.integers(0, 3, 80), chance.random(80)], 1)
    assert tell_apart(leaking, classes) > 0.9

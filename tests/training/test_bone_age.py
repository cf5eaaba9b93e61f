"""The independent reader of bone age, and what is familiar to it."""

import json

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from training_pair import films as write_films

from bonestudio.checkpoints.store import load
from bonestudio.networks.extractor import BoneExtractor
from bonestudio.networks.familiar import Familiarity
from bonestudio.training import train
from bonestudio.training.experiments.bone_age import blurred
from bonestudio.training.terminal import Silence


def drawn(count: int, *, seed: int = 0) -> Tensor:
    """Features that go together: two causes behind six numbers, of very different sizes."""
    random = torch.Generator().manual_seed(seed)
    causes = torch.randn(count, 2, generator=random)
    mixed = causes @ torch.tensor([[1.0, 2, 3, 0, 0, 1], [0, 0, 1, 5, 2, 1]])
    sizes = torch.tensor([1.0, 100, 1, 0.01, 1, 1])
    return (mixed + 0.1 * torch.randn(count, 6, generator=random)) * sizes + 7


def test_films_are_blurred_each_by_its_own_deviation():
    random = np.random.default_rng(0)
    films = random.random((3, 20, 24)).astype(np.float32)
    sigma = [0.0, 0.6, 1.2]
    ours = blurred(torch.from_numpy(films)[:, None], torch.tensor(sigma))[:, 0].numpy()
    wanted = [
        gaussian_filter(f, s, mode="nearest", radius=3) for f, s in zip(films, sigma, strict=True)
    ]
    np.testing.assert_allclose(ours, wanted, atol=1e-5)


def test_what_was_learned_lies_near_and_the_rest_far():
    familiar = Familiarity(kinds=2, features=6)
    familiar.learn(drawn(2000), 1)
    new = drawn(500, seed=1)
    near = familiar(new, 1)
    assert 0.7 < near.square().mean().sqrt() < 1.1  # shrinkage makes small spreads larger
    # Each number alone is usual here; only their going together is broken.
    torch.manual_seed(0)
    shuffled = torch.stack([column[torch.randperm(500)] for column in new.T], 1)
    assert familiar(shuffled, 1).median() > 2 * near.quantile(0.98)
    assert familiar(new, 0).median() > 20  # nothing was learned of this kind


def test_every_depth_is_described():
    network = BoneExtractor(kinds=["a"], width=4).eval()
    images = torch.randn(3, 1, 64, 64)
    depths = network.depths(images)
    assert depths.shape == (3, 4 * (1 + 1 + 2 + 4 + 8))
    assert torch.allclose(depths[:, -32:], network.features(images))


def test_a_reader_is_handed_on_with_what_it_knows(tmp_path, monkeypatch):
    small = ["options.size=32", "options.width=4", "training.batch=8", "training.steps=3"]
    outcome = train(
        "extractors/phalange-rsna",
        data=str(write_films(tmp_path / "films")),
        overrides=[*small, "run.evaluate_every=0", "training.precision=32-true"],
        out=tmp_path / "runs",
        view=Silence(),
    )
    weights = outcome.folder / "checkpoints"
    card = json.loads((weights / "extractors/phalange-rsna.json").read_text())
    shares = card["settings"]["distances"]["phalange"]
    assert list(shares) == ["0.5", "0.98", "0.99", "1"]
    assert list(shares.values()) == sorted(shares.values())
    monkeypatch.setenv("BONESTUDIO_CHECKPOINTS", str(weights))
    found = load("extractors/phalange-rsna")
    images = torch.randn(2, 1, 32, 32)
    assert found["familiar"](found["extractor"].depths(images), 0).shape == (2,)

"""Tiny data sets, written by the tests that read them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HANDS = Path(__file__).resolve().parents[2] / "../shared/data/rsna-hands-1050"


@pytest.fixture
def real_hands():
    if not HANDS.is_dir():
        pytest.skip("the real hands (../shared/data/rsna-hands-1050) are not on this machine")
    return HANDS


@pytest.fixture
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("BONESTUDIO_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def film():
    """Write a film of random grey levels."""

    def write(path, *, shape=(20, 16), seed=0):
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
        Image.fromarray(levels).save(path)
        return levels

    return write

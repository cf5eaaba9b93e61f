"""How real a drawn stack looks: its features beside those of real stacks (Kynkäänniemi 2019)."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from bonestudio.checkpoints import Card
from bonestudio.errors import CheckpointError
from bonestudio.imaging.types import Volume

if TYPE_CHECKING:
    from bonestudio.metrics.extractors import Extractor


def realism(card: Card, volume: Volume, *, stack: int) -> float | None:
    """Mean realism of a volume's stacks, or None where no real features were kept for these weights."""
    from bonestudio.instruments.volume.model import atlas_of
    from bonestudio.instruments.volume.scan import stack_starts
    from bonestudio.metrics.manifolds import realism as score

    atlas = atlas_of(card)
    if atlas is None or not len(atlas[1].references):
        return None
    try:
        extractor = _extractor(atlas[0].settings["extractor"])
    except CheckpointError:
        return None
    if extractor.hash != atlas[0].settings["extractor_hash"]:
        return None  # features of other weights cannot be compared
    starts = stack_starts(len(volume.voxels), stack)
    stacks = [np.ascontiguousarray(volume.voxels[s : s + stack]) for s in starts]
    return float(score(atlas[1].references, extractor.features(stacks, batch=4)).mean())


@lru_cache(maxsize=2)
def _extractor(name: str) -> "Extractor":
    from bonestudio.metrics.extractors import find_extractor

    return find_extractor(name)

"""Training: recipes in, runs and checkpoints out. One loop for all papers.

>>> from bonestudio.training import train
>>> train("fracture/dcgan-hands-fast", data="hands", overrides=["training.steps=100"])
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bonestudio.training.start import train

__all__ = ["train"]


def __getattr__(name: str) -> object:
    """Load torch only when something is trained."""
    if name == "train":
        from bonestudio.training.start import train

        return train
    raise AttributeError(name)

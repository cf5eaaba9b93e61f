"""The networks whose features FID and its kind compare.

Shipped ones were trained on bones; torchvision's Inception-v3 serves where ``BONESTUDIO_INCEPTION``
names a file of its weights. Scores of different extractors are not comparable, nor are those of
different weights, so each score is printed with the extractor's name *and* hash.
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from bonestudio.checkpoints import Card, cards, find_card
from bonestudio.errors import CheckpointError, RequestError

INCEPTION = "inception-v3"
SYSTEM = "extractors"
Images = Tensor | NDArray[Any] | Sequence[NDArray[Any]]


class Extractor(ABC):
    """Describes images by the features of one network.

    Attributes
    ----------
    name, hash
        What to print beside a score; the hash is the start of the weights' SHA-256.
    dims
        2 for films, 3 for scans.
    """

    dims = 2

    def __init__(self, name: str, digest: str, network: nn.Module) -> None:
        self.name, self.hash, self.network = name, digest[:12], network.eval()

    def __str__(self) -> str:
        return f"{self.name} ({self.hash})"

    @abstractmethod
    def prepare(self, images: Images) -> Tensor:
        """Resize and normalise images as the network was trained."""

    @abstractmethod
    def describe(self, prepared: Tensor) -> Tensor:
        """Return the features [n, d] of prepared images."""

    @torch.no_grad()
    def features(self, images: Images, *, batch: int = 64) -> Tensor:
        """Describe images: features [n, d].

        ``images``: films [height, width] (of any sizes, in a list) or [n, 1, height, width] in
        [0, 1], bone bright; for ``dims`` 3 scans [slices, height, width] in mg HA/cm³.
        """
        parts = [self.describe(self.prepare(some)) for some in _in_batches(images, batch)]
        if not parts:
            raise RequestError("There are no images to describe.")
        return torch.cat(parts)


class BoneFeatures(Extractor):
    """A shipped extractor: a :class:`bonestudio.networks.extractor.BoneExtractor`."""

    def __init__(self, card: Card) -> None:
        from bonestudio.checkpoints.store import load

        self.card = card
        self.dims = int(card.parts["extractor"].config.get("dims", 2))
        weights = hashlib.sha256("".join(sorted(card.files.values())).encode()).hexdigest()
        super().__init__(card.name, weights, load(card.id)["extractor"])

    @property
    def kinds(self) -> tuple[str, ...]:
        """Bones that the network was trained on."""
        config = self.card.parts["extractor"].config
        return tuple(config.get("kinds", ("radius",) if self.dims == 3 else ()))

    def prepare(self, images: Images) -> Tensor:
        """Return what the network sees, in [-1, 1]."""
        settings = self.card.settings
        if self.dims == 3:
            levels = [scan_levels(scan, **settings["scan"]) for scan in _arrays(images)]
        else:
            levels = [film_levels(film, settings["size"]) for film in _arrays(images)]
        return torch.from_numpy(np.stack(levels)).unsqueeze(1).float() / 127.5 - 1.0

    def describe(self, prepared: Tensor) -> Tensor:
        """Return means over the last maps [n, d]."""
        return self.network.features(prepared)  # type: ignore[no-any-return, operator]

    @torch.no_grad()
    def read(self, images: Images, *, batch: int = 64) -> dict[str, Tensor]:
        """Read images: kind [n, kinds], age (years), male, abnormal, grade [n]: what it was taught."""
        told = [self.network(self.prepare(some)) for some in _in_batches(images, batch)]
        return {name: torch.cat([answer[name] for answer in told]) for name in told[0]}


class InceptionFeatures(Extractor):
    """Inception-v3's last pooled maps (2048) of photographs' network, films shown as gray RGB.

    The published FID uses the weights of a TensorFlow port: even with this network a score is not
    the paper's unless its weights are.
    """

    def __init__(self, path: Path) -> None:
        from bonestudio.vision import torchvision

        network: Any = torchvision.models.inception_v3(
            weights=None, init_weights=False, transform_input=False
        )
        network.load_state_dict(_read_weights(path, network))
        network.fc = nn.Identity()
        super().__init__(INCEPTION, hashlib.sha256(path.read_bytes()).hexdigest(), network)

    def prepare(self, images: Images) -> Tensor:
        """Films padded to a square, 299 × 299, three equal channels in [-1, 1]."""
        levels = [film_levels(film, 299) for film in _arrays(images)]
        gray = torch.from_numpy(np.stack(levels)).unsqueeze(1).float() / 127.5 - 1.0
        return gray.expand(-1, 3, -1, -1)

    def describe(self, prepared: Tensor) -> Tensor:
        """Return the pooled maps [n, 2048]."""
        return self.network(prepared)  # type: ignore[no-any-return]


def find_extractor(name: str) -> Extractor:
    """Load an extractor: 'bone2d-phantom', 'bone2d-rsna', 'bone3d-phantom' or 'inception-v3'."""
    if name == INCEPTION:
        file = os.environ.get("BONESTUDIO_INCEPTION")
        if not file:
            raise CheckpointError(
                "Inception-v3 is not shipped; let BONESTUDIO_INCEPTION name a file of "
                "torchvision's weights, or choose " + " or ".join(extractor_names()) + "."
            )
        return InceptionFeatures(Path(file))
    if name not in extractor_names():
        known = ", ".join([*extractor_names(), INCEPTION])
        raise CheckpointError(f"There is no extractor '{name}'; known are {known}.")
    return BoneFeatures(find_card(f"{SYSTEM}/{name}")[0])


def extractor_names() -> list[str]:
    """Return the names of the extractors that are here, Inception-v3 among them where its file is given."""
    names = [card.name for card in cards(SYSTEM) if "extractor" in card.parts]
    return names + ([INCEPTION] if os.environ.get("BONESTUDIO_INCEPTION") else [])


def film_levels(film: NDArray[Any], size: int) -> NDArray[np.uint8]:
    """Pad [height, width] in [0, 1] to a square with black and make it [size, size] in 0 … 255."""
    height, width = film.shape
    side = max(height, width)
    canvas = Image.new("F", (side, side))
    gray = Image.fromarray(np.asarray(film, np.float32))
    canvas.paste(gray, ((side - width) // 2, (side - height) // 2))
    small = np.asarray(canvas.resize((size, size), Image.Resampling.LANCZOS))
    levels: NDArray[np.uint8] = np.clip(np.rint(small * 255), 0, 255).astype(np.uint8)
    return levels


def scan_levels(
    scan: NDArray[Any], *, shape: tuple[int, int, int], window: tuple[float, float]
) -> NDArray[np.uint8]:
    """Resize [slices, height, width] to ``shape``; ``window`` (mg HA/cm³) becomes 0 … 255."""
    voxels = torch.from_numpy(np.ascontiguousarray(scan, np.float32))[None, None]
    if tuple(scan.shape) != tuple(shape):
        # Areas are averaged where a scan shrinks, so that its noise shrinks as in a coarser scan.
        voxels = F.adaptive_avg_pool3d(voxels, (shape[0], shape[1], shape[2]))
    low, high = window
    unit = ((voxels[0, 0] - low) / (high - low)).clamp(0, 1)
    return (unit * 255).round().to(torch.uint8).numpy()


def _in_batches(images: Images, size: int) -> Iterable[Images]:
    return (images[first : first + size] for first in range(0, len(images), size))


def _arrays(images: Images) -> list[NDArray[Any]]:
    """Single images without their channel."""
    if isinstance(images, Tensor):
        images = images.detach().cpu().float().numpy()
    if isinstance(images, np.ndarray) and images.ndim in {4, 5} and images.shape[1] == 1:
        images = images[:, 0]
    return [np.asarray(image) for image in images]


def _read_weights(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """Read a state dict as safetensors or as weights alone; code in the file is never run."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            weights: Any = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"The file {path.name} that BONESTUDIO_INCEPTION names cannot be read as weights."
        ) from error
    wanted = network.state_dict()
    if not isinstance(weights, dict) or {k: v.shape for k, v in wanted.items()} != {
        k: getattr(v, "shape", None) for k, v in weights.items()
    }:
        raise CheckpointError(
            f"The file {path.name} does not hold the weights of torchvision's Inception-v3."
        )
    return weights

"""Weights that others have trained, from a file of the user's own: nothing is ever downloaded."""

import re
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bonestudio.errors import CheckpointError

# torchvision's file names layers 'denselayer1.norm.1', the network 'denselayer1.norm1'.
_OLD = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")


def fill_densenet(network: nn.Module, file: str) -> None:
    """Fill torchvision's DenseNet-169 with torchvision's ImageNet weights, but for the last layer."""
    weights = {
        _OLD.sub(r"\1\2.", key): value
        for key, value in read_tensors(Path(file)).items()
        if not key.startswith("classifier.")
    }
    inside = {
        key: value
        for key, value in network.state_dict().items()
        if not key.startswith("classifier.") and not key.endswith("num_batches_tracked")
    }
    if {k: v.shape for k, v in inside.items()} != {
        k: v.shape for k, v in weights.items() if not k.endswith("num_batches_tracked")
    }:
        raise CheckpointError(
            f"The file {Path(file).name} does not hold the weights of torchvision's DenseNet-169 "
            "of growth 32."
        )
    network.load_state_dict(weights, strict=False)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a state dict as safetensors or as weights alone; code in the file is never run."""
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"The file {path.name} cannot be read as weights.") from error
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise CheckpointError(f"The file {path.name} does not hold weights by name.")
    return found

"""The machine that trains: devices, precision and processes, through Lightning Fabric."""

import logging
import os
import warnings
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from bonestudio.errors import RecipeError, TrainingError
from bonestudio.training.experiment import Parts
from bonestudio.training.parallel import join_batch_norms
from bonestudio.training.recipes import Training


def _fabric() -> Any:
    """Return Fabric from its own package, or from the big one that carries the same code."""
    try:
        from lightning_fabric import Fabric
    except ImportError:
        try:
            Fabric = import_module("lightning.fabric").Fabric
        except ImportError as error:
            raise TrainingError(
                "Training needs Lightning Fabric: pip install 'bonestudio[train]'."
            ) from error
    return Fabric


def open_machine(training: Training) -> Any:
    """Start Fabric: one process, or the ones that torchrun has started, on one machine or several."""
    together = int(os.environ.get("WORLD_SIZE", "1"))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", str(together)))
    torch.backends.cudnn.deterministic = training.deterministic
    torch.backends.cudnn.benchmark = not training.deterministic
    torch.set_float32_matmul_precision("highest" if training.deterministic else "high")
    for name in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # it announces what the recipe says
    with warnings.catch_warnings():
        # Fabric remarks on the number of workers and on precision plugins; the recipe decides.
        warnings.simplefilter("ignore")
        fabric = _fabric()(
            accelerator="auto",
            devices=here,
            num_nodes=together // here,
            strategy="ddp" if together > 1 else "auto",
            precision=training.precision,
        )
        fabric.launch()
    return fabric


def place_parts(parts: Parts, training: Training, fabric: Any) -> None:
    """Move networks to the device and prepare them as the recipe says, in place."""
    _check_compile(parts, training)
    _check_half(parts, training, fabric)
    for name, network in parts.networks.items():
        if fabric.world_size > 1:
            join_batch_norms(network)
        network.to(fabric.device)
        if channels_last(training, fabric):
            to_channels_last(network)
        if name in training.compile:
            network.compile()
    for optimiser in parts.optimisers.values():
        use_kernel(optimiser, training.kernel)
        for group in optimiser.param_groups:
            group.setdefault("initial_lr", group["lr"])


def channels_last(training: Training, fabric: Any) -> bool:
    """Whether images lie channel by channel in memory: what a GPU's convolutions like best."""
    if training.channels_last is None:
        return bool(fabric.device.type == "cuda")
    return training.channels_last


def to_channels_last(network: nn.Module) -> None:
    """Lay convolution weights out as the fast kernels like them; the numbers stay."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim in {4, 5}:
                layout = torch.channels_last if parameter.ndim == 4 else torch.channels_last_3d
                parameter.data = parameter.data.contiguous(memory_format=layout)


def use_kernel(optimiser: Optimizer, kernel: str) -> None:
    """Update all parameters in one fused kernel, list by list, or one by one: the same numbers."""
    for group in optimiser.param_groups:
        if "fused" in group:
            group["fused"] = kernel == "fused"
        if "foreach" in group:
            group["foreach"] = kernel == "foreach" or ("fused" not in group and kernel == "fused")


def finite(networks: Iterable[nn.Module]) -> bool:
    """Whether every weight and buffer is a number."""
    sums = [
        value.float().abs().sum()
        for network in networks
        for value in network.state_dict().values()
        if value.is_floating_point()
    ]
    return not sums or bool(torch.isfinite(torch.stack(sums)).all())


def _check_compile(parts: Parts, training: Training) -> None:
    for name in training.compile:
        if name not in parts.networks:
            known = ", ".join(parts.networks)
            raise RecipeError(f"There is no network '{name}' to compile; known are: {known}.")
        if name in parts.never_compiled:
            raise RecipeError(
                f"The network '{name}' cannot be compiled: its gradient penalty differentiates "
                "twice, which a compiled network does wrongly."
            )


def _check_half(parts: Parts, training: Training, fabric: Any) -> None:
    """Refuse what torch's CPU kernels compute wrongly: 3D convolutions in bf16.

    With two slices the weights' gradient is whatever lay in memory (torch 2.13, oneDNN, AVX-512).
    """
    if training.precision == "32-true" or fabric.device.type != "cpu":
        return
    for name, network in parts.networks.items():
        if any(isinstance(module, nn.Conv3d) for module in network.modules()):
            raise RecipeError(
                f"The network '{name}' has 3D convolutions, whose gradients a CPU gets wrong in "
                f"{training.precision}; say --set training.precision=32-true."
            )

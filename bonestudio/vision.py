"""torchvision that always imports: the one door to torchvision, timm and what needs them.

Beside a CPU build of torch, the registry's torchvision can be a CUDA build whose C++ operators
don't load, and ``import torchvision`` dies with 'operator torchvision::nms does not exist'. Its
Python code only needs those two operators to be *declared*: they are declared here (they serve
object detection, which nothing in this studio does), and the import is tried once more. On a
healthy install nothing is changed.

>>> from bonestudio.vision import timm, torchvision
"""

import importlib
import sys
from types import ModuleType

_UNDECLARED = {
    "torchvision::nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "torchvision::qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _import_torchvision() -> ModuleType:
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    import torch

    for name, schema in _UNDECLARED.items():
        torch.library.define(name, schema)
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    return importlib.import_module("torchvision")


torchvision = _import_torchvision()


def __getattr__(name: str) -> ModuleType:
    """Give the libraries that import torchvision themselves, once that is whole."""
    if name in {"monai", "timm", "torchmetrics"}:
        return importlib.import_module(name)
    raise AttributeError(name)

"""What Gradio is kept from: calling home, and writing beside itself. Imported before Gradio is."""

import importlib.abc
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_SHARE": "False",
    "GRADIO_RUN_HISTORY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
}

os.environ.update(_SILENT)

# Gradio asks its own server whether it is up; a hospital's proxy must not stand between the two.
_DIRECT = "127.0.0.1,localhost,::1"
for _name in ("NO_PROXY", "no_proxy"):
    os.environ[_name] = ",".join(filter(None, (os.environ.get(_name), _DIRECT)))


class _NoStubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import gradio.component_meta without its making of type stubs.

    At every start Gradio reads and parses its own sources to write .pyi files beside them: 1.1 s of the
    2.7 s that importing it takes, and a write into what is installed.
    """

    def __init__(self) -> None:
        self._own: Any = None

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - as Python calls it
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname != "gradio.component_meta":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None:
            self._own, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._own.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._own.exec_module(module)
        setattr(module, "create_or_modify_pyi", _write_no_stub)  # noqa: B010 - a name of Gradio's


def _write_no_stub(component: type, name: str, events: list[Any]) -> None:
    """Leave what is installed as it is."""


if "gradio" not in sys.modules:
    sys.meta_path.insert(0, _NoStubs())

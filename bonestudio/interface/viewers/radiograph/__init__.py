"""The radiograph viewer: films go out with 16 bits, everything else happens in the browser."""

from bonestudio.interface.viewers.radiograph.component import radiograph_viewer
from bonestudio.interface.viewers.radiograph.sheet import Overlay, Sheet, Shown

__all__ = ["Overlay", "Sheet", "Shown", "radiograph_viewer"]

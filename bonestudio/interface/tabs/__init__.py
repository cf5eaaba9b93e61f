"""The tabs and their order. To add one: a file in this folder with a ``TAB``, and its name below.

A tab appears when its instrument works (its weights are there, its viewer is installed).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One page of the studio.

    Attributes
    ----------
    name
        Short, for addresses and tests: 'lightbox'.
    fill
        Lays out the tab inside the Blocks that are being built.
    works
        Whether the tab can do its work here; it must be cheap, it is asked at every start.
    """

    name: str
    title: str
    fill: Callable[[], None]
    works: Callable[[], bool] = lambda: True


ORDER = ("age", "fracture", "segmentation", "volume", "density", "turing", "lightbox")


def working_tabs() -> Iterator[Tab]:
    """Tabs in their order, without those whose instrument cannot work here."""
    for name in ORDER:
        tab: Tab = import_module(f"{__name__}.{name}").TAB
        if tab.works():
            yield tab

"""What became of attributes that an edit was to leave alone: a fit asks for it, only measuring tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bonestudio.instruments.volume.measures import UNITS, Measured, signed

SHARE: Final = 0.25
"""Of an attribute's standard deviation over random volumes: what moved by less is called kept."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One attribute after an edit.

    Attributes
    ----------
    change
        As measured, in its unit; None where it could not be measured.
    limit
        The change from which it is not called kept.
    """

    name: str
    change: float | None
    limit: float

    @property
    def held(self) -> bool:
        """Whether it stayed."""
        return self.change is not None and abs(self.change) < self.limit

    @property
    def words(self) -> str:
        """Say it: 'Tt.Ar not kept, −41.0 mm²'."""
        if self.change is None:
            return f"{self.name} not measured"
        moved = f"{signed(self.change, self.name)} {UNITS[self.name]}"
        return f"{self.name} {'kept' if self.held else 'not kept'}, {moved}"

    def told(self) -> dict[str, Any]:
        """Return plain data."""
        change = None if self.change is None else round(self.change, 4)
        limit = round(self.limit, 4)
        return {"kept": self.held, "change": change, "limit": limit, "unit": UNITS[self.name]}


def kept(
    before: Measured, after: Measured, names: Sequence[str], spreads: Mapping[str, float]
) -> list[Kept]:
    """Compare attributes before and after an edit; ``spreads``: standard deviations, in their units."""
    told = []
    for name in dict.fromkeys(names):
        both = name in before.values and name in after.values
        change = after.values[name] - before.values[name] if both else None
        told.append(Kept(name=name, change=change, limit=SHARE * spreads.get(name, 0.0)))
    return told

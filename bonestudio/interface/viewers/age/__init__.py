"""The age slider: all ages of a bone travel once, everything after that happens in the browser."""

from bonestudio.interface.viewers.age.component import age_deck, age_findings, packed

__all__ = ["age_deck", "age_findings", "packed"]

"""A map of mineral over a hip film: colour bar, layers and read-out in the browser; scores as drawings."""

from bonestudio.interface.viewers.density.component import density_deck, packed
from bonestudio.interface.viewers.density.findings import more_html, scores_html, table_html

__all__ = ["density_deck", "more_html", "packed", "scores_html", "table_html"]

"""Scores of densitometry as the page shows them; the page knows instruments, not measures."""

from bonestudio.measures.density import EXPECTED, LOW, POROTIC, Score, Site

__all__ = ["EXPECTED", "LOW", "POROTIC", "Score", "Site"]

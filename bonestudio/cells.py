"""Cells of a table that is opened in a spreadsheet."""


def harmless(value: object) -> object:
    """Keep a spreadsheet from running a person's words (a file name, a reader's) as a formula."""
    told = value.lstrip()[:1] if isinstance(value, str) else ""
    return f"'{value}" if told and told in "=+-@" else value

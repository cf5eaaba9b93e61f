"""The reader's side of a study: one page, four addresses, nothing else on the wire."""

from bonestudio.interface.reader.routes import reader_app

__all__ = ["reader_app"]

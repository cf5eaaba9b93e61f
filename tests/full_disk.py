"""A disk that is full: for as long as it lasts, no file may grow beyond a few thousand bytes."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

LIMIT = 3000  # bytes


@contextmanager
def full_disk(limit: int = LIMIT) -> Iterator[None]:
    """Let the system refuse every write beyond ``limit``, in libraries and child processes too."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))

"""How the page's events are sent: without a spinner, not as endpoints, networks one at a time."""

from typing import Any, Final

QUIET: Final[dict[str, Any]] = {"api_visibility": "private", "show_progress": "hidden"}
# One network at a time, whoever asks: two cores draw one image fastest.
NETWORKS: Final[dict[str, Any]] = {"concurrency_id": "networks", "concurrency_limit": 1}
# A long job has a queue of its own, so that nobody's film waits for it.
JOBS: Final[dict[str, Any]] = {"concurrency_id": "sets", "concurrency_limit": 1}
HOUR: Final = 3600  # seconds that a visitor's state is kept

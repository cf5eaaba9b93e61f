"""``bonestudio serve``: the studio in the browser."""

from pathlib import Path


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    accounts: Path | None = None,
    window: bool = False,
) -> None:
    """Open the studio.

    Parameters
    ----------
    host
        Address to listen on. Other addresses than this computer's own need accounts.
    port
        Port to listen on.
    accounts
        File of accounts, one 'name:password' a line.
    window
        Open the studio in a window of its own instead of the browser (needs bonestudio[window]).
    """
    from bonestudio.interface import launch

    launch(host=host, port=port, accounts=accounts, window=window)


COMMAND = serve

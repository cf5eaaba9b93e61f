"""Serve the app: on this computer alone unless accounts are given, and without calling home."""

import signal
import socket
import sys
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from ipaddress import ip_address
from pathlib import Path
from threading import Timer
from types import FrameType

import bonestudio.interface.silence  # noqa: F401 — before Gradio is imported
from bonestudio.errors import RequestError
from bonestudio.interface.accounts import read_accounts

_PAGE = 1.0  # seconds in which a browser that waits for the studio has fetched the page


def launch(
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    accounts: Path | None = None,
    window: bool = False,
    block: bool = True,
) -> str:
    """Open the studio and return its address.

    Parameters
    ----------
    host
        Address to listen on; another than this computer's own needs ``accounts``.
    accounts
        File with one 'name:password' a line.
    window
        Show the studio in a window of its own (needs bonestudio[window]).
    block
        Stay until the studio is closed (Ctrl+C); tests and notebooks say False.
    """
    check = read_accounts(accounts) if accounts else None
    if check is None and not _is_local(host):
        raise RequestError(
            f"{host} can be reached from other computers, so accounts are needed: "
            "give a file of 'name:password' lines with --accounts, or stay on 127.0.0.1."
        )
    _check_port(host, port)
    if window:
        _check_window()

    from starlette.routing import Mount

    from bonestudio.interface import assets
    from bonestudio.interface.guard import app_options
    from bonestudio.interface.museum import museum_app
    from bonestudio.interface.reader import reader_app
    from bonestudio.interface.session import UPLOAD_LIMIT
    from bonestudio.interface.studio import build
    from bonestudio.interface.tabs.turing import study_store
    from bonestudio.interface.theme import ReadingRoom

    studio = build()
    studio.queue(max_size=64, default_concurrency_limit=2)
    with redirect_stdout(StringIO()):  # one line is enough
        _, address, _ = studio.launch(
            server_name=host,
            server_port=port,
            auth=check,
            theme=ReadingRoom(),
            head=assets.page_head(),
            favicon_path=assets.ICON,
            footer_links=[],
            max_file_size=UPLOAD_LIMIT,
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            share=False,
            pwa=True,
            mcp_server=check is None,  # its way in knows no login
            app_kwargs={
                **app_options(host, accounts=check is not None),
                # Here, not after the launch: a reader's browser that tries again while the studio
                # starts would be told that its reading does not exist.
                "routes": [
                    Mount("/read", reader_app(study_store)),
                    Mount("/museum", museum_app()),
                ],
            },
            show_error=False,
            quiet=True,
            inbrowser=False,
            prevent_thread_lock=True,
        )
    # Once the browser has the page; no daemon, which could be torn down within an import.
    Timer(_PAGE, _load_what_pictures_need).start()
    print(f"Bone Studio is open at {address}  (Ctrl+C closes it)", flush=True)
    if window:
        _show_window(address)
        studio.close(verbose=False)
    elif block:
        signal.signal(signal.SIGTERM, _leave)  # so that the session folders are deleted
        studio.block_thread()
    return address


def _load_what_pictures_need() -> None:
    """Import the networks' library, which takes a second, before the first picture waits for it."""
    import_module("bonestudio.checkpoints.store")


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_port(host: str, port: int) -> None:
    """Find out before anything is loaded whether the port can be had."""
    if not 1 <= port <= 65535:
        raise RequestError(f"{port} is not a port; choose one from 1 to 65535, such as 7860.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except PermissionError as error:
            raise RequestError(
                f"This user may not open port {port}; choose one above 1023 with --port."
            ) from error
        except OSError as error:
            raise RequestError(
                f"Port {port} on {host} is in use; close the program that holds it or choose another with --port."
            ) from error


def _check_window() -> None:
    from importlib.util import find_spec

    if find_spec("webview") is None:
        raise RequestError("A window of its own needs pywebview: pip install 'bonestudio[window]'.")


def _show_window(address: str) -> None:
    import webview

    webview.create_window("Bone Studio", address, width=1440, height=900)
    webview.start()

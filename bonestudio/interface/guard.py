"""What Gradio leaves open and the studio closes: foreign names, shared uploads, addresses to fetch.

Called once, before the app is launched; each part is held to by a test of its own.
"""

import errno
import secrets
from typing import Any

from gradio import processing_utils, route_utils
from gradio.exceptions import Error
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")
_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EFBIG: "the file is too large for this disk",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "the folder may not be written to",
    errno.EPERM: "the folder may not be written to",
}


def app_options(host: str, *, accounts: bool) -> dict[str, Any]:
    """Return options of the web application; call it before the launch.

    Without accounts the studio answers to this computer's own names alone: a page elsewhere whose
    name is made to point here (DNS rebinding) would otherwise be of the studio's own origin.
    """
    route_utils.GradioUploadFile = _OwnPlace  # type: ignore[misc]
    processing_utils.async_ssrf_protected_download = _no_download
    options: dict[str, Any] = {"exception_handlers": {OSError: _disk_refuses}}
    if not accounts:
        names = sorted({*_OWN_NAMES, host})
        options["middleware"] = [
            Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)
        ]
    return options


def disk_sentence(error: Exception) -> str | None:
    """Say why nothing could be written where a full or closed disk is the reason; None otherwise."""
    why = _DISK.get(error.errno or 0) if isinstance(error, OSError) else None
    if why is None:
        return None
    return f"The studio cannot keep its files: {why} on the computer that runs it. What was open is still there."


class _OwnPlace(route_utils.GradioUploadFile):
    """An upload in a folder of its own.

    Gradio names the folder by the content alone. Two people who open the same film at the same time
    would share one file, and the first to be served would delete it under the other.
    """

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.sha.update(secrets.token_bytes(16))


async def _no_download(url: str, cache_dir: str) -> str:  # noqa: ARG001 - as Gradio calls it
    """Fetch nothing: a visitor may send a file, not make this computer call another."""
    raise Error("Send the file itself, not its address.", print_exception=False)


def _disk_refuses(_: Request, error: Exception) -> Response:
    """Answer an upload that the disk has no room for."""
    sentence = disk_sentence(error) or "The file could not be taken; send it again."
    return PlainTextResponse(sentence, status_code=507)

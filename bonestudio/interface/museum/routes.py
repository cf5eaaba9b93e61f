"""What the museum page asks for: itself, and one bone's ages, which are drawn on the first visit."""

import gzip
import threading
from functools import lru_cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bonestudio.errors import BoneStudioError
from bonestudio.instruments.age.exhibit import Exhibit, exhibit
from bonestudio.instruments.age.progression import SIMULATED, AgeProgression
from bonestudio.interface import assets

_ONE = threading.Lock()
_FOLDER = Path(__file__).parent / "page"
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'"


def museum_app() -> Starlette:
    """Build the application that is mounted at ``/museum``."""

    def page(_: Request) -> Response:
        policy = {"Content-Security-Policy": _POLICY}
        html = (_FOLDER / "page.html").read_bytes()
        return Response(html, media_type="text/html", headers=_HEADERS | policy)

    def bone(_: Request) -> Response:
        try:
            shown = _drawn()
        except BoneStudioError as error:
            return JSONResponse({"refused": str(error)}, status_code=404, headers=_HEADERS)
        height, width = shown.frames.shape[1:]
        told = {
            "height": height,
            "width": width,
            "ages": shown.ages,
            "sizes": shown.sizes,
            "today": shown.today,
            "model": shown.model,
            "learned": shown.learned,
            "notice": SIMULATED,
        }
        return JSONResponse(told, headers=_HEADERS)

    def frames(_: Request) -> Response:
        try:
            packed = _packed()
        except BoneStudioError as error:
            return JSONResponse({"refused": str(error)}, status_code=404, headers=_HEADERS)
        return Response(packed, media_type="application/octet-stream", headers=_HEADERS)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/bone", bone),
            Route("/frames", frames),
            Mount("/assets/page", StaticFiles(directory=_FOLDER)),
            Mount("/assets/studio", StaticFiles(directory=assets.FOLDER)),
        ]
    )


def _drawn() -> Exhibit:
    with _ONE:  # a crowd at the first visit waits for one drawing
        return _exhibit()


@lru_cache(maxsize=1)
def _exhibit() -> Exhibit:
    return exhibit(AgeProgression())


@lru_cache(maxsize=1)
def _packed() -> bytes:
    return gzip.compress(_drawn().frames.tobytes(), 6)

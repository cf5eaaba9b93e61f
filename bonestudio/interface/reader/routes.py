"""What a reader's browser can ask for. The secret token of the link is the only credential.

Gradio is not asked to carry the images: it would send names and times along. Every answer here
has the same few headers; an image is bare bytes of one length, under a name drawn at random.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bonestudio.errors import BoneStudioError
from bonestudio.interface import assets

if TYPE_CHECKING:  # the database is loaded on the first visit, not at the start of the studio
    from bonestudio.turing.reading import Reading
    from bonestudio.turing.store import Store

_FOLDER = Path(__file__).parent / "page"
_LARGEST_ANSWER = 4096  # bytes
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY = "default-src 'self'; img-src 'self' blob:; style-src 'self'; frame-ancestors 'none'"


def reader_app(store: Callable[[], "Store"]) -> Starlette:
    """Build the application that is mounted at ``/read``; the store is opened on first use."""

    def page(_: Request) -> Response:
        html = (_FOLDER / "page.html").read_bytes()
        policy = {"Content-Security-Policy": _POLICY}
        return Response(html, media_type="text/html", headers=_HEADERS | policy)

    def view(request: Request) -> Response:
        return _spoken(lambda: asdict(_reading(request).view()))

    def image(request: Request) -> Response:
        slot, side = request.path_params["slot"], request.path_params["side"]
        try:
            png = _reading(request).image(slot, side)
        except BoneStudioError as error:
            return _refused(error)
        return Response(png, media_type="image/png", headers=_HEADERS)

    async def answer(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        body = await request.body()
        return await run_in_threadpool(_spoken, lambda: _answer(request, body))

    def _reading(request: Request) -> "Reading":
        from bonestudio.turing.reading import Reading

        return Reading(store(), request.path_params["token"])

    def _answer(request: Request, body: bytes) -> dict[str, Any]:
        told = _parse(body)
        reading = _reading(request)
        return asdict(
            reading.answer(
                told["slot"],
                told["choice"],
                confidence=told.get("confidence"),
                milliseconds=told["milliseconds"],
                looked=told.get("looked"),
            )
        )

    routes: list[BaseRoute] = [
        Mount("/assets/viewers", StaticFiles(directory=assets.VIEWERS)),
        Mount("/assets/page", StaticFiles(directory=_FOLDER)),
        Mount("/assets/studio", StaticFiles(directory=assets.FOLDER)),
        Route("/{token}", page),
        Route("/{token}/view", view),
        Route("/{token}/image/{slot}/{side:int}", image),
        Route("/{token}/answer", answer, methods=["POST"]),
    ]
    return Starlette(routes=routes)


def _parse(body: bytes) -> dict[str, Any]:
    """Read an answer, or refuse it: what comes from a browser is not trusted."""
    from bonestudio.errors import StudyError

    kinds = {"slot": str, "choice": str, "milliseconds": int}
    try:
        told = json.loads(body) if len(body) <= _LARGEST_ANSWER else None
    except ValueError:
        told = None
    if (
        not isinstance(told, dict)
        or not all(type(told.get(name)) is kind for name, kind in kinds.items())
        or not isinstance(told.get("confidence"), int | None)
        or not isinstance(told.get("looked"), dict | None)
    ):
        raise StudyError("The answer did not arrive whole; please give it again.")
    return told


def _spoken(work: Callable[[], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(work(), headers=_HEADERS)
    except BoneStudioError as error:
        return _refused(error)


def _refused(error: BoneStudioError) -> Response:
    return JSONResponse({"refused": str(error)}, status_code=409, headers=_HEADERS)

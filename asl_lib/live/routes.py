"""What the live page's script talks to: frames in, what is recognised out, as JSON. And a page that calls nobody else.

Frames go past Gradio. Its own camera component mirrors what it sends, so that left and right hands are exchanged; it
keeps no time of a frame; and it sends a picture back for every picture. Here the picture stays in the browser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asl_lib.live.errors import SessionError
from asl_lib.live.jpeg import frame_of
from asl_lib.live.recogniser import Seen
from asl_lib.live.record import Prompt, RecordingSession
from asl_lib.live.sessions import Sessions
from asl_lib.plots.style import UPPER_BODY

MOST_FRAME_BYTES = 2_000_000
LATEST_S = 1e10
"""Three hundred years of a page's clock: what is later is no time."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'"
)
"""A page that may fetch from nowhere but its own server: a classroom may have no internet, and nobody has to know."""
ELSEWHERE = re.compile(
    rb"<script[^>]*src=\"https?://[^>]*>\s*</script>|<link[^>]*href=\"https?://[^>]*>|"
    rb"<link[^>]*rel=\"manifest\"[^>]*>|<meta[^>]*content=\"(?:https?://|@|Gradio|Click to try)[^>]*>",
    re.DOTALL,
)


def as_json(seen: Seen, words: list[str]) -> dict[str, Any]:
    """Return what the page shows of a frame; landmarks as whole ten-thousandths of the picture's sides."""
    points: dict[str, list[int | None]] = {}
    for part, values in seen.parts.items():
        shown = values[:UPPER_BODY] if part == "pose" else values
        points[part] = [None if np.isnan(v) else round(10_000 * float(v)) for v in shown[:, :2].ravel()]
    return {
        "hands": list(seen.hands),
        "signing": seen.signing,
        "top": [[gloss, round(float(probability), 4)] for gloss, probability in seen.top],
        "shown": seen.shown,
        "committed": seen.committed,
        "words": words,
        "points": points,
        "box": list(seen.box),
    }


def prompt_as_json(prompt: Prompt, recorder: RecordingSession) -> dict[str, Any]:
    """Return what the page shows of a prompt; the captured frames it has itself."""
    return {
        "phase": prompt.phase,
        "gloss": prompt.gloss,
        "number": prompt.number,
        "total": prompt.total,
        "left_s": round(prompt.left_s, 2),
        "kept": len(recorder.kept),
    }


def routes(sessions: Sessions, commands: dict[str, Callable[[str, dict[str, Any]], dict[str, Any]]]) -> list[Route]:
    """Return the routes of the page's script.

    Args:
        sessions: the open pages.
        commands: name -> function of a page's token and what else came with the command, to what is answered.
    """

    def look(token: str, jpeg: bytes, time_s: float) -> dict[str, Any]:
        session = sessions.get(token)
        seen = sessions.see(token, frame_of(jpeg), time_s)
        if seen is None:
            return {"left_out": True}
        recording = session.recording
        if recording is not None:
            recording.add(time_s, jpeg, seen.committed)
        return as_json(seen, session.transcript.words) | {"full": recording is not None and recording.full}

    def prompt(token: str, jpeg: bytes, time_s: float) -> dict[str, Any]:
        session = sessions.get(token)
        told = sessions.prompt(token, frame_of(jpeg), time_s)
        if told is None or session.recorder is None:
            return {"left_out": True}
        return {"prompt": prompt_as_json(told, session.recorder)}

    def taking(answer: Callable[[str, bytes, float], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
        async def frame(request: Request) -> Response:
            jpeg = await _body(request)
            time_s = as_time(request.headers.get("x-time"), "A frame must say when it was taken. Load the page again.")
            return JSONResponse(await run_in_threadpool(answer, _token(request), jpeg, time_s))

        return frame

    async def command(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in commands:
            raise SessionError(f"There is no command '{name}'. Known: {', '.join(commands)}.", status=404)
        try:
            about = json.loads(await _body(request) or b"{}")
        except (ValueError, RecursionError):
            about = None
        if not isinstance(about, dict):
            raise SessionError("What comes with a command must be a JSON object.", status=400)
        return JSONResponse(await run_in_threadpool(commands[name], _token(request), about))

    return [
        Route("/asl/frame", _with_sentences(taking(look)), methods=["POST"]),
        Route("/asl/prompt", _with_sentences(taking(prompt)), methods=["POST"]),
        Route("/asl/command/{name}", _with_sentences(command), methods=["POST"]),
    ]


def as_time(value: Any, otherwise: str) -> float:
    """Return what a page says of a time as seconds.

    Raises:
        SessionError: it is none; `otherwise` says so.
    """
    try:
        time_s = float(value)
    except (TypeError, ValueError, OverflowError):
        time_s = np.nan
    if not abs(time_s) <= LATEST_S:
        raise SessionError(otherwise, status=400)
    return time_s


def _token(request: Request) -> str:
    # Another site's page cannot send a header of its own making without asking first, and is refused.
    return request.headers.get("x-session", "")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FRAME_BYTES:
            raise SessionError(
                f"A frame must have at most {MOST_FRAME_BYTES:,} bytes. Load the page again.", status=413
            )
    return bytes(body)


def _with_sentences(
    answer: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Return a route whose errors reach the page as sentences."""

    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except SessionError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        except (ValueError, OSError, RuntimeError) as error:
            return JSONResponse({"error": str(error)}, status_code=500)

    return answered


class OwnHostOnly:
    """ASGI middleware: pages lose their references to other hosts and may fetch from nowhere else.

    Args:
        app: the application.
        closed: paths that nobody has business with, answered with 403.
    """

    def __init__(self, app: Any, *, closed: tuple[str, ...] = ()) -> None:
        self.app, self.closed = app, closed

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"].rstrip("/").endswith(self.closed):
            refusal = JSONResponse({"error": "Files are not taken here: clips are read in the browser."}, 403)
            await refusal(scope, receive, send)
            return
        is_page = scope["path"] in ("", "/")
        start: dict[str, Any] = {}
        page = bytearray()

        async def told(message: dict[str, Any]) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = [
                    *message["headers"],
                    (b"content-security-policy", POLICY.encode()),
                    (b"referrer-policy", b"no-referrer"),
                    (b"x-content-type-options", b"nosniff"),
                ]
                message = {**message, "headers": headers}
                if is_page:
                    start = message
                    return
            elif is_page and start:
                page.extend(message.get("body", b""))
                if message.get("more_body"):
                    return
                body = ELSEWHERE.sub(b"", bytes(page))
                length = (b"content-length", str(len(body)).encode())
                headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
                if scope["method"] != "HEAD":
                    headers.append(length)
                await send({**start, "headers": headers})
                message = {"type": "http.response.body", "body": body}
            await send(message)

        await self.app(scope, receive, told)

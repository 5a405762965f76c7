"""The routes of the live page: its files, frames in and results out, commands; everything else is refused.

The picture stays in the browser, which sends frames with their times as JPEG files and draws what comes back as JSON.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import math
import secrets
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router

from asl_lib._util.paths import relative, split_names
from asl_lib.live.errors import LiveError
from asl_lib.live.jpeg import decode_jpeg
from asl_lib.live.recogniser import Recognition
from asl_lib.live.record import PageRecording, Prompt, RecordingSession
from asl_lib.live.sessions import Session, Sessions
from asl_lib.plots.style import LIMBS, PART_COLOURS, UPPER_BODY

ASSETS = Path(__file__).parent / "assets"
FILES = {"/": "page.html", "/page.js": "page.js", "/page.css": "page.css"}
MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
WITHOUT_PASSWORD = ("/page.css", "/login")
COOKIE = "asl_live"
WRONG_PASSWORD_S = 0.5
"""A wrong password is answered so late, in seconds."""
MAX_BODY_BYTES = 2_000_000
MAX_TIME_S = 1e10
"""Three hundred years on a page's clock: a later time is invalid."""
MAX_GLOSSES, MAX_REPETITIONS = 100, 20
CLIENT_LIMITS = {"frame_px": 640, "most_fps": 25, "clip_fps": 25, "clip_s": 120, "clip_mb": 200}
"""Limits for the page's script: size and rate of frames, and seconds and MB of a clip that is opened."""
HEADERS = {
    # A page that loads from nowhere but its own server: a classroom may have no internet. Notebooks on this computer
    # may show it in a frame.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def build_app(
    sessions: Sessions,
    *,
    home: Path,
    where: str = "this computer",
    hosts: Collection[str] | None = None,
    proxy_hosts: Collection[str] = (),
    password: str = "",
    cookie_path: str = "/",
) -> Any:
    """Return the live page as an ASGI application.

    Args:
        sessions: the open pages.
        home: recordings go to `outputs/live/` and `data/recordings/` in this folder.
        where: how the page calls the computer that serves it.
        hosts: names of the server that a request's Host header may have; None for any.
        proxy_hosts: names of the server under which a proxy shows the page: allowed as Host, and as Origin whatever
            Host the proxy sends.
        password: what a visitor must enter; "" asks for none.
        cookie_path: path of the cookie that a visitor gets for the password.
    """
    api = PageApi(sessions, home=home, where=where)
    routes = [Route(path, _file(name)) for path, name in FILES.items()]
    routes += [
        Route("/asl/begin", _answer(api.begin), methods=["POST"]),
        Route("/asl/frame", _answer(api.frame), methods=["POST"]),
        Route("/asl/prompt", _answer(api.prompt), methods=["POST"]),
        Route("/asl/command/{name}", _answer(api.command), methods=["POST"]),
    ]
    login = PasswordLogin(password, cookie_path=cookie_path) if password else None
    if login is not None:
        routes.append(Route("/login", login.check, methods=["POST"]))
    app = Router(routes, redirect_slashes=False)
    return AccessControl(app, login=login, hosts=hosts, proxy_hosts=proxy_hosts)


class AccessControl:
    """ASGI middleware that refuses requests for other hosts, from other sites' pages and without the password.

    Browsers send a page's cookies and reach this computer on behalf of any site, so a request counts only where it was
    meant for this server. A site that lets its own name point to 127.0.0.1 (DNS rebinding) is recognised by that name
    in the Host header, a form or script of another site by `Sec-Fetch-Site`, or by `Origin` in browsers without it.
    """

    def __init__(
        self, app: Any, *, login: PasswordLogin | None, hosts: Collection[str] | None, proxy_hosts: Collection[str]
    ) -> None:
        self.app, self.login = app, login
        self.proxy_hosts = {name.lower() for name in proxy_hosts}
        self.hosts = None if hosts is None else {name.lower() for name in hosts} | self.proxy_hosts

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":  # the page has no WebSockets
            return

        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._refusal(Request(scope)) or self.app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        host = _host_name(f"//{request.headers.get('host', '')}")
        if self.hosts is not None and host not in self.hosts and not _is_address(host):
            return _error(
                f"'{host[:100]}' is not a name of this page. Open the page at its own address, or start it with "
                "--allowed-hosts and the name under which a proxy shows it.",
                403,
            )
        if request.method not in ("GET", "HEAD") and not self._same_origin(request):
            return _error("Requests from another site's page are refused. Behind a proxy, see --allowed-hosts.", 403)
        path = request.scope["path"]  # request.url.path comes from the Host header as well
        if self.login is not None and path not in WITHOUT_PASSWORD and not self.login.is_done(request):
            return self.login.form(status=200) if path == "/" else _error("Enter the password first.", 401)
        return None

    def _same_origin(self, request: Request) -> bool:
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        if site is not None:
            return site in ("same-origin", "none")
        if origin is None:  # not a browser
            return True
        return origin.partition("://")[2] == request.headers.get("host") or _host_name(origin) in self.proxy_hosts


class PasswordLogin:
    """Asks visitors for a password, and recognises them by a cookie afterwards."""

    def __init__(self, password: str, *, cookie_path: str) -> None:
        self._password, self._path = password, cookie_path
        self._key = secrets.token_urlsafe(32)

    def is_done(self, request: Request) -> bool:
        """Return whether a request carries the cookie."""
        return hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self._key.encode())

    def form(self, *, status: int) -> Response:
        """Return the page that asks for the password; with status 403 it says that the last one was wrong."""
        html = (ASSETS / "login.html").read_text(encoding="utf-8")
        return HTMLResponse(html.replace('id="asl-wrong" hidden', 'id="asl-wrong"') if status == 403 else html, status)

    async def check(self, request: Request) -> Response:
        """Check the password of the form."""
        try:
            fields = parse_qs((await _body(request)).decode(), max_num_fields=5)
        except (LiveError, ValueError):
            fields = {}
        if not hmac.compare_digest(fields.get("password", [""])[0].encode(), self._password.encode()):
            await asyncio.sleep(WRONG_PASSWORD_S)
            return self.form(status=403)
        answer = RedirectResponse("./", status_code=303)
        secure = "https" in (request.scope["scheme"], request.headers.get("x-forwarded-proto"))
        answer.set_cookie(COOKIE, self._key, path=self._path, httponly=True, samesite="strict", secure=secure)
        return answer


class PageApi:
    """The functions that the page's script calls, with frames and commands.

    Args:
        sessions: the open pages.
        home: recordings go to `outputs/live/` and `data/recordings/` in this folder.
        where: how the page calls the computer that serves it.
    """

    def __init__(self, sessions: Sessions, *, home: Path, where: str) -> None:
        self._sessions, self._home = sessions, home
        people = "1 person" if sessions.max_sessions == 1 else f"{sessions.max_sessions} people"
        self._config = {
            **CLIENT_LIMITS, "where": where, "most": people, "silence": f"{sessions.silence_s:.0f}",
            "colours": PART_COLOURS, "limbs": LIMBS,
        }  # fmt: skip
        self._commands: dict[str, Callable[[Session, dict[str, Any]], dict[str, Any] | None]] = {
            "settings": self._settings,
            "clear": lambda session, _: session.transcript.clear(),
            "restart": lambda session, _: sessions.restart(session.token),
            "finish": self._finish,
            "rest": lambda session, _: sessions.rest(session.token),
            "leave": lambda session, _: sessions.end(session.token),
            "record": self._record,
            "store": self._store,
            "ask": self._ask,
            "take": self._take,
            "keep": self._keep,
            "skip": self._skip,
            "over": self._over,
        }

    def begin(self, request: Request, body: bytes) -> dict[str, Any]:
        """Begin the session of a page that was opened; return its token, the models and the page's limits."""
        session = self._sessions.begin()
        return {
            "token": session.token,
            "models": self._sessions.models.names,
            "threshold": session.settings.threshold,
            "config": self._config,
        }

    def frame(self, request: Request, body: bytes) -> dict[str, Any]:
        """Recognise a frame of a page."""
        session, time_s = self._sessions.get(_token(request)), _frame_time(request)
        recognition = self._sessions.recognise(session.token, decode_jpeg(body), time_s)
        if recognition is None:
            return {"left_out": True}
        recording = session.recording
        if recording is not None:
            recording.add(time_s, body, recognition.committed)
        full = recording is not None and recording.full
        return as_json(recognition, session.transcript.words) | {"full": full}

    def prompt(self, request: Request, body: bytes) -> dict[str, Any]:
        """Record a frame of a page that records signs, and return what the signer is asked to do."""
        session, time_s = self._sessions.get(_token(request)), _frame_time(request)
        prompt = self._sessions.prompt(session.token, decode_jpeg(body), time_s)
        if prompt is None or session.recorder is None:
            return {"left_out": True}
        return {"prompt": _prompt_as_json(prompt, session.recorder)}

    def command(self, request: Request, body: bytes) -> dict[str, Any]:
        """Run a command of a page; its arguments come as a JSON object."""
        name = request.path_params["name"]
        if name not in self._commands:
            raise LiveError(f"There is no command '{name[:100]}'. Known: {', '.join(self._commands)}.", status=404)
        try:
            arguments = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            raise LiveError("The arguments of a command must be a JSON object.")
        return self._commands[name](self._sessions.get(_token(request)), arguments) or {}

    def _settings(self, session: Session, arguments: dict[str, Any]) -> dict[str, Any]:
        model, threshold = arguments.get("model"), arguments.get("threshold")
        if threshold is not None:
            threshold = _number(threshold, "The threshold must be a number from 0 to 1.")
            threshold = min(1.0, max(0.0, threshold))
        self._sessions.change(session, model=None if model is None else str(model), threshold=threshold)
        return {"model": session.model, "threshold": session.settings.threshold}

    def _finish(self, session: Session, _: dict[str, Any]) -> dict[str, Any]:
        recognition = self._sessions.finish(session.token)
        return {} if recognition is None else as_json(recognition, session.transcript.words)

    def _record(self, session: Session, _: dict[str, Any]) -> None:
        session.recording = PageRecording()

    def _store(self, session: Session, _: dict[str, Any]) -> dict[str, Any]:
        recording, session.recording = session.recording, None
        if recording is None:
            raise LiveError("Nothing is being recorded. Press Record first.", status=409)
        return {"message": f"Stored as {relative(recording.save(self._home / 'outputs' / 'live'))}."}

    def _ask(self, session: Session, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("agreed") != "on":
            raise LiveError("Nothing can be recorded before you agree that it is stored.", status=403)
        glosses = split_names(str(arguments.get("glosses", "")))
        repetitions = arguments.get("repetitions")
        if type(repetitions) is not int or not (1 <= repetitions <= MAX_REPETITIONS) or len(glosses) > MAX_GLOSSES:
            raise LiveError(
                f"At most {MAX_GLOSSES} signs can be recorded, each 1 to {MAX_REPETITIONS} times; got {len(glosses)} "
                f"signs, {str(repetitions)[:20]} times."
            )
        signer = str(arguments.get("signer", "")).strip()
        folder = self._home / "data" / "recordings"
        with session.lock:
            session.recorder = RecordingSession(folder, signer=signer, glosses=glosses, repetitions=repetitions)
            return _prompt(session)

    def _take(self, session: Session, arguments: dict[str, Any]) -> dict[str, Any]:
        with session.lock:
            time_s = session.newest_s
            if "time_s" in arguments:
                time_s = _number(arguments["time_s"], "A countdown must have the time of its start.")
            session.require_recorder().start(time_s)
            return _prompt(session)

    def _keep(self, session: Session, _: dict[str, Any]) -> dict[str, Any]:
        with session.lock:
            path = session.require_recorder().keep()
            return _prompt(session) | {"message": f"Stored as {relative(path)}."}

    def _skip(self, session: Session, _: dict[str, Any]) -> dict[str, Any]:
        with session.lock:
            session.require_recorder().skip()
            return _prompt(session)

    def _over(self, session: Session, _: dict[str, Any]) -> None:
        with session.lock:
            session.recorder = None


def as_json(recognition: Recognition, words: list[str]) -> dict[str, Any]:
    """Return what the page shows of a frame; landmarks in ten-thousandths of the picture's sides, as whole numbers."""
    points: dict[str, list[int | None]] = {}
    for part, values in recognition.parts.items():
        shown = values[:UPPER_BODY] if part == "pose" else values
        points[part] = [None if np.isnan(v) else round(10_000 * float(v)) for v in shown[:, :2].ravel()]
    return {
        "hands": list(recognition.hands),
        "signing": recognition.signing,
        "top": [[gloss, round(float(probability), 4)] for gloss, probability in recognition.top],
        "shown": recognition.shown,
        "committed": recognition.committed,
        "words": words,
        "points": points,
        "box": list(recognition.box),
    }


def _prompt(session: Session) -> dict[str, Any]:
    recorder = session.require_recorder()
    return {"prompt": _prompt_as_json(recorder.prompt, recorder)}


def _prompt_as_json(prompt: Prompt, recorder: RecordingSession) -> dict[str, Any]:
    """Return what the page shows of a prompt; the captured frames stay in the page."""
    return {
        "phase": prompt.phase,
        "gloss": prompt.gloss,
        "number": prompt.number,
        "total": prompt.total,
        "left_s": round(prompt.left_s, 2),
        "kept": len(recorder.kept),
    }


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    path = ASSETS / name

    async def file(request: Request) -> Response:
        return Response(path.read_bytes(), media_type=MEDIA_TYPES[path.suffix])

    return file


def _answer(function: Callable[[Request, bytes], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a function that answers with JSON; its errors are answered as {"error": message}."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await run_in_threadpool(function, request, await _body(request)))
        except LiveError as error:
            return _error(str(error), error.status)
        except (ValueError, OSError, RuntimeError) as error:
            return _error(str(error), 500)

    return endpoint


def _error(message: str, status: int) -> Response:
    shown = message.encode(errors="replace").decode()  # a page can send half a character, which no answer can hold
    return JSONResponse({"error": shown}, status)


def _token(request: Request) -> str:
    return request.headers.get("x-session", "")


def _frame_time(request: Request) -> float:
    return _number(request.headers.get("x-time"), "A frame must have the time when it was taken. Load the page again.")


def _number(value: Any, message: str) -> float:
    """Return what a page sent as a finite number.

    Raises:
        LiveError: with `message`: it is not a number, or too large.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not abs(number) <= MAX_TIME_S:
        raise LiveError(message)
    return number


def _host_name(address: str) -> str:
    """Return the name of the host in an address, in lower case; "" for an invalid one."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _body(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        LiveError: it is too large, or the page was closed before it was complete.
    """
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise LiveError(f"A frame must have at most {MAX_BODY_BYTES:,} bytes. Load the page again.", status=413)
    except ClientDisconnect as error:
        raise LiveError("The page was closed while it sent a frame.") from error
    return bytes(body)

"""Gives the live page out: to this computer, through a proxy, or in a notebook."""

from __future__ import annotations

import functools
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from IPython.display import HTML, display

from asl_lib._util.files import atomic_write
from asl_lib._util.paths import project_folder
from asl_lib.data.dataset import OWN_FOLDERS
from asl_lib.data.names import clean_name
from asl_lib.live.errors import LiveError
from asl_lib.live.record import is_folder_name, next_recording
from asl_lib.live.web.build import HEADERS, build_page

PORT = 7860
THIS_COMPUTER = ("127.0.0.1", "localhost")
LARGEST_BYTES, UPLOAD_S = 32 << 20, 60.0
"""Of one recording, which the page makes with 4 Mbit a second, and seconds in which it must have come."""
KINDS = {"video/mp4": (".mp4", b"ftyp"), "video/webm": (".webm", b"\x1a\x45\xdf\xa3")}
"""Suffix of each type of recording, and what stands within its first eight bytes."""


class PageServer(ThreadingHTTPServer):
    """Serves the page to this computer alone.

    Attributes:
        token: what a page must know to have its recordings taken; "" where none are.
        lock: held while a recording gets its name.
    """

    # Elsewhere it frees the port of a server that has just ended; on Windows it takes the port of one that runs.
    allow_reuse_address = os.name == "posix"

    def __init__(self, port: int, handler: Callable[..., SimpleHTTPRequestHandler], token: str) -> None:
        self.token, self.lock = token, threading.Lock()
        super().__init__((THIS_COMPUTER[0], port), handler)

    def address(self, host: str = THIS_COMPUTER[0]) -> str:
        """Return what to open. The token follows the "#": browsers send that part to nobody."""
        return f"http://{host}:{self.server_port}/" + (f"#{self.token}" if self.token else "")


class _Files(SimpleHTTPRequestHandler):
    """Answers with the files of a folder and the page's headers; takes recordings, and lists no folder."""

    protocol_version = "HTTP/1.1"
    timeout = UPLOAD_S
    server: PageServer

    def __init__(self, *given: object, hosts: Collection[str], recordings: Path | None, **options: object) -> None:
        self._hosts, self._recordings = hosts, recordings
        super().__init__(*given, **options)  # type: ignore[arg-type]  # of the server that makes it

    def do_POST(self) -> None:
        """Take one recording, `/recordings?signer=signer01&gloss=HELLO`, from a page that knows the token."""
        headers, (place, _, query) = self.headers, self.path.partition("?")
        host, length = headers.get("Host", ""), headers.get("Content-Length", "")
        token = headers.get("X-Token", "").encode()
        names = [clean_name(dict(parse_qsl(query)).get(what, "")) for what in ("signer", "gloss")]
        if self._recordings is None or place != "/recordings":
            self.send_error(501)
        elif _host_name(host) not in self._hosts or headers.get("Origin", "").partition("://")[2] != host:
            self.send_error(403, "Another site's page may not record.")
        elif not secrets.compare_digest(token, self.server.token.encode()):
            self.send_error(403, "Open the page at the address that asl live printed.")
        elif "Transfer-Encoding" in headers or not length.isdecimal() or not length.isascii():
            self.send_error(411)
        elif len(length) > len(str(LARGEST_BYTES)) or int(length) > LARGEST_BYTES:
            self.send_error(413)
        elif headers.get("Content-Type") not in KINDS:
            self.send_error(415)
        elif not all(map(is_folder_name, names)) or names[0] in OWN_FOLDERS:
            self.send_error(400, "These names cannot be folders.")
        elif content := self._read(int(length)):
            self._keep(self._recordings.joinpath(*names), content)
        else:
            self.close_connection = True

    def _read(self, length: int) -> bytes:
        """Return what was sent; b"" where it did not come whole and in time."""
        end, content = time.monotonic() + UPLOAD_S, b""
        try:
            while len(content) < length and (left_s := end - time.monotonic()) > 0:
                self.connection.settimeout(left_s)
                piece = self.rfile.read1(length - len(content))
                if not piece:
                    return b""
                content += piece
        except OSError:
            return b""
        return content if len(content) == length else b""

    def _keep(self, folder: Path, content: bytes) -> None:
        suffix, mark = KINDS[self.headers["Content-Type"]]
        if mark not in content[:8]:
            self.send_error(415)
            return
        try:
            with self.server.lock, atomic_write(path := next_recording(folder, suffix)) as tmp:
                tmp.write_bytes(content)
        except OSError as error:
            self.send_error(507, f"It cannot be written ({error.strerror}).")
            return
        answer = json.dumps({"file": "/".join(path.parts[-3:])}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    def send_head(self):  # type: ignore[no-untyped-def]  # as its base class
        # Another site's name may be made to mean this computer.
        if _host_name(self.headers.get("Host", "")) not in self._hosts:
            self.send_error(403, "Open the page at 127.0.0.1, or allow this name with --allowed-hosts.")
            return None
        return super().send_head()

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        self.send_error(404)

    def end_headers(self) -> None:
        for name, value in {**HEADERS, "Cache-Control": "no-cache"}.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Visits are not written down."""


def serve_files(
    folder: str | Path,
    *,
    port: int | None = None,
    allowed_hosts: Collection[str] = (),
    recordings: Path | None = None,
) -> PageServer:
    """Return a server of a page's folder that listens to this computer alone; its `serve_forever` serves.

    Args:
        folder: of the page, as `build.build_page` wrote it.
        port: port to listen at, 0 for any; None for 7860 or the next free one.
        allowed_hosts: further names under which a proxy shows the page.
        recordings: the folder into which a page that knows the server's token may put recordings; None for none.

    Raises:
        LiveError: the port is taken, or the folder has no page.
    """
    if not (Path(folder) / "index.html").is_file():
        raise LiveError(f"{folder} has no index.html: it is no folder of the page.")
    hosts = {*THIS_COMPUTER, *allowed_hosts}
    handler = functools.partial(_Files, directory=str(folder), hosts=hosts, recordings=recordings)
    token = "" if recordings is None else secrets.token_urlsafe()
    ports = range(PORT, PORT + 100) if port is None else [port]
    for number in ports:
        try:
            return PageServer(number, handler, token)
        except (OSError, OverflowError) as error:
            reason = error
    raise LiveError(f"The page cannot listen at port {ports[0]} ({reason}). Choose another with --port.") from reason


def serve_page(
    *,
    models: Mapping[str, Path] | None = None,
    port: int | None = None,
    allowed_hosts: Collection[str] = (),
    log: Callable[[str], None] = print,
) -> PageServer:
    """Build the page under `outputs/`, and return its server, which takes recordings into `data/recordings/`.

    Args:
        models, log: as for `build_page`.
        port, allowed_hosts: as for `serve_files`.

    Raises:
        LiveError, LandmarkError: the page cannot be built, or the port is taken.
    """
    folder = build_page(project_folder() / "outputs" / "page", models=models, log=log)
    recordings = project_folder() / "data" / "recordings"
    server = serve_files(folder, port=port, allowed_hosts=allowed_hosts, recordings=recordings)
    log(f"The live page is at {server.address()} (Ctrl-C ends it).")
    return server


def launch_inline(*, height: int = 900, port: int | None = None) -> PageServer:
    """Show the page in a notebook's cell; call `shutdown` of the returned server when you are done.

    Args:
        height: of the cell, in px.
        port: as for `serve_files`.
    """
    server = serve_page(port=port, log=lambda _: None)
    threading.Thread(target=server.serve_forever, name="live-page", daemon=True).start()
    # Jupyter is at localhost: at 127.0.0.1 the page would be another site's, and keep nothing.
    frame = (
        f'<iframe src="{server.address("localhost")}" width="100%" height="{int(height)}" style="border:0" '
        f'title="Live recognition of signs" allow="camera; clipboard-write"></iframe>'
    )
    display(HTML(frame))  # type: ignore[no-untyped-call]
    return server


def _host_name(host: str) -> str:
    """Return the name in a Host header, in lower case; "" for an invalid one."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""

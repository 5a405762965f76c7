"""Gives the live page out: to this computer, through a proxy, or in a notebook."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Collection, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from IPython.display import HTML, display

from asl_lib._util.paths import project_folder
from asl_lib.live.errors import LiveError
from asl_lib.live.networks import find_models
from asl_lib.live.web.build import HEADERS, build_page

PORT = 7860
THIS_COMPUTER = ("127.0.0.1", "localhost")


class _Files(SimpleHTTPRequestHandler):
    """Answers with the files of a folder and the page's headers; nothing is taken, and no folder is listed."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *given: object, hosts: Collection[str], **options: object) -> None:
        self._hosts = hosts
        super().__init__(*given, **options)  # type: ignore[arg-type]  # of the server that makes it

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
    folder: str | Path, *, port: int | None = None, allowed_hosts: Collection[str] = ()
) -> ThreadingHTTPServer:
    """Return a server of a page's folder that listens to this computer alone; its `serve_forever` serves.

    Args:
        folder: of the page, as `build.build_page` wrote it.
        port: port to listen at, 0 for any; None for 7860 or the next free one.
        allowed_hosts: further names under which a proxy shows the page.

    Raises:
        LiveError: the port is taken, or the folder has no page.
    """
    if not (Path(folder) / "index.html").is_file():
        raise LiveError(f"{folder} has no index.html: it is no folder of the page.")
    handler = functools.partial(_Files, directory=str(folder), hosts={*THIS_COMPUTER, *allowed_hosts})
    ports = range(PORT, PORT + 100) if port is None else [port]
    for number in ports:
        try:
            return ThreadingHTTPServer((THIS_COMPUTER[0], number), handler)
        except (OSError, OverflowError) as error:
            reason = error
    raise LiveError(f"The page cannot listen at port {ports[0]} ({reason}). Choose another with --port.") from reason


def serve_page(
    *,
    models: Mapping[str, Path] | None = None,
    port: int | None = None,
    allowed_hosts: Collection[str] = (),
    log: Callable[[str], None] = print,
) -> ThreadingHTTPServer:
    """Build the page under `outputs/`, and return its server.

    Args:
        models: name to show -> folder of a network for landmarks; None for all under `outputs/`, those for letters
            included.
        port, allowed_hosts: as for `serve_files`.
        log: called with each status message.

    Raises:
        LiveError, LandmarkError: the page cannot be built, or the port is taken.
    """
    letters = find_models(letters=True) if models is None else {}
    folder = build_page(
        project_folder() / "outputs" / "page",
        models=find_models() if models is None else models,
        letters=letters,
        log=log,
    )
    server = serve_files(folder, port=port, allowed_hosts=allowed_hosts)
    log(f"The live page is at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it).")
    return server


def launch_inline(*, height: int = 900, port: int | None = None) -> ThreadingHTTPServer:
    """Show the page in a notebook's cell; call `shutdown` of the returned server when you are done.

    Args:
        height: of the cell, in px.
        port: as for `serve_files`.
    """
    server = serve_page(port=port, log=lambda _: None)
    threading.Thread(target=server.serve_forever, name="live-page", daemon=True).start()
    # Jupyter is at localhost: at 127.0.0.1 the page would be another site's, and keep nothing.
    frame = (
        f'<iframe src="http://localhost:{server.server_port}/" width="100%" height="{int(height)}" style="border:0" '
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

"""The live page's server: on this computer, behind JupyterHub or another proxy, or in a notebook."""

from __future__ import annotations

import html
import ipaddress
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from IPython.display import HTML, display

from asl_lib._util.console import quiet_native_stderr
from asl_lib._util.paths import project_folder
from asl_lib.live.errors import LiveError
from asl_lib.live.networks import Models, find_models
from asl_lib.live.routes import build_app
from asl_lib.live.sessions import Sessions

PORT = 7860
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class LivePage:
    """A page that is being served; `close` ends it and closes all its trackers.

    Attributes:
        url: its address on this computer.
        sessions: its open pages.
    """

    url: str
    sessions: Sessions
    _server: uvicorn.Server = field(repr=False)
    _thread: threading.Thread = field(repr=False)

    def close(self) -> None:
        """Stop serving, and close all trackers."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self.sessions.close()

    def wait(self) -> None:
        """Serve until Ctrl-C."""
        try:
            while self._thread.is_alive():
                self._thread.join(timeout=1)
        except KeyboardInterrupt:
            print("\nThe page is closed.")
        finally:
            self.close()


def serve(
    *,
    models: dict[str, Path] | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    root_path: str = "",
    allowed_hosts: Sequence[str] = (),
    password: str = "",
    max_sessions: int = 4,
    silence_s: float = 60.0,
    folder: Path | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> LivePage:
    """Serve the page and return at once.

    Args:
        models: name -> folder of the networks to choose from; None for those under `outputs/`, the newest first.
        host: address to listen at. Other computers can reach the page only where this is one of the machine's own
            addresses or "0.0.0.0".
        port: port to listen at; None for 7860 or the next free one.
        root_path: the path under which a proxy shows the page, for example "/user/ana/proxy/7860".
        allowed_hosts: names under which a proxy shows the page. Requests for other names are refused, except where
            this is empty and a proxy (`root_path`) or a password decides who comes in.
        password: what a visitor must enter; "" asks for none.
        max_sessions: how many people can use the recogniser at once.
        silence_s: seconds without a request after which a tracker is closed.
        folder: the folder of `outputs/live/` and `data/recordings/`, for recordings; None for the course's.
        log: called with each status message.

    Raises:
        LiveError: there is no model, or the port is taken.
    """
    available = Models(find_models(), find_models(letters=True)) if models is None else Models(models)
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    sessions = Sessions(available, max_sessions=max_sessions, silence_s=silence_s)
    app = build_app(
        sessions,
        home=folder or project_folder(),
        where="this computer" if host in LOOPBACK and not root_path else "the computer that serves this page",
        hosts=None if (password or root_path) and not allowed_hosts else _own_names(host),
        proxy_hosts=allowed_hosts,
        password=password,
        cookie_path=f"{root_path.rstrip('/')}/",
    )
    config = uvicorn.Config(
        app, lifespan="off", ws="none", log_level="warning", access_log=False, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="live-page", daemon=True)
    thread.start()
    sessions.__enter__()
    # The first visitor need not wait for TensorFlow.
    threading.Thread(target=_load_first, args=(available,), name="live-warm-up", daemon=True).start()
    shown = "127.0.0.1" if _is_wildcard(host) else f"[{host}]" if ":" in host else host
    page = LivePage(f"http://{shown}:{port}/", sessions, server, thread)
    log(f"The live page is at {page.url} (Ctrl-C ends it).")
    newest = f", the newest of {len(available.names)}" if models is None and len(available.names) > 1 else ""
    log(f"It starts with the model {available.names[0]}{newest}.")
    if root_path:
        log(f"Behind the proxy it is at {root_path.rstrip('/')}/ of the proxy's address.")
    elif host not in LOOPBACK:
        log("Browsers allow cameras only on https:// pages and on this computer: put a proxy with https before it.")
        if not password:
            log("Everyone who reaches this computer can use the page: --password asks for a password.")
    return page


def launch_inline(*, height: int = 900, **options: Any) -> LivePage:
    """Serve the page and show it in a notebook's cell; call `close` of the returned page when you are done.

    On JupyterHub the page is reached through the hub's proxy (jupyter-server-proxy), with the notebook's login.

    Args:
        height: of the cell, in px.
        options: as for `serve`.
    """
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    if prefix and "root_path" not in options:
        with _listen(options.get("host", LOOPBACK[0]), options.get("port")) as free:
            options["port"] = free.getsockname()[1]
        options["root_path"] = f"{prefix.rstrip('/')}/proxy/{options['port']}"
    page = serve(**options)
    # A browser takes localhost and 127.0.0.1 for two sites, and Jupyter is at localhost: a page of another site would
    # not get its cookie.
    address = f"{options['root_path']}/" if options.get("root_path") else page.url.replace("127.0.0.1", "localhost")
    frame = (
        f'<iframe src="{html.escape(address)}" width="100%" height="{int(height)}" style="border:0" '
        'title="Live recognition of signs" allow="camera; clipboard-write"></iframe>'
    )
    display(HTML(frame))  # type: ignore[no-untyped-call]
    return page


def _load_first(models: Models) -> None:
    name = models.names[0]
    try:
        with quiet_native_stderr():
            models.load(name)
    except (ValueError, OSError, RuntimeError) as error:  # the page will say so to everyone who uses this model
        logging.getLogger(__name__).warning("The model '%s' cannot be loaded: %s", name, error)


def _listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens at an address; without a port, at the first free one from 7860 on.

    Raises:
        LiveError: nothing can listen there.
    """
    ports = range(PORT, PORT + 100) if port is None else [port]
    for number in ports:
        try:
            if not 0 <= number <= 65_535:
                raise OSError("ports are numbers up to 65535")
            return socket.create_server((host, number), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            reason = error
    raise LiveError(
        f"The page cannot listen at {host}, port {ports[0]} ({reason}). Another program may use that port, or the "
        "address is not this machine's: choose others with --port and --host."
    ) from reason


def _own_names(host: str) -> set[str]:
    """Return the names by which a server at `host` can be called; all addresses are allowed anyway."""
    return {*LOOPBACK, host, *([socket.gethostname()] if _is_wildcard(host) else [])}


def _is_wildcard(host: str) -> bool:
    """Return whether an address stands for all addresses of this machine: 0.0.0.0 or ::."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False

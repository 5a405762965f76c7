"""The live page: a folder of static files, with which the browser itself tracks and recognises.

It runs the tracker's models on LiteRT.js. Any web server can give the folder out.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from asl_lib._util.files import read_json, write_json
from asl_lib._util.paths import relative
from asl_lib.features.recipe import FeatureRecipe, Recipe, RecipeError
from asl_lib.landmarks.model_files import model_path
from asl_lib.live.errors import LiveError
from asl_lib.live.exported import export_model, export_signs
from asl_lib.live.networks import NO_MODELS, find_models
from asl_lib.live.vocabulary import VOCABULARY_FILE
from asl_lib.live.web.packages import fetch_packages
from asl_lib.models.embedding import SignEmbedding
from asl_lib.models.errors import TrainingError
from asl_lib.plots.style import LIMBS, PART_COLOURS
from asl_lib.training.pretrain import load_embedding

STATIC = Path(__file__).parent / "static"
PARTS = ("pose", "left_hand", "right_hand")
"""What the page tracks."""
TAUGHT, TAUGHT_FOLDER = "Only signs that you teach", "models/taught/"
"""What is offered without a network, where there is a sign embedding."""
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


def build_page(
    folder: str | Path,
    *,
    models: Mapping[str, Path] | None = None,
    log: Callable[[str], None] = print,
) -> Path:
    """Write the page into a folder, which may have an older one.

    Args:
        folder: where to.
        models: name to show -> folder of a network for landmarks, or for letters, which is offered for the right hand
            and for the left; None for all under `outputs/`. Where there is a sign embedding, "Only signs that you
            teach" is offered, too.
        log: called with each status message.

    Returns:
        The folder.

    Raises:
        LandmarkError: the tracker's models have not been fetched.
        LiveError: LiteRT.js cannot be fetched, or there is no model that the page can use.
    """
    folder, embedding = Path(folder), None
    models = find_models() | find_models(letters=True) if models is None else models
    with suppress(TrainingError, RecipeError):  # each model says so
        embedding = load_embedding()
    if not models and embedding is None:
        raise LiveError(NO_MODELS)
    runtime = fetch_packages(log=log)
    shutil.copytree(STATIC, folder, dirs_exist_ok=True)
    (folder / "headers.js").write_text(f"const HEADERS = {json.dumps(HEADERS, indent=2)};\n", encoding="utf-8")
    offered = _export_models(folder, models, embedding, log)
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
    folder: Path,
    models: Mapping[str, Path],
    embedding: SignEmbedding | None,
    log: Callable[[str], None],
) -> dict[str, dict[str, Any]]:
    """Write each model as one file; return name -> what the page must know about it."""
    stamp, made = "" if embedding is None else embedding.fingerprint, {}
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # there is no page yet, or an older one
        made = {about["folder"]: about["stamp"] for about in read_json(folder / "config.json")["models"].values()}
    offered: dict[str, dict[str, Any]] = {}
    for name, source in models.items():
        target = f"models/{hashlib.sha256(str(source.resolve()).encode()).hexdigest()[:12]}/"
        trained_s = max(
            (path.stat().st_mtime for path in source.glob("*") if path.name != VOCABULARY_FILE), default=0.0
        )
        written = folder / target / "recogniser.tflite"
        try:
            if made.get(target) != stamp or not written.is_file() or written.stat().st_mtime <= trained_s:
                log(f"Exporting {relative(source)} ...")
                export_model(source, folder / target, embedding=embedding, check=_check_recipe, log=log)
        except (LiveError, TrainingError) as error:
            log(f"{name} is left out: {error}")
            continue
        learns = (folder / target / "vocabulary.json").is_file()
        spells = read_json(folder / target / "recogniser.json")["input"] == "photographs"
        about = {"folder": target, "spells": spells, "learns": learns, "stamp": stamp}
        for hand in ("right", "left") if spells else ("",):
            shown = f"Letters, {hand} hand: {name}" if spells else name
            offered[shown] = {**about, "left_handed": hand == "left"}
    if not offered and models:
        raise LiveError("The page cannot use any of the models: the reasons are above.")
    if embedding is not None:
        (folder / TAUGHT_FOLDER).mkdir(parents=True, exist_ok=True)
        if made.get(TAUGHT_FOLDER) != stamp:
            export_signs(folder / TAUGHT_FOLDER, None, embedding, None)
        about = {"folder": TAUGHT_FOLDER, "spells": False, "learns": True, "network": False, "stamp": stamp}
        offered[TAUGHT] = about
    return offered


def _check_recipe(recipe: Recipe) -> None:
    if recipe.input not in ("landmarks", "photographs"):
        raise LiveError(f"its input is {recipe.input}, which the page cannot use. Use the window: asl live --model")
    if isinstance(recipe, FeatureRecipe) and (unknown := set(recipe.tracked_parts) - set(PARTS)):
        raise LiveError(f"it needs the {sorted(unknown)[0]}, which the page does not track")


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

"""What `asl live` and `asl record` do; their options are read in `course.cli`."""

from __future__ import annotations

import argparse
from typing import Any


def live(options: argparse.Namespace) -> None:
    """Recognise signs in a window or on a page, with the options of `asl live`."""
    if options.web:
        _serve(options)
        return
    from dataclasses import replace

    from asl_lib._util.paths import project_folder, relative
    from asl_lib.live.letters import LetterBox
    from asl_lib.live.sources import open_source
    from asl_lib.live.transcript import Transcript
    from asl_lib.live.window import require_display, run_live

    # What cannot work should say so before a network is loaded.
    source = open_source(options.source, pace=not options.fast, loop=options.loop)
    if not options.no_window:
        require_display()
    folder, looker = _looker(options, fps=source.fps)
    print(f"network: {relative(folder)}")
    if options.threshold is not None:
        looker.settings = replace(looker.settings, threshold=options.threshold)
    with looker:
        transcript = run_live(
            source,
            looker,
            window=not options.no_window,
            record=options.record,
            recordings=project_folder() / "outputs" / "live",
            transcript=Transcript(spelling=isinstance(looker, LetterBox)),
            mirror=False if options.no_mirror else None,
            press_s=options.press,
        )
    print(f"transcript: {transcript.text or '(nothing)'}")


def _serve(options: argparse.Namespace) -> None:
    import os
    from getpass import getpass
    from pathlib import Path

    from asl_lib._util.paths import relative
    from asl_lib.live.errors import LiveError
    from asl_lib.live.web import LOOPBACK, serve

    password = os.environ.get("ASL_PASSWORD", "")
    if options.password and not password:
        password = getpass("Password for visitors: ")
        if not password:
            raise LiveError("--password needs a password: type one, or put it into $ASL_PASSWORD.")
    page = serve(
        models={relative(options.model): Path(options.model)} if options.model else None,
        host=options.host,
        port=options.port,
        root_path=options.root_path,
        password=password,
        most_sessions=options.most_sessions,
    )
    print(f"The live page is at {page.url} (Ctrl-C ends it).")
    if options.root_path:
        print(f"Behind the proxy it is at {options.root_path.rstrip('/')}/ of the proxy's own address.")
    elif options.host not in LOOPBACK:
        print(
            "Browsers give cameras only to https:// pages and to this machine's own: for others, put a proxy before it."
        )
        if not password:
            print("Whoever reaches this machine can use the page: --password asks for one.")
    page.wait()


def _looker(options: argparse.Namespace, *, fps: float) -> tuple[Any, Any]:
    """Return the folder of the network to use and what looks at frames with it, by what its recipe says it takes."""
    import json
    from pathlib import Path

    from asl_lib.live.networks import Classifier, find_models
    from asl_lib.live.recogniser import LiveSettings, Recogniser
    from asl_lib.models.errors import TrainingError
    from asl_lib.training.images import newest_letters

    models = [] if options.model or options.letters else list(find_models().values())
    if not (options.model or options.letters or models):
        raise TrainingError("There is no trained network under outputs/. Run make demo, or name a folder with --model.")
    folder = Path(options.model) if options.model else newest_letters() if options.letters else models[0]
    try:
        takes = json.loads((folder / "recipe.json").read_text(encoding="utf-8")).get("input", "landmarks")
    except (OSError, ValueError, AttributeError) as error:
        raise TrainingError(f"There is no network with its recipe in {folder} ({error!r}).") from error
    settings = LiveSettings(fps=fps) if fps else LiveSettings()
    if takes == "photograph":
        from asl_lib.live.letters import LetterBox, LetterClassifier

        return folder, LetterBox(LetterClassifier.load(folder), left_handed=options.left_handed)
    if takes == "clip":
        from asl_lib.live.booth import Booth, VideoClassifier

        return folder, Booth(VideoClassifier.load(folder), settings=settings)
    return folder, Recogniser(Classifier.load(folder), settings=settings)


def record(options: argparse.Namespace) -> None:
    """Record signs, with the options of `asl record`."""
    from pathlib import Path

    from asl_lib._util.paths import project_folder, relative, split_names
    from asl_lib.live.record import RecordingSession
    from asl_lib.live.sources import open_source
    from asl_lib.live.window import run_recording

    session = RecordingSession(
        Path(options.folder) if options.folder else project_folder() / "data" / "recordings",
        signer=options.signer,
        glosses=split_names(options.glosses),
        repetitions=options.repetitions,
        countdown_s=options.countdown,
        capture_s=options.seconds,
    )
    kept = run_recording(open_source(options.source), session)
    print(f"{len(kept)} recordings in {relative(session.folder / session.signer)}")

"""`asl live` and `asl record`."""

from __future__ import annotations

import argparse
from typing import Any

SOURCE_HELP = "number of a camera, path of a video or address of a stream (default: 0, the first camera)"


def add_commands(commands: Any) -> None:
    """Add both commands to the parsers of `asl`."""
    live = commands.add_parser("live", help="recognise signs in a camera's picture or a video")
    _add_live(live)
    live.set_defaults(command=_live)

    record = commands.add_parser(
        "record", help="record your own signs, prompted one by one, for params/recordings.yaml"
    )
    record.add_argument("--signer", required=True, help="whose signs: the name of the folder")
    record.add_argument("--glosses", required=True, metavar="A,B", help="the signs to ask for")
    record.add_argument("--repetitions", type=int, default=3, help="how often each sign (default: 3)")
    record.add_argument("--countdown", type=float, default=3.0, metavar="SECONDS", help="before each sign (default: 3)")
    record.add_argument("--seconds", type=float, default=2.5, help="length of a recording (default: 2.5)")
    record.add_argument("--source", default="0", help=SOURCE_HELP)
    record.add_argument("--folder", default="", help="where to (default: data/recordings)")
    record.set_defaults(command=_record)


def _add_live(live: argparse.ArgumentParser) -> None:
    live.add_argument("--source", default="0", help=SOURCE_HELP)
    live.add_argument(
        "--model", default="", metavar="FOLDER", help="folder of a trained network (default: the newest under outputs/)"
    )
    live.add_argument("--letters", action="store_true", help="read letters in a box, with a network of notebook 08")
    live.add_argument("--left-handed", action="store_true", help="put the box of the letters on the other side")
    live.add_argument(
        "--press",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="press-and-sign at once: capture so long",
    )
    live.add_argument(
        "--threshold", type=float, help="least probability of a sign that is named (default: 0.4, letters 0.6)"
    )
    live.add_argument("--record", default="", metavar="FILE.mp4", help="save the annotated video")
    live.add_argument("--no-window", action="store_true", help="only say the words, and record")
    live.add_argument("--no-mirror", action="store_true", help="show a camera's picture as it is")
    live.add_argument("--fast", action="store_true", help="go through a file as fast as possible, every frame of it")
    live.add_argument("--loop", action="store_true", help="begin a file again when it ends")
    _add_web(live)


def _add_web(live: argparse.ArgumentParser) -> None:
    web = live.add_argument_group("in a browser, with the camera of whoever looks at the page")
    web.add_argument("--web", action="store_true", help="serve a page instead of opening a window")
    web.add_argument("--host", default="127.0.0.1", help="address to listen at (default: 127.0.0.1, this machine only)")
    web.add_argument("--port", type=int, help="port to listen at (default: 7860, or the next free one)")
    web.add_argument(
        "--root-path",
        default="",
        metavar="/PATH",
        help="where a proxy shows the page, for example /user/ana/proxy/7860 on JupyterHub",
    )
    web.add_argument(
        "--password",
        action="store_true",
        help="ask visitors for a password: that in $ASL_PASSWORD, or one that you type now",
    )
    web.add_argument(
        "--most-sessions", type=int, default=4, metavar="N", help="people who can use it at once (default: 4)"
    )


def _live(options: argparse.Namespace) -> None:
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


def _record(options: argparse.Namespace) -> None:
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

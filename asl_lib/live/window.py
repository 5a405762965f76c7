"""The live demo on the desktop: an OpenCV window, or none and a recording."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from asl_lib.data.video import VideoSink
from asl_lib.live.errors import LiveError
from asl_lib.live.picture import compose, compose_prompt
from asl_lib.live.pipeline import Looker, Pipeline, View
from asl_lib.live.record import Prompt, RecordingSession
from asl_lib.live.sources import Camera, Newest, Source
from asl_lib.live.transcript import Transcript

TITLE = "asl live"
HINT = "q quit · space press-and-sign · m follow me · r record · c clear · backspace undo"
RECORDING_FPS = 25.0
OLDEST_S = 0.2
"""Landmarks of an older frame would lie beside the hand: on a slow machine they are not drawn."""
ESCAPE, BACKSPACE, DELETE = 27, 8, 127


def run_live(
    source: Source,
    recogniser: Looker,
    *,
    window: bool = True,
    record: str | Path = "",
    recordings: str | Path = ".",
    transcript: Transcript | None = None,
    mirror: bool | None = None,
    press_s: float = 0.0,
    log: Callable[[str], None] = print,
) -> Transcript:
    """Show, and record, what is recognised until the source ends or somebody presses q.

    Args:
        source: where frames come from.
        recogniser: a `Recogniser` or a `LetterBox`.
        window: show a window; without one it only records and says the words.
        record: the mp4 to write from the first frame on; empty for none until r is pressed.
        recordings: folder for what r records.
        transcript: where the words go; a new one if none is given.
        mirror: show the picture as in a mirror; None does so for a camera of this machine.
        press_s: begin with press-and-sign: capture so many seconds, without a countdown; 0 waits for the space bar.
        log: called with each status message.

    Returns:
        The transcript.

    Raises:
        LiveError: there is no display; or the source broke down, and what was recorded until then is whole.
    """
    transcript = transcript or Transcript()
    mirror = isinstance(source, Camera) and isinstance(source.device, int) if mirror is None else mirror
    with ExitStack() as stack:
        screen = stack.enter_context(_open_window()) if window else None
        recorder = stack.enter_context(Recorder(Path(recordings), fps=source.fps or RECORDING_FPS, log=log))
        if record:
            recorder.start(Path(record))
        pipeline = Pipeline(source, recogniser, on_word=transcript.add)
        if press_s:
            pipeline.ask(lambda looker, time_s: looker.start(time_s, countdown_s=0.0, capture_s=press_s))
        stack.enter_context(pipeline)
        shown = ""
        while not pipeline.ended:
            view = pipeline.view()
            if transcript.text != shown:
                shown = transcript.text
                log(shown)
            if view is not None:
                picture = _draw(view, transcript, mirror=mirror, recording=recorder.on, hint=HINT if window else "")
                recorder.write(picture, view)
                if screen is not None:
                    screen.show(picture)
            if screen is not None and not _act_on(screen.key(), pipeline, recorder, transcript):
                break
        if transcript.text != shown:
            log(transcript.text)
    return transcript


def _draw(view: View, transcript: Transcript, **options: Any) -> np.ndarray:
    fresh = view.time_s - view.seen.time_s <= OLDEST_S
    return compose(view.frame, view.seen, landmarks=fresh, words=transcript.words, speed=view.speed, **options)


def _act_on(key: int, pipeline: Pipeline, recorder: Recorder, transcript: Transcript) -> bool:
    """Do what a key asks for; return whether to go on."""
    if key in (ord("q"), ESCAPE):
        return False
    if key == ord(" "):
        pipeline.ask(lambda recogniser, time_s: recogniser.start(time_s))
    elif key == ord("m"):
        pipeline.ask(lambda recogniser, _: recogniser.reset())
    elif key == ord("r"):
        recorder.toggle()
    elif key == ord("c"):
        transcript.clear()
    elif key in (BACKSPACE, DELETE):
        transcript.undo()
    return True


def run_recording(source: Source, session: RecordingSession, *, log: Callable[[str], None] = print) -> list[Path]:
    """Record signs in a window, prompted one by one, until all are there or somebody presses q; return the files.

    Raises:
        LiveError: there is no display; or the camera broke down: what was kept until then is kept.
    """
    mirror = isinstance(source, Camera) and isinstance(source.device, int)
    with _open_window("asl record") as screen, Newest(source) as newest:
        told, review = "", 0
        while not newest.ended:
            taken = newest.take(timeout_s=0.1)
            if taken is None:
                continue
            time_s, frame, _ = taken
            prompt = session.see(frame, time_s)
            line = f"{prompt.gloss} ({prompt.number} of {prompt.total}): {prompt.phase}"
            if line != told:
                told, review = line, 0
                log(line)
            if prompt.frames:  # show what was captured, over and over, beside what to press
                frame, review = prompt.frames[review % len(prompt.frames)], review + 1
            screen.show(compose_prompt(frame, prompt, mirror=mirror))
            if not _answer(screen.key(), session, prompt, time_s, log):
                break
    return session.kept


def _answer(key: int, session: RecordingSession, prompt: Prompt, time_s: float, log: Callable[[str], None]) -> bool:
    """Do what a key asks for; return whether to go on."""
    if key in (ord("q"), ESCAPE):
        return False
    if key == ord("n"):
        session.skip()
    elif key == ord(" ") and prompt.phase == "review":
        log(f"kept {session.keep()}")
    elif key in (ord(" "), ord("r")) and prompt.phase in ("ready", "review"):
        session.start(time_s)
    return True


class Recorder:
    """Writes what is shown as videos, at an even rate, however unevenly pictures come; use it in a `with` block.

    Args:
        folder: where recordings without a name of their own go.
        fps: frames per second of the files.
        log: called with the name of each finished file.
    """

    def __init__(self, folder: Path, *, fps: float, log: Callable[[str], None] = print) -> None:
        self.folder, self.fps, self._log = folder, fps, log
        self._sink: VideoSink | None = None
        self._began_s: float | None = None
        self._size = (0, 0)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def on(self) -> bool:
        """Whether it is recording."""
        return self._sink is not None

    def start(self, path: Path | None = None) -> None:
        """Begin a recording, under the next free name unless one is given."""
        self.stop()
        self._sink, self._began_s = VideoSink(path or next_free(self.folder, "live"), fps=self.fps), None

    def stop(self) -> None:
        """Finish the recording: its file is whole then."""
        if self._sink is not None:
            sink, self._sink = self._sink, None
            sink.close()
            self._log(f"recorded {sink.count} frames: {sink.path}" if sink.count else "recorded nothing")

    def toggle(self) -> None:
        """Begin a recording, or finish the one that is on."""
        if self.on:
            self.stop()
        else:
            self.start()

    def write(self, picture: np.ndarray, view: View) -> None:
        """Record a picture for as long as it was shown: until the next one."""
        if self._sink is None:
            return
        if self._began_s is None:
            self._began_s, self._size = view.time_s, (picture.shape[1], picture.shape[0])
        if (picture.shape[1], picture.shape[0]) != self._size:
            import cv2

            picture = np.asarray(cv2.resize(picture, self._size))
        due = int((view.time_s - self._began_s) * self.fps + 1e-3) + 1
        while self._sink.count < due:
            self._sink.write(picture)


def next_free(folder: Path, name: str) -> Path:
    """Return the first of live-01.mp4, live-02.mp4, … that is not there yet."""
    number = 1
    while (path := folder / f"{name}-{number:02d}.mp4").exists():
        number += 1
    return path


class _Screen:
    """A window of OpenCV."""

    def __init__(self, title: str) -> None:
        self._title, self._shown = title, False

    def show(self, picture: np.ndarray) -> None:
        import cv2

        if not self._shown:
            cv2.resizeWindow(self._title, picture.shape[1], picture.shape[0])
        cv2.imshow(self._title, picture[..., ::-1])
        self._shown = True

    def key(self) -> int:
        """Return the key that was pressed, -1 for none; a window that was closed counts as q."""
        import cv2

        key = cv2.waitKey(1)
        if self._shown and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            return ord("q")
        return key & 0xFF if key >= 0 else -1


@contextmanager
def _open_window(title: str = TITLE) -> Iterator[_Screen]:
    import cv2

    require_display()
    cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | getattr(cv2, "WINDOW_GUI_NORMAL", 0))
    try:
        yield _Screen(title)
    finally:
        cv2.destroyAllWindows()


def require_display() -> None:
    """Raise where no window can be opened: OpenCV would end the whole program instead.

    Raises:
        LiveError: there is no display, or this OpenCV cannot open windows; the sentence says what to do.
    """
    remedy = "Use the browser (asl live --web), or no window (--no-window, with --record out.mp4 to see it afterwards)."
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise LiveError(f"There is no display to open a window on. {remedy}")
    attempt = "import cv2; cv2.namedWindow('a'); cv2.destroyAllWindows()"
    done = subprocess.run([sys.executable, "-c", attempt], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        words = done.stderr.strip().splitlines()
        reason = words[-1] if words else f"it ended with code {done.returncode}"
        raise LiveError(f"OpenCV cannot open a window ({reason}). {remedy}")

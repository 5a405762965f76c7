"""Live recognition on the desktop: an OpenCV window, or no window and a recording."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from asl_lib._util.console import counted
from asl_lib._util.files import is_same_file, try_to_write
from asl_lib._util.paths import project_folder, relative
from asl_lib.data.video import VideoSink
from asl_lib.features.recipe import RecipeError
from asl_lib.live.clip_capture import ClipCapture
from asl_lib.live.errors import LiveError
from asl_lib.live.letters import LetterRecogniser
from asl_lib.live.networks import choose_model, find_models, open_recogniser
from asl_lib.live.picture import NOT_KNOWN, compose, compose_prompt
from asl_lib.live.pipeline import Pipeline, View
from asl_lib.live.recogniser import FrameRecogniser
from asl_lib.live.record import RECORDING_FPS, Prompt, RecordingSession
from asl_lib.live.sources import Camera, FrameReader, Source, open_source
from asl_lib.live.vocabulary import OpenClassifier, Vocabulary, editing, open_vocabulary, vocabulary_path
from asl_lib.live.words import Transcript
from asl_lib.models.errors import TrainingError

TITLE = "asl live"
TEACH_HINT = " · t teach"
HINT = "q quit · space press-and-sign · m follow me · r record · c clear · backspace undo"
MAX_AGE_S = 0.2
"""Landmarks of an older frame would lie beside the hand: on a slow machine they are not drawn."""
ESCAPE, BACKSPACE, DELETE, ENTER = 27, 8, 127, 13


def run_live(
    source: str = "0",
    *,
    model: str | Path = "",
    vocabulary: str | Path = "",
    letters: bool = False,
    left_handed: bool = False,
    press_s: float = 0.0,
    threshold: float | None = None,
    record: str | Path = "",
    window: bool = True,
    mirror: bool | None = None,
    fast: bool = False,
    loop: bool = False,
    log: Callable[[str], None] = print,
) -> Transcript:
    """Recognise signs in a camera's picture, a stream or a video: the command `asl live`.

    Args:
        source: number of a camera, path of a video, or address of a stream.
        model: folder of a trained model; "" for the newest one under `outputs/`, unless a vocabulary is named.
        vocabulary: file of the signs that were taught; "" for that of `asl teach`. Named without a model, or where
            there is none, it gives all the signs that are known.
        letters: where no model is named, use the newest network for letters.
        left_handed: put the box for letters on the left hand's side.
        press_s: begin with press-and-sign: capture this many seconds; 0 waits for the space bar.
        threshold: least probability of a sign that is named; None for the default.
        record: the mp4 to write from the first frame on; "" for none until r is pressed.
        window: show a window; without one it only records and prints the words.
        mirror: show the picture as in a mirror; None does so for a camera of this machine.
        fast: process a file as fast as possible, every frame of it; so it always is without a window.
        loop: play a file again when it ends.
        log: called with each status message.

    Returns:
        The transcript.

    Raises:
        LiveError: there is no display, no model, or no such source; `record` cannot be written; nothing would start the
            capture of a network for videos; or the source failed.
    """
    # What cannot work fails before a model is loaded.
    frames = open_source(source, pace=window and not fast, loop=loop, log=log)
    if window:
        require_display()
    if record:
        try:
            try_to_write(record)
        except OSError as error:
            raise LiveError(
                f"{Path(record).name[:99]} cannot be written: {error.strerror}. Choose another name with --record."
            ) from error
        if is_same_file(record, source):
            raise LiveError(f"{record} is what is played: choose another name with --record.")
    recogniser, learn, about = _open_recogniser(model, vocabulary, letters=letters, left_handed=left_handed, log=log)
    with recogniser:
        log(about)
        if isinstance(recogniser, ClipCapture) and not window and not press_s:
            raise LiveError(
                "A network for videos recognises what is captured, from the space bar on. Without a window, name the "
                "seconds to capture: --press 2."
            )
        changes: dict[str, Any] = {"fps": frames.fps or None, "threshold": threshold}
        recogniser.settings = replace(
            recogniser.settings, **{name: value for name, value in changes.items() if value is not None}
        )
        transcript = run_recogniser(
            frames,
            recogniser,
            window=window,
            record=record,
            recordings=project_folder() / "outputs" / "live",
            transcript=Transcript(spelling=isinstance(recogniser, LetterRecogniser)),
            mirror=mirror,
            press_s=press_s,
            learn=learn,
            log=log,
        )
    log(f"transcript: {transcript.text or '(nothing)'}")
    return transcript


def _open_recogniser(
    model: str | Path, vocabulary: str | Path, *, letters: bool, left_handed: bool, log: Callable[[str], None]
) -> tuple[FrameRecogniser, Callable[[str, FrameRecogniser, float], None] | None, str]:
    """Return the recogniser that `run_live` was asked for, how it learns a sign, and what it knows, in words.

    A model without what refusal needs (an embedding, its landmarks, its training's clips) names every movement.
    """
    path, taught = vocabulary_path(vocabulary), None
    folder, about = None, ""
    if model:
        folder, about = Path(model), f"network: {relative(model)}"
    elif letters or not (vocabulary or (path.is_file() and not find_models())):
        folder, about = choose_model(letters=letters)
    try:
        taught = None if letters else open_vocabulary(path)
    except (LiveError, TrainingError, RecipeError) as error:
        if folder is None:
            raise
        about += f"\nIt names every movement, and cannot be taught: {error}"
    if taught is not None and folder is None:
        about = f"signs: {', '.join(taught.glosses)}"
        if not len(taught):
            raise LiveError(f"There is no sign in {path} yet. Teach some: asl teach HELLO.")
    try:
        recogniser = open_recogniser(folder, taught=taught, left_handed=left_handed)
    except LiveError as error:
        if folder is None or taught is None or vocabulary:
            raise
        # What is wrong with the model itself is said again.
        recogniser = open_recogniser(folder, left_handed=left_handed)
        about += f"\nIt names every movement, and cannot be taught: {error}"
    if taught is None or not isinstance(recogniser.classifier, OpenClassifier):
        return recogniser, None, about
    if folder and recogniser.classifier.known is None:
        about += (
            "\nIt names every movement: the clips that its network was trained on are not there any more, "
            "or were prepared in another way than the embedding needs."
        )
    return recogniser, partial(_learn, taught, path, log), about


def _learn(
    taught: Vocabulary, path: Path, log: Callable[[str], None], gloss: str, recogniser: FrameRecogniser, _: float
) -> None:
    """Learn the last movement as a clip of a sign; called in the thread of recognition, which an error would end."""
    try:
        with editing(path, taught):
            recogniser.teach(gloss)
        log(f"{gloss}: learned; {counted(len(taught), 'sign')} in {relative(path)}")
    except OSError as error:
        log(f"{gloss} was not saved, and is forgotten as soon as another sign is taught or the window closes: {error}")
    except (LiveError, RecipeError) as error:
        log(str(error))


def run_record(
    source: str = "0",
    *,
    signer: str,
    glosses: Sequence[str],
    repetitions: int = 3,
    countdown_s: float = 3.0,
    capture_s: float = 2.5,
    folder: str | Path = "",
    log: Callable[[str], None] = print,
) -> None:
    """Record signs in a window, prompted one by one, until all are recorded or q is pressed: the command `asl record`.

    Args:
        source: number of a camera, path of a video, or address of a stream.
        signer, glosses, repetitions, countdown_s, capture_s: see `RecordingSession`.
        folder: folder of the recordings; "" for `data/recordings`.
        log: called with each status message.

    Raises:
        LiveError: there is no display, a name cannot be the name of a folder, or the camera failed: recordings that
            were kept until then are stored.
    """
    session = RecordingSession(
        Path(folder) if folder else project_folder() / "data" / "recordings",
        signer=signer,
        glosses=glosses,
        repetitions=repetitions,
        countdown_s=countdown_s,
        capture_s=capture_s,
    )
    camera = open_source(source, log=log)
    mirror = isinstance(camera, Camera) and isinstance(camera.device, int)
    with _open_window("asl record") as screen, FrameReader(camera) as reader:
        logged, review = "", 0
        while not reader.ended:
            taken = reader.take(timeout_s=0.1)
            if taken is None:
                continue
            time_s, frame, _ = taken
            prompt = session.process(frame, time_s)
            line = f"{prompt.gloss} ({prompt.number} of {prompt.total}): {prompt.phase}"
            if line != logged:
                logged, review = line, 0
                log(line)
            if prompt.frames:  # play the capture in a loop
                frame, review = prompt.frames[review % len(prompt.frames)], review + 1
            screen.show(compose_prompt(frame, prompt, mirror=mirror))
            if not _handle_recording_key(screen.key(), session, prompt, time_s, log):
                break
    log(f"{counted(len(session.kept), 'recording')} in {relative(session.folder / session.signer)}")


def run_recogniser(
    source: Source,
    recogniser: FrameRecogniser,
    *,
    window: bool = True,
    record: str | Path = "",
    recordings: str | Path = ".",
    transcript: Transcript | None = None,
    mirror: bool | None = None,
    press_s: float = 0.0,
    learn: Callable[[str, FrameRecogniser, float], None] | None = None,
    log: Callable[[str], None] = print,
) -> Transcript:
    """Show, and record, what is recognised until the source ends or q is pressed, and return the transcript.

    Args:
        source: the frames.
        recogniser: recognises signs in them.
        recordings: folder for the recordings that r starts.
        transcript: the words are added to it; None for a new one.
        learn: called with a name that was typed for the last movement, the recogniser, and the time, in the thread of
            recognition; None where the recogniser cannot learn.
        window, record, mirror, press_s, log: as for `run_live`.

    Raises:
        LiveError: there is no display; or the source failed, and what was recorded until then is complete.
    """
    transcript = transcript or Transcript()
    mirror = isinstance(source, Camera) and isinstance(source.device, int) if mirror is None else mirror
    with ExitStack() as stack:
        screen = stack.enter_context(_open_window()) if window else None
        recorder = stack.enter_context(VideoRecorder(Path(recordings), fps=source.fps or RECORDING_FPS, log=log))
        if record:
            recorder.start(Path(record))
        pipeline = Pipeline(source, recogniser, on_word=transcript.add)
        if press_s:
            pipeline.request(lambda recogniser, time_s: recogniser.start(time_s, countdown_s=0.0, capture_s=press_s))
        stack.enter_context(pipeline)
        logged, refused, name = "", False, NameInput()
        hint = HINT + (TEACH_HINT if learn else "") if window else ""
        while not pipeline.ended:
            view = pipeline.view()
            if transcript.text != logged:
                logged = transcript.text
                log(logged)
            if view is not None:
                if view.recognition.refused and not refused:
                    log(f"({NOT_KNOWN})")
                refused = view.recognition.refused
                picture = _draw(view, transcript, mirror=mirror, recording=recorder.on, hint=name.prompt or hint)
                recorder.write(picture, view.time_s)
                if screen is not None:
                    screen.show(picture)
            key = -1 if screen is None else screen.key()
            if learn is not None and name.handle(key):
                if name.entered:
                    pipeline.request(partial(learn, name.entered))
            elif not _handle_key(key, pipeline, recorder, transcript):
                break
        if transcript.text != logged:
            log(transcript.text)
        if pipeline.dropped:
            log(
                f"{pipeline.dropped} of {pipeline.count} frames of {source.name} were left out: recognition was too "
                "slow for them." + (" --fast takes every frame." if source.fps else "")
            )
    return transcript


def _draw(view: View, transcript: Transcript, **options: Any) -> np.ndarray:
    fresh = view.time_s - view.recognition.time_s <= MAX_AGE_S
    return compose(view.frame, view.recognition, landmarks=fresh, words=transcript.words, speed=view.speed, **options)


def _handle_key(key: int, pipeline: Pipeline, recorder: VideoRecorder, transcript: Transcript) -> bool:
    """Handle a key; return whether to continue."""
    if key in (ord("q"), ESCAPE):
        return False
    if key == ord(" "):
        pipeline.request(lambda recogniser, time_s: recogniser.start(time_s))
    elif key == ord("m"):
        pipeline.request(lambda recogniser, _: recogniser.reset())
    elif key == ord("r"):
        recorder.toggle()
    elif key == ord("c"):
        transcript.clear()
    elif key in (BACKSPACE, DELETE):
        transcript.undo()
    return True


def _handle_recording_key(
    key: int, session: RecordingSession, prompt: Prompt, time_s: float, log: Callable[[str], None]
) -> bool:
    """Handle a key; return whether to continue."""
    if key in (ord("q"), ESCAPE):
        return False
    if key == ord("n"):
        session.skip()
    elif key == ord(" ") and prompt.phase == "review":
        log(f"kept {session.keep()}")
    elif key in (ord(" "), ord("r")) and prompt.phase in ("ready", "review"):
        session.start(time_s)
    return True


class NameInput:
    """A name that is typed in the window, after t; enter ends it, and escape discards it.

    Attributes:
        prompt: the line to show, "" while no name is typed.
        entered: the name that the last key ended, or "".
    """

    def __init__(self) -> None:
        self.prompt, self.entered = "", ""
        self._typed: str | None = None

    def handle(self, key: int) -> bool:
        """Handle a key; return whether it belonged to a name."""
        self.entered = ""
        if self._typed is None:
            if key != ord("t"):
                return False
            self._typed = ""
        elif key in (ESCAPE, ENTER):
            self.entered, self._typed = self._typed.strip() if key == ENTER else "", None
        elif key in (BACKSPACE, DELETE):
            self._typed = self._typed[:-1]
        elif chr(max(key, 0)).isprintable():
            self._typed += chr(key).upper()  # as glosses are written: a window may tell no capitals
        self.prompt = "" if self._typed is None else f"name of the last movement: {self._typed}_ · enter · escape"
        return True


class VideoRecorder:
    """Writes the pictures that are shown as videos with a constant frame rate; use it in a `with` block.

    Args:
        folder: folder of recordings without a name.
        fps: frames per second of the files.
        log: called with a message about each finished file.
    """

    def __init__(self, folder: Path, *, fps: float, log: Callable[[str], None] = print) -> None:
        self.folder, self.fps, self._log = folder, fps, log
        self._sink: VideoSink | None = None
        self._began_s: float | None = None
        self._size = (0, 0)

    def __enter__(self) -> VideoRecorder:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.stop()
        except Exception:
            if error is None:  # else it is what happened first that explains the rest
                raise

    @property
    def on(self) -> bool:
        """Whether it is recording."""
        return self._sink is not None

    def start(self, path: Path | None = None) -> None:
        """Begin a recording, under the next free name unless one is given."""
        self.stop()
        self._sink, self._began_s = VideoSink(path or next_free(self.folder, "live"), fps=self.fps), None

    def stop(self) -> None:
        """Finish the recording: its file is complete then."""
        if self._sink is not None:
            sink, self._sink = self._sink, None
            sink.close()
            self._log(f"recorded {sink.count} frames: {sink.path}" if sink.count else "recorded nothing")

    def toggle(self) -> None:
        """Begin a recording, or finish the current one."""
        if self.on:
            self.stop()
        else:
            self.start()

    def write(self, picture: np.ndarray, time_s: float) -> None:
        """Record a picture that was shown at a time; it lasts until the next one."""
        if self._sink is None:
            return
        if self._began_s is None:
            self._began_s, self._size = time_s, (picture.shape[1], picture.shape[0])
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = np.asarray(cv2.resize(picture, self._size))
        due = int((time_s - self._began_s) * self.fps + 1e-3) + 1
        while self._sink.count < due:
            self._sink.write(picture)


def next_free(folder: Path, name: str) -> Path:
    """Return the first of live-01.mp4, live-02.mp4, … that does not exist yet."""
    number = 1
    while (path := folder / f"{name}-{number:02d}.mp4").exists():
        number += 1
    return path


class _Screen:
    """An OpenCV window."""

    def __init__(self, title: str) -> None:
        self._title, self._shown = title, False

    def show(self, picture: np.ndarray) -> None:
        if not self._shown:
            cv2.resizeWindow(self._title, picture.shape[1], picture.shape[0])
        cv2.imshow(self._title, picture[..., ::-1])
        self._shown = True

    def key(self) -> int:
        """Return the key that was pressed, -1 for none, escape where the window was closed."""
        key = cv2.waitKeyEx(1)
        if self._shown and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            return ESCAPE
        code = key & 0xFFFF  # without the state of Shift, Caps Lock and the like
        # Other codes are of arrows and such keys; backspace, enter and escape have two.
        return code & 0xFF if key >= 0 and (code < 0x100 or code in (0xFF08, 0xFF0D, 0xFF1B)) else -1


@contextmanager
def _open_window(title: str = TITLE) -> Iterator[_Screen]:
    require_display()
    cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | getattr(cv2, "WINDOW_GUI_NORMAL", 0))
    try:
        yield _Screen(title)
    finally:
        cv2.destroyAllWindows()


def require_display() -> None:
    """Check that a window can be opened: without a display OpenCV would end the whole program.

    Raises:
        LiveError: there is no display, or this OpenCV cannot open windows.
    """
    remedy = "Use the browser (asl live --web), or no window (--no-window, with --record out.mp4 to see it afterwards)."
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise LiveError(f"There is no display to open a window on. {remedy}")
    attempt = "import cv2; cv2.namedWindow('a'); cv2.destroyAllWindows()"
    try:
        done = subprocess.run([sys.executable, "-c", attempt], capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired as error:
        raise LiveError(f"The display has not opened a window within {error.timeout:.0f} s. {remedy}") from error
    if done.returncode:
        words = done.stderr.strip().splitlines()
        reason = words[-1] if words else f"it ended with code {done.returncode}"
        raise LiveError(f"OpenCV cannot open a window ({reason}). {remedy}")

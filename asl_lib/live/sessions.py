"""Sessions of the live page: every open page has its own tracker, words and settings, and trackers are limited."""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from asl_lib.live.errors import LiveError
from asl_lib.live.networks import Models
from asl_lib.live.recogniser import FrameRecogniser, LiveSettings, Recognition
from asl_lib.live.record import PageRecording, Prompt, RecordingSession
from asl_lib.live.words import Transcript

MAX_PAGES = 500
FORGOTTEN_AFTER_S = 3600.0
MIN_INTERVAL_S = 0.004
"""No camera of a page gives 250 frames a second: a frame that follows the last one faster is left out."""
MAX_WAITING = 2
"""Frames of one page at a time: one that is processed, one on its way. More would only be old when their turn comes."""


@dataclass
class Session:
    """One open page.

    Attributes:
        token: its secret, which every one of its requests carries.
        model: name of the model that it uses.
        settings: how its recogniser decides.
        transcript: its words.
        recogniser: its tracker and classifier, while its camera runs.
        newest_s: time of its newest frame, on the page's clock.
        heard_s: time of its last request, on the server's clock.
        recording: its frames and words, while they are recorded.
        recorder: the recording session that prompts for signs, while there is one.
        lock: held while a frame or a command of the page is processed.
    """

    token: str
    model: str
    settings: LiveSettings
    transcript: Transcript = field(default_factory=Transcript)
    recogniser: FrameRecogniser | None = None
    newest_s: float = -math.inf
    heard_s: float = 0.0
    recording: PageRecording | None = None
    recorder: RecordingSession | None = None
    waiting: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def require_recorder(self) -> RecordingSession:
        """Return the page's recording session.

        Raises:
            LiveError: there is none.
        """
        if self.recorder is None:
            raise LiveError("No recording session is open. Press Begin.", status=409)
        return self.recorder


class Sessions:
    """The open pages; use it in a `with` block.

    Args:
        models: the models to choose from; new pages use the first.
        max_sessions: how many pages may have a tracker at a time.
        silence_s: seconds without a request after which a tracker is closed and its place is free.
        clock: monotonic clock in seconds.

    Raises:
        ValueError: `max_sessions` is below 1.
    """

    def __init__(
        self,
        models: Models,
        *,
        max_sessions: int = 4,
        silence_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_sessions < 1:
            raise ValueError(f"At least 1 person must be able to use the page at once; got {max_sessions}.")
        self.models, self.max_sessions, self.silence_s = models, max_sessions, silence_s
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._places: set[str] = set()
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_repeatedly, name="live-sessions", daemon=True)

    def __enter__(self) -> Sessions:
        self._sweeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all trackers."""
        self._closed.set()
        for token in list(self._sessions):
            self.end(token)

    @property
    def active(self) -> int:
        """Number of pages that have a tracker now."""
        return len(self._places)

    @property
    def open_pages(self) -> list[Session]:
        """The sessions of all open pages, oldest first."""
        return list(self._sessions.values())

    def begin(self) -> Session:
        """Return a new session for a page that was opened.

        Raises:
            LiveError: too many pages are open.
        """
        self.sweep()
        with self._lock:
            if len(self._sessions) >= MAX_PAGES:
                raise LiveError(f"{MAX_PAGES} pages are open, which is the limit. Close some of them.", status=503)
            name = self.models.names[0]
            settings = LiveSettings(threshold=self.models.threshold(name))
            transcript = Transcript(spelling=self.models.spells(name))
            session = Session(secrets.token_urlsafe(24), name, settings, transcript, heard_s=self._clock())
            self._sessions[session.token] = session
            return session

    def get(self, token: str) -> Session:
        """Return the session of a token.

        Raises:
            LiveError: the token is unknown, or its session has been forgotten.
        """
        session = self._sessions.get(token)
        if session is None:
            raise LiveError(
                "The server does not know this page: it was started again, or the page sent nothing for an hour. Load "
                "the page again.",
                status=410,
            )
        session.heard_s = self._clock()
        return session

    def recognise(self, token: str, frame: np.ndarray, time_s: float) -> Recognition | None:
        """Process the next frame of a page.

        Args:
            token: the page's.
            frame: (H, W, 3) uint8 RGB, not mirrored.
            time_s: when it was taken, on the page's own clock.

        Returns:
            What is recognised, or None for a frame that comes too late or too soon after the last one.

        Raises:
            LiveError: the page is unknown, or all places are taken.
        """
        session = self.get(token)
        with self._turn(session, time_s) as processed:
            if not processed:
                return None
            self._take_place(session)
            recogniser = self._recogniser(session)
            session.newest_s = time_s
            return self._add_word(session, recogniser.process(frame, time_s))

    def prompt(self, token: str, frame: np.ndarray, time_s: float) -> Prompt | None:
        """Process the next frame of a page that records signs; see `recognise`.

        Raises:
            LiveError: the page is unknown, has no recording session, or all places are taken.
        """
        session = self.get(token)
        with self._turn(session, time_s) as processed:
            recorder = session.require_recorder()
            if not processed:
                return None
            self._take_place(session)
            session.newest_s = time_s
            return recorder.process(frame, time_s)

    def finish(self, token: str) -> Recognition | None:
        """Return what is recognised at the end of a clip, where a sign in progress ends; None without a recogniser."""
        session = self.get(token)
        with session.lock:
            return self._add_word(session, session.recogniser.finish()) if session.recogniser else None

    def restart(self, token: str) -> None:
        """Forget the frames of a page, but not its words: a camera or another clip starts."""
        session = self.get(token)
        with session.lock:
            session.newest_s = -math.inf
            if session.recogniser is not None:
                session.recogniser.reset()

    def change(self, session: Session, *, model: str | None = None, threshold: float | None = None) -> None:
        """Use another model, with its own default threshold, or another threshold from the next frame on.

        Raises:
            LiveError: there is no such model.
        """
        if model is not None and model not in self.models.names:
            raise LiveError(f"There is no model '{model[:100]}'. There are: {', '.join(self.models.names)}.")
        with session.lock:
            if model is not None and model != session.model:
                session.model = model
                self._close_tracker(session)
                if self.models.spells(model) != session.transcript.spelling:
                    session.transcript = Transcript(spelling=self.models.spells(model))
                threshold = self.models.threshold(model) if threshold is None else threshold
            if threshold is not None:
                session.settings = replace(session.settings, threshold=threshold)
                if session.recogniser is not None:
                    session.recogniser.settings = replace(session.recogniser.settings, threshold=threshold)

    def rest(self, token: str) -> None:
        """Close the tracker of a page whose camera has stopped; its words and settings stay."""
        self._free(self.get(token))

    def end(self, token: str) -> None:
        """Forget a page."""
        with self._lock:
            session = self._sessions.pop(token, None)
        if session is not None:
            self._free(session)

    def sweep(self) -> None:
        """Close the trackers of pages that send nothing any more, and forget pages that sent nothing for an hour."""
        now = self._clock()
        for token, session in list(self._sessions.items()):
            silent_s = now - session.heard_s
            if silent_s > FORGOTTEN_AFTER_S:
                self.end(token)
            elif silent_s > self.silence_s and token in self._places:
                self._free(session)

    def _sweep_repeatedly(self) -> None:
        while not self._closed.wait(min(10.0, self.silence_s / 2)):
            try:
                self.sweep()
            except Exception:  # a tracker that cannot be closed must not keep the others open
                logging.getLogger(__name__).exception("A tracker could not be closed.")

    @contextlib.contextmanager
    def _turn(self, session: Session, time_s: float) -> Iterator[bool]:
        """Wait for the page's turn; yield False for a frame that is not processed: too many wait, or it is too old."""
        with self._lock:
            free = session.waiting < MAX_WAITING
            session.waiting += free
        if not free:
            yield False
            return
        try:
            with session.lock:
                yield time_s >= session.newest_s + MIN_INTERVAL_S
        finally:
            with self._lock:
                session.waiting -= 1

    def _recogniser(self, session: Session) -> FrameRecogniser:
        if session.recogniser is None:
            try:
                session.recogniser = self.models.open(session.model, session.settings)
            except BaseException:
                self._leave(session.token)
                raise
        return session.recogniser

    def _take_place(self, session: Session) -> None:
        """Take one of the places, unless the page has one.

        Raises:
            LiveError: none is free, or the page was closed while its frame waited.
        """
        self.get(session.token)
        with self._lock:
            if session.token not in self._places and len(self._places) >= self.max_sessions:
                people = "1 person uses" if self.max_sessions == 1 else f"{self.max_sessions} people use"
                raise LiveError(
                    f"{people} the recogniser now, and all places are taken. This page continues by itself as soon as "
                    "one is free.",
                    status=503,
                )
            self._places.add(session.token)

    def _free(self, session: Session) -> None:
        """Free a page's place and all its memory except its words."""
        with session.lock:
            session.recording = session.recorder = None
            self._close_tracker(session)
        self._leave(session.token)

    @staticmethod
    def _add_word(session: Session, recognition: Recognition) -> Recognition:
        if recognition.committed:
            session.transcript.add(recognition.committed)
        return recognition

    @staticmethod
    def _close_tracker(session: Session) -> None:
        session.newest_s = -math.inf
        if session.recogniser is not None:
            recogniser, session.recogniser = session.recogniser, None
            recogniser.close()

    def _leave(self, token: str) -> None:
        with self._lock:
            self._places.discard(token)

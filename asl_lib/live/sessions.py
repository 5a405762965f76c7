"""Who is on the live page: every open page has its own tracker, words and settings, and there is a limit to them."""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from asl_lib.live.errors import SessionError
from asl_lib.live.pipeline import Looker
from asl_lib.live.recogniser import LiveSettings, Seen
from asl_lib.live.record import Prompt, RecordingSession
from asl_lib.live.recording import Recording
from asl_lib.live.transcript import Transcript

MOST_PAGES = 500
NOBODY_ASKS = "No signs are being asked for. Press Begin."
FORGOTTEN_AFTER_S = 3600.0
CLOSEST_S = 0.004
"""No camera of a page gives 250 frames a second: what comes closer to the last frame is left out."""
MOST_WAITING = 2
"""Frames of one page at a time: one that is looked at, one on its way. More would only be old when their turn comes."""


class PageLooker(Looker, Protocol):
    """What looks at a page's frames: a `Recogniser`, a `LetterBox`."""

    settings: LiveSettings

    def close(self) -> None: ...


@dataclass
class Session:
    """One open page.

    Attributes:
        token: its secret, which every one of its frames carries.
        owner: what Gradio calls the page.
        model: name of the model it uses.
        settings: how its recogniser decides.
        transcript: its words.
        recogniser: its tracker and what it has seen, while its camera runs.
        newest_s: time of its newest frame, on its own clock.
        heard_s: when it was last heard of, on ours.
        recording: what is being kept of it, where somebody has asked for that.
        recorder: what asks for signs to record, while that goes on.
    """

    token: str
    owner: str
    model: str
    settings: LiveSettings
    transcript: Transcript = field(default_factory=Transcript)
    recogniser: PageLooker | None = None
    newest_s: float = -math.inf
    heard_s: float = 0.0
    recording: Recording | None = None
    recorder: RecordingSession | None = None
    waiting: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """The open pages; use it in a `with` block.

    Args:
        open_recogniser: makes the recogniser of a page from the name of a model and settings.
        most: how many pages may have a tracker at a time.
        silence_s: after so long without a frame a tracker is closed, and its place is free again.
        clock: seconds of a clock that does not run backwards.
    """

    def __init__(
        self,
        open_recogniser: Callable[[str, LiveSettings], PageLooker],
        *,
        most: int = 4,
        silence_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if most < 1:
            raise ValueError(f"most must be at least 1; got {most}. It is how many people can use the page at once.")
        self.most, self.silence_s = most, silence_s
        self._open_recogniser, self._clock = open_recogniser, clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._places: set[str] = set()
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_on, name="live-sessions", daemon=True)

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
        """How many pages have a tracker now."""
        return len(self._places)

    def begin(self, *, owner: str, model: str) -> Session:
        """Return a new session for a page that was opened.

        Raises:
            SessionError: far too many pages are open.
        """
        self.sweep()
        with self._lock:
            if len(self._sessions) >= MOST_PAGES:
                raise SessionError(f"{MOST_PAGES} pages are open, which is the limit. Close some of them.", status=503)
            session = Session(secrets.token_urlsafe(24), owner, model, LiveSettings(), heard_s=self._clock())
            self._sessions[session.token] = session
            return session

    def get(self, token: str) -> Session:
        """Return the session of a token.

        Raises:
            SessionError: there is none (any more).
        """
        session = self._sessions.get(token)
        if session is None:
            raise SessionError(
                "The server does not know this page any more: it was started again, or the page was silent for an "
                "hour. Load the page again.",
                status=410,
            )
        session.heard_s = self._clock()
        return session

    def of(self, owner: str) -> Session | None:
        """Return the session of the page that Gradio calls `owner`, or None."""
        return next((session for session in list(self._sessions.values()) if session.owner == owner), None)

    def see(self, token: str, frame: np.ndarray, time_s: float) -> Seen | None:
        """Recognise the next frame of a page; return None where it came too late to be of use.

        Args:
            token: the page's.
            frame: (H, W, 3) uint8 RGB, not mirrored.
            time_s: when it was taken, on the page's own clock.

        Raises:
            SessionError: the page is unknown, or all places are taken.
        """
        session = self.get(token)
        with self._turn(session) as free:
            if not free or time_s < session.newest_s + CLOSEST_S:
                return None
            recogniser = self._recogniser(session)
            session.newest_s = time_s
            return self._take_in(session, recogniser.see(frame, time_s))

    def prompt(self, token: str, frame: np.ndarray, time_s: float) -> Prompt | None:
        """Show the next frame of a page to what asks it for signs; return None where it came too late to be of use.

        Raises:
            SessionError: the page is unknown, or has not begun to record signs.
        """
        session = self.get(token)
        with self._turn(session) as free:
            if session.recorder is None:
                raise SessionError(NOBODY_ASKS, status=409)
            if not free or time_s < session.newest_s + CLOSEST_S:
                return None
            self._take_place(session)
            session.newest_s = time_s
            return session.recorder.see(frame, time_s)

    def finish(self, token: str) -> Seen | None:
        """Return what is known at the end of a clip: a sign that was in progress has ended."""
        session = self.get(token)
        with session.turn:
            return self._take_in(session, session.recogniser.finish()) if session.recogniser else None

    def restart(self, token: str) -> None:
        """Forget what was seen, not the words: another clip begins, or the camera."""
        session = self.get(token)
        with session.turn:
            session.newest_s = -math.inf
            if session.recogniser is not None:
                session.recogniser.reset()

    def change(
        self, session: Session, *, model: str | None = None, spelling: bool = False, threshold: float | None = None
    ) -> None:
        """Use another model (of letters, where that is `spelling`) or another threshold from the next frame on."""
        with session.turn:
            if threshold is not None:
                session.settings = replace(session.settings, threshold=threshold)
                if session.recogniser is not None:
                    session.recogniser.settings = session.settings
            if model is not None and model != session.model:
                session.model = model
                self._close_tracker(session)
                if spelling != session.transcript.spelling:
                    session.transcript = Transcript(spelling=spelling)

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
        """Close the trackers of pages that have fallen silent, and forget pages that have been so for an hour."""
        now = self._clock()
        for token, session in list(self._sessions.items()):
            silent_s = now - session.heard_s
            if silent_s > FORGOTTEN_AFTER_S:
                self.end(token)
            elif silent_s > self.silence_s and token in self._places:
                self._free(session)

    def _sweep_on(self) -> None:
        while not self._closed.wait(min(10.0, self.silence_s / 2)):
            try:
                self.sweep()
            except Exception:  # a tracker that cannot be closed must not keep the others open
                logging.getLogger(__name__).exception("A tracker could not be closed.")

    @contextlib.contextmanager
    def _turn(self, session: Session) -> Iterator[bool]:
        """Wait for a page's turn; give False where as many of its frames as may are waiting already."""
        with self._lock:
            free = session.waiting < MOST_WAITING
            session.waiting += free
        if not free:
            yield False
            return
        try:
            with session.turn:
                yield True
        finally:
            with self._lock:
                session.waiting -= 1

    def _recogniser(self, session: Session) -> PageLooker:
        self._take_place(session)
        if session.recogniser is None:
            try:
                session.recogniser = self._open_recogniser(session.model, session.settings)
            except BaseException:
                self._leave(session.token)
                raise
        return session.recogniser

    def _take_place(self, session: Session) -> None:
        """Take one of the places, unless the page has one.

        Raises:
            SessionError: none is free, or the page ended while its frame waited.
        """
        self.get(session.token)
        with self._lock:
            if session.token not in self._places and len(self._places) >= self.most:
                people = "1 person uses" if self.most == 1 else f"{self.most} people use"
                raise SessionError(
                    f"{people} the recogniser now, and it has no more places. This page will go on by itself as soon "
                    "as one of them stops.",
                    status=503,
                )
            self._places.add(session.token)

    def _free(self, session: Session) -> None:
        """Take back a page's place and all that it holds in memory but its words."""
        with session.turn:
            session.recording = session.recorder = None
            self._close_tracker(session)
        self._leave(session.token)

    @staticmethod
    def _take_in(session: Session, seen: Seen) -> Seen:
        if seen.committed:
            session.transcript.add(seen.committed)
        return seen

    @staticmethod
    def _close_tracker(session: Session) -> None:
        session.newest_s = -math.inf
        if session.recogniser is not None:
            recogniser, session.recogniser = session.recogniser, None
            recogniser.close()

    def _leave(self, token: str) -> None:
        with self._lock:
            self._places.discard(token)

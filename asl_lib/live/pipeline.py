"""Camera, recognition and picture, each at its own speed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Protocol

import numpy as np

from asl_lib.live.recogniser import Seen
from asl_lib.live.sources import Newest, Source

RECENT = 60
"""Frames that rates and latencies are taken over."""


@dataclass(frozen=True)
class Speed:
    """How fast it goes.

    Attributes:
        fps: recognised frames per second.
        latency_ms: median time from a frame's arrival to what is recognised in it.
        dropped: frames that came while another one was looked at, and were left out.
        recognised: frames that were looked at.
    """

    fps: float = 0.0
    latency_ms: float = 0.0
    dropped: int = 0
    recognised: int = 0


class SpeedMeter:
    """Measures `Speed` over the last frames."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=RECENT)
        self._latencies: deque[float] = deque(maxlen=RECENT)
        self._count = 0

    def note(self, came: float) -> None:
        """Note that the frame that came then, on `time.monotonic`, has been recognised now."""
        now = time.monotonic()
        self._ends.append(now)
        self._latencies.append(now - came)
        self._count += 1

    def speed(self, *, dropped: int = 0) -> Speed:
        """Return the speed over the last frames."""
        if len(self._ends) < 2:
            return Speed(dropped=dropped, recognised=self._count)
        span = max(self._ends[-1] - self._ends[0], 1e-9)
        return Speed((len(self._ends) - 1) / span, 1000 * median(self._latencies), dropped, self._count)


@dataclass(frozen=True)
class View:
    """What to show: the newest (H, W, 3) uint8 RGB frame and its time, what was seen last, how fast that goes."""

    time_s: float
    frame: np.ndarray
    seen: Seen
    speed: Speed


class Looker(Protocol):
    """What looks at frames: a `Recogniser`, a `LetterBox`."""

    def see(self, frame: np.ndarray, time_s: float) -> Seen: ...

    def start(self, time_s: float, *, countdown_s: float = ..., capture_s: float = ...) -> None: ...

    def reset(self) -> None: ...

    def finish(self) -> Seen: ...


class Pipeline:
    """Runs a recogniser on the newest frames of a source, in threads of its own; use it in a `with` block.

    The picture never waits: of a live source `view` gives every frame as it comes, with what was seen last, however
    long recognition takes. Of a file that is not played at its own speed it gives each frame with what was seen in it.

    Args:
        source: where frames come from.
        recogniser: what looks at them; it is used by one thread only, so talk to it through `ask`.
        on_word: what to call, in that thread, with each word that is committed.
    """

    def __init__(self, source: Source, recogniser: Looker, *, on_word: Callable[[str], None] | None = None) -> None:
        self._changed = threading.Condition()
        self._newest = Newest(source, changed=self._changed)
        self._live, self._recogniser, self._on_word = source.live, recogniser, on_word
        self._seen, self._speed = Seen(0.0), Speed()
        self._frame: tuple[float, np.ndarray] | None = None
        self._number, self._taken, self._shown = 0, 0, 0
        self._requests: deque[Callable[[Looker, float], None]] = deque()
        self._stop, self._ended = False, False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="recognition", daemon=True)

    def __enter__(self) -> Pipeline:
        self._newest.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self._newest.__exit__()
        self._thread.join(timeout=10)

    def ask(self, request: Callable[[Looker, float], None]) -> None:
        """Have a function called with the recogniser and the time of the next frame, before that is looked at."""
        self._requests.append(request)

    def view(self, *, timeout_s: float = 0.1) -> View | None:
        """Return what to show now, or None where there is nothing new.

        Raises:
            LiveError: the source broke down; views from before have been given.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_news() or self._ended, timeout=timeout_s)
            if self._has_news():
                self._taken, self._shown = self._number, self._newest.count
                self._changed.notify_all()
                picture = self._newest.picture if self._live else self._frame
                return None if picture is None else View(*picture, self._seen, self._speed)
            if self._ended and self._error is not None:
                raise self._error
            return None

    @property
    def ended(self) -> bool:
        """Whether the source has ended well and its last view was given: of one that broke down `view` tells."""
        with self._changed:
            return self._ended and not self._has_news() and self._error is None

    def _has_news(self) -> bool:
        return self._number > self._taken or (self._live and self._newest.count > self._shown)

    def _work(self) -> None:
        meter = SpeedMeter()
        try:
            while not self._stop:
                taken = self._newest.take(timeout_s=0.5)
                if taken is None:
                    if self._newest.ended:
                        break
                    continue
                time_s, frame, came = taken
                while self._requests:
                    self._requests.popleft()(self._recogniser, time_s)
                seen = self._recogniser.see(frame, time_s)
                meter.note(came)
                self._publish(seen, meter.speed(dropped=self._newest.dropped), (time_s, frame))
            if self._frame is not None and not self._stop:
                self._publish(self._recogniser.finish(), self._speed, self._frame)
        except Exception as error:  # noqa: BLE001  (whatever it is, the thread that shows the picture has to know)
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _publish(self, seen: Seen, speed: Speed, frame: tuple[float, np.ndarray]) -> None:
        if seen.committed and self._on_word is not None:
            self._on_word(seen.committed)
        with self._changed:
            if not self._live:  # every frame is wanted
                self._changed.wait_for(lambda: self._taken == self._number or self._stop)
            self._seen, self._speed, self._frame = seen, speed, frame
            self._number += 1
            self._changed.notify_all()

"""Reading, recognition and display, each at its own speed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from asl_lib.live.recogniser import FrameRecogniser, Recognition
from asl_lib.live.sources import FrameReader, Source

RECENT = 60
"""Frames over which rates and latencies are measured."""


@dataclass(frozen=True)
class Speed:
    """Rate and latency of recognition.

    Attributes:
        fps: recognised frames per second.
        latency_ms: median time from a frame's arrival to its recognition.
        dropped: frames that arrived while another one was processed, and were left out.
        recognised: frames that were processed.
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

    def add(self, arrived: float) -> None:
        """Add a frame that arrived at a time of `time.monotonic` and has been recognised now."""
        now = time.monotonic()
        self._ends.append(now)
        self._latencies.append(now - arrived)
        self._count += 1

    def speed(self, *, dropped: int = 0) -> Speed:
        """Return the speed over the last frames."""
        if len(self._ends) < 2:
            return Speed(dropped=dropped, recognised=self._count)
        span = max(self._ends[-1] - self._ends[0], 1e-9)
        return Speed((len(self._ends) - 1) / span, 1000 * median(self._latencies), dropped, self._count)


@dataclass(frozen=True)
class View:
    """What to show: the newest (H, W, 3) uint8 RGB frame and its time, the last recognition, and its speed."""

    time_s: float
    frame: np.ndarray
    recognition: Recognition
    speed: Speed


class Pipeline:
    """Runs a recogniser on the newest frames of a source in separate threads; use it in a `with` block.

    Display never waits: for a live source `view` returns every frame as it arrives, with the last recognition, however
    long recognition takes. For a file that is not played at its own speed it returns each frame with its recognition.

    Args:
        source: the frames.
        recogniser: used by one thread only; other threads reach it through `request`.
        on_word: called in that thread with each word that is committed.
    """

    def __init__(
        self, source: Source, recogniser: FrameRecogniser, *, on_word: Callable[[str], None] | None = None
    ) -> None:
        self._changed = threading.Condition()
        self._reader = FrameReader(source, changed=self._changed)
        self._live, self._recogniser, self._on_word = source.live, recogniser, on_word
        self._recognition, self._speed = Recognition(0.0), Speed()
        self._frame: tuple[float, np.ndarray] | None = None
        self._number, self._taken, self._shown = 0, 0, 0
        self._requests: deque[Callable[[FrameRecogniser, float], None]] = deque()
        self._stop, self._ended = False, False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="recognition", daemon=True)

    def __enter__(self) -> Pipeline:
        self._reader.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self._reader.__exit__()
        self._thread.join(timeout=10)

    def request(self, request: Callable[[FrameRecogniser, float], None]) -> None:
        """Call a function with the recogniser and the time of the next frame, before that frame is processed."""
        self._requests.append(request)

    def view(self, *, timeout_s: float = 0.1) -> View | None:
        """Return what to show now, or None where there is nothing new.

        Raises:
            LiveError: the source failed; all earlier views have been returned.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._has_news() or self._ended, timeout=timeout_s)
            if self._has_news():
                self._taken, self._shown = self._number, self._reader.count
                self._changed.notify_all()
                picture = self._reader.picture if self._live else self._frame
                return None if picture is None else View(*picture, self._recognition, self._speed)
            if self._ended and self._error is not None:
                raise self._error
            return None

    @property
    def ended(self) -> bool:
        """Whether the source has ended and its last view was returned; where it failed, `view` raises the error."""
        with self._changed:
            return self._ended and not self._has_news() and self._error is None

    @property
    def count(self) -> int:
        """How many frames have arrived."""
        return self._reader.count

    @property
    def dropped(self) -> int:
        """How many of them were left out because another one was being processed."""
        return self._reader.dropped

    def _has_news(self) -> bool:
        return self._number > self._taken or (self._live and self._reader.count > self._shown)

    def _work(self) -> None:
        meter = SpeedMeter()
        try:
            while not self._stop:
                taken = self._reader.take(timeout_s=0.5)
                if taken is None:
                    if self._reader.ended:
                        break
                    continue
                time_s, frame, arrived = taken
                while self._requests:
                    self._requests.popleft()(self._recogniser, time_s)
                recognition = self._recogniser.process(frame, time_s)
                meter.add(arrived)
                self._publish(recognition, meter.speed(dropped=self._reader.dropped), (time_s, frame))
            if self._frame is not None and not self._stop:
                self._publish(self._recogniser.finish(), self._speed, self._frame)
        except Exception as error:  # noqa: BLE001  (any error must reach the thread that displays)
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _publish(self, recognition: Recognition, speed: Speed, frame: tuple[float, np.ndarray]) -> None:
        if recognition.committed and self._on_word is not None:
            self._on_word(recognition.committed)
        with self._changed:
            if not self._live:  # every frame is wanted
                self._changed.wait_for(lambda: self._taken == self._number or self._stop)
            self._recognition, self._speed, self._frame = recognition, speed, frame
            self._number += 1
            self._changed.notify_all()

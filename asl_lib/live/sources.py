"""Sources of frames: a camera, a stream, a file; and a reader that keeps the newest frame."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from asl_lib.data.video import VideoReader, video_info
from asl_lib.live.errors import LiveError

STREAMS = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://")
SILENCE_S = 5.0
"""A camera that sends no picture for this long has failed."""
RETRY_S = 0.05


class Source(Protocol):
    """Frames with their times.

    Attributes:
        name: its name in messages.
        fps: frames per second where they are known beforehand (a file), else 0.
        live: whether frames that are not taken in time are lost.
    """

    name: str
    fps: float
    live: bool

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (time in seconds, (H, W, 3) uint8 RGB frame) until it ends.

        Raises:
            LiveError: the source cannot be used, or has failed.
        """
        ...


def open_source(text: str, *, pace: bool = True, loop: bool = False, log: Callable[[str], None] = print) -> Source:
    """Return the source for "0" (a camera), "clip.mp4" or "rtsp://…".

    Args:
        text: number of a camera, address of a stream, or path of a video.
        pace: play a file at its own speed, like a camera; otherwise as fast as its frames are taken.
        loop: play a file again when it ends.
        log: called with a message where a file is incomplete.

    Raises:
        LiveError: there is no such file.
        MediaError: the file is not a video.
    """
    if text.strip().isdigit():
        return Camera(int(text))
    if text.lower().startswith(STREAMS):
        return Camera(text)
    if not Path(text).is_file():
        raise LiveError(
            f"There is no video at {text}. --source takes the number of a camera (0), the path of a video, or the "
            "address of a stream (rtsp://…)."
        )
    return VideoFile(text, pace=pace, loop=loop, log=log)


class VideoFile:
    """The frames of a file, each at its own time, and all in the size of the first, as extraction sees them."""

    def __init__(
        self, path: str | Path, *, pace: bool = True, loop: bool = False, log: Callable[[str], None] = print
    ) -> None:
        self.path, self.loop, self.live, self._log = Path(path), loop, pace, log
        self.name = self.path.name
        self.fps = video_info(self.path).fps

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield the frames; a file that is shorter than its header says ends early, which is logged once."""
        started, begin_s, time_s, logged = time.monotonic(), 0.0, 0.0, False
        while True:
            with VideoReader(self.path) as video:
                for since_s, picture in video.frames_of_one_size():
                    time_s = begin_s + since_s
                    if self.live:
                        time.sleep(max(0.0, started + time_s - time.monotonic()))
                    yield time_s, picture
                problem = video.report().problem
            if problem and not logged:
                self._log(f"{self.path} is incomplete: {problem}. Only these frames are used.")
                logged = True
            if not self.loop:
                return
            begin_s = time_s + 1 / self.fps


class Camera:
    """A camera of this machine, by number, or a stream, by address.

    Times are those of arrival; a video at an address that has an end is played at its own speed, as a file is.
    """

    live = True
    fps = 0.0

    def __init__(self, device: int | str) -> None:
        self.device = device
        self.name = f"camera {device}" if isinstance(device, int) else device.partition("?")[0]

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield frames until the stream has ended, or the camera has sent none for five seconds."""
        capture = self._open()
        stream = not isinstance(self.device, int)
        has_end = stream and capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        started = last = time.monotonic()
        count = 0
        try:
            while True:
                asked = time.monotonic()
                ok, frame = capture.read()
                now = time.monotonic()
                if ok and frame is not None and frame.size:
                    last, count, time_s = now, count + 1, now - started
                    if has_end:
                        time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                        time.sleep(max(0.0, started + time_s - now))
                    yield time_s, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                elif stream and count and now - asked < SILENCE_S / 2:
                    return  # at once, not after waiting in vain: the sender has ended the stream
                elif now - last > SILENCE_S or not capture.isOpened():
                    remedy = (
                        "the network and the sender" if stream else "its cable, and whether another program uses it"
                    )
                    raise LiveError(
                        f"The {self.name} stopped sending pictures after {count} frames. Check {remedy}, "
                        "and start again."
                    )
                else:
                    time.sleep(RETRY_S)
        finally:
            capture.release()

    def _open(self) -> Any:
        if isinstance(self.device, int):
            capture = cv2.VideoCapture(self.device)
        else:
            waits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(1000 * SILENCE_S), cv2.CAP_PROP_READ_TIMEOUT_MSEC]
            capture = cv2.VideoCapture(self.device, cv2.CAP_FFMPEG, [*waits, int(1000 * SILENCE_S)])
        if not capture.isOpened():
            capture.release()
            raise LiveError(_no_camera(self.device, self.name))
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # no old frames; not every driver supports it
        return capture


def _no_camera(device: int | str, name: str) -> str:
    if not isinstance(device, int):
        return f"The stream {name} cannot be opened. Check the address, and that this machine reaches it."
    allow = {
        "darwin": "allow the terminal to use the camera in System Settings, Privacy",
        "win32": "allow desktop apps to use the camera in Settings, Privacy",
    }.get(sys.platform, "check that /dev/video* exists and that you may read it")
    return (
        f"The {name} cannot be opened: there is none, or another program uses it. Try another number (--source 1), "
        f"{allow}, or use a video (--source clip.mp4). On a server or in a notebook of one, use the camera of the "
        "browser: asl live --web."
    )


class FrameReader:
    """Reads a source in a separate thread and keeps its newest frame; use it in a `with` block.

    Frames that are not taken before the next one arrives are dropped and counted. A source that is not live waits
    instead, so that every frame of a file is processed.

    Args:
        source: what to read.
        changed: notified of every frame and of the end.

    Attributes:
        dropped: number of frames that were not taken.
        count: number of frames that arrived.
        picture: time and frame of the newest one, taken or not.
    """

    def __init__(self, source: Source, *, changed: threading.Condition | None = None) -> None:
        self.source, self.dropped, self.count = source, 0, 0
        self.picture: tuple[float, np.ndarray] | None = None
        self._changed = changed or threading.Condition()
        self._frame: tuple[float, np.ndarray, float] | None = None
        self._ended, self._closed = False, False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, name="frames", daemon=True)

    def __enter__(self) -> FrameReader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        # A camera that hangs in a driver must not keep the program from ending.
        self._thread.join(timeout=2 * SILENCE_S)

    def take(self, *, timeout_s: float | None = None) -> tuple[float, np.ndarray, float] | None:
        """Return (time, frame, its arrival on `time.monotonic`), or None at the end or after the timeout.

        Raises:
            LiveError: the source failed; all earlier frames have been returned.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._ended, timeout=timeout_s)
            taken, self._frame = self._frame, None
            self._changed.notify_all()
            if taken is None and self._error is not None:
                raise self._error
            return taken

    @property
    def ended(self) -> bool:
        """Whether the source has ended and its last frame was taken; where it failed, `take` raises the error."""
        with self._changed:
            return self._ended and self._frame is None and self._error is None

    def _read(self) -> None:
        try:
            for time_s, frame in self.source.frames():
                with self._changed:
                    if not self.source.live:
                        self._changed.wait_for(lambda: self._frame is None or self._closed)
                    if self._closed:
                        return
                    self.dropped += self._frame is not None
                    self.count, self.picture = self.count + 1, (time_s, frame)
                    self._frame = (time_s, frame, time.monotonic())
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001  (any error must reach the thread that takes the frames)
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

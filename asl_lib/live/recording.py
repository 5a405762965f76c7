"""What the live page keeps while its Record button is pressed: the frames as they came, and the words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from asl_lib._util.files import atomic_write
from asl_lib.live.errors import LiveError

LONGEST_S = 60.0
MOST_BYTES = 120_000_000
MOST_GAP_S = 5.0
"""A frame later than this after a minute is a jump of the page's clock: kept, it would make a film of years."""
FPS = 25.0


@dataclass
class Recording:
    """Frames that are being kept, in memory until they are saved.

    Attributes:
        frames: (time in seconds, JPEG file) of each.
        words: (time in seconds, gloss) of each.
    """

    frames: list[tuple[float, bytes]] = field(default_factory=list)
    words: list[tuple[float, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def full(self) -> bool:
        """Whether it has become as long as it may."""
        with self.lock:
            if not self.frames:
                return False
            size = sum(len(jpeg) for _, jpeg in self.frames)
            return self.frames[-1][0] - self.frames[0][0] >= LONGEST_S or size >= MOST_BYTES

    def add(self, time_s: float, jpeg: bytes, word: str = "") -> None:
        """Keep a frame, as a JPEG file, and the word that came with it, unless this is full."""
        if self.full:
            return
        with self.lock:
            if not self.frames or (
                time_s > self.frames[-1][0] and time_s - self.frames[0][0] <= LONGEST_S + MOST_GAP_S
            ):
                self.frames.append((time_s, jpeg))
            if word:
                self.words.append((time_s - self.frames[0][0], word))

    def save(self, folder: Path) -> Path:
        """Write the frames as an mp4 and the words as a text beside it; return the video's path.

        Raises:
            LiveError: there are fewer than two frames.
        """
        from asl_lib.data.video import write_video

        with self.lock:
            frames, words = list(self.frames), list(self.words)
        if len(frames) < 2:
            raise LiveError(
                "A recording must have at least two frames. Wait until the picture moves, then press Record."
            )
        path = folder / f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}.mp4"
        write_video(path, in_even_time(frames, fps=FPS), fps=FPS)
        if words:
            with atomic_write(path.with_suffix(".txt")) as tmp:
                tmp.write_text("".join(f"{at:6.1f} s  {word}\n" for at, word in words), encoding="utf-8")
        return path


def in_even_time(frames: list[tuple[float, bytes]], *, fps: float) -> Iterator[np.ndarray]:
    """Yield (H, W, 3) uint8 RGB frames at a rate, of JPEG files that came when they came: at each time the newest.

    A camera that was turned on the way gives frames of another size; they are fitted into the first one's.
    """
    import cv2

    from asl_lib.live.jpeg import frame_of

    times = np.array([time_s for time_s, _ in frames])
    count = int((times[-1] - times[0]) * fps + 1e-6) + 1
    last, picture = -1, np.empty(0)
    size: tuple[int, int] | None = None
    for index in np.searchsorted(times, times[0] + np.arange(count) / fps + 1e-6, side="right") - 1:
        if index != last:
            last, picture = index, frame_of(frames[index][1])
            size = size or (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
            if (picture.shape[1], picture.shape[0]) != size:
                picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        yield picture

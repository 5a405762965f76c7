"""Recorded clips as a live stream, to try and to measure the live demo without a camera."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from asl_lib._util.console import progress
from asl_lib.data.video import read_frames, video_info, write_video
from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.live.activity import hands_up
from asl_lib.live.networks import Classifier
from asl_lib.live.recogniser import Recogniser, Seen

FPS = 25.0
PAUSE_FRAMES = 12
SIZE = (640, 480)
LATE_S = 1.0
"""A word counts for a sign until so long after the sign's end."""


@dataclass(frozen=True)
class Signed:
    """A sign in a stream: its gloss, when its clip begins and ends, in seconds."""

    gloss: str
    start_s: float
    end_s: float


def join_videos(
    path: str | Path, clips: Iterable[tuple[str, Iterable[np.ndarray]]], *, size: tuple[int, int] = SIZE
) -> list[Signed]:
    """Write clips one after the other into one video of 25 frames a second, with half a second between them.

    Args:
        path: the mp4 to write.
        clips: gloss and (H, W, 3) uint8 RGB frames of each.
        size: width and height of the video; clips of other forms are fitted in, their borders continued.
    """
    signs: list[Signed] = []

    def frames() -> Iterable[np.ndarray]:
        count = 0
        for gloss, clip in clips:
            start, last = count, None
            for frame in clip:
                last = fit_into(frame, size)
                count += 1
                yield last
            signs.append(Signed(gloss, start / FPS, (count - 1) / FPS))
            for _ in range(PAUSE_FRAMES if last is not None else 0):
                count += 1
                yield np.asarray(last)

    write_video(path, frames(), fps=FPS)
    return signs


def fit_into(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a (H, W, 3) frame scaled into (width, height), its borders continued."""
    import cv2

    scale = min(size[0] / frame.shape[1], size[1] / frame.shape[0])
    resized = cv2.resize(frame, (round(frame.shape[1] * scale), round(frame.shape[0] * scale)))
    wide, high = size[0] - resized.shape[1], size[1] - resized.shape[0]
    sides = high // 2, high - high // 2, wide // 2, wide - wide // 2
    return np.asarray(cv2.copyMakeBorder(resized, *sides, cv2.BORDER_REPLICATE))


def replay(path: str | Path, recogniser: Recogniser) -> list[Seen]:
    """Return what a recogniser sees in every frame of a video, and after the last one."""
    info = video_info(path)
    frames = progress(read_frames(path), total=info.frames, description="Recognising", unit="frame")
    seen = [recogniser.see(frame, index / info.fps) for index, frame in enumerate(frames)]
    return [*seen, recogniser.finish()]


def join_landmarks(
    clips: Sequence[tuple[str, Landmarks]], parts: tuple[str, ...]
) -> tuple[list[tuple[float, np.ndarray]], list[Signed]]:
    """Return (time, (L, 4) values) of clips one after the other, as `Recogniser.follow` takes them, and the signs.

    The end of a sign is here when the hands came down. The clips must have been recorded at 25 frames a second, in
    pictures of one size.
    """
    frames: list[tuple[float, np.ndarray]] = []
    signs = []
    for gloss, landmarks in clips:
        points = np.concatenate([landmarks.part(part) for part in parts], axis=1)
        values = np.concatenate([points, ~np.isnan(points[..., :1])], axis=-1, dtype=np.float32)
        size = (landmarks.width, landmarks.height)
        up = [
            index
            for index in range(len(values))
            if hands_up({part: landmarks.part(part)[index] for part in parts}, size)
        ]
        start = len(frames)
        signs.append(Signed(gloss, start / FPS, (start + (up[-1] if up else len(values) - 1)) / FPS))
        for one in [*values, *[values[-1]] * PAUSE_FRAMES]:
            frames.append((len(frames) / FPS, one))
    return frames, signs


@dataclass(frozen=True)
class Said:
    """What one way of recognising made of a stream: the label at every time, and the words."""

    labels: list[tuple[float, str]]
    words: list[tuple[float, str]]

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> Said:
        """Return what a recogniser said."""
        return cls(
            [(one.time_s, one.shown) for one in seen], [(one.time_s, one.committed) for one in seen if one.committed]
        )


def usual_loop(
    frames: Sequence[tuple[float, np.ndarray]], classifier: Callable[[Landmarks], np.ndarray], glosses: Sequence[str],
    parts: tuple[str, ...], *, size: tuple[int, int], window: int = 30, sure: float = 0.5,
) -> Said:  # fmt: skip
    """Name the last frames at every frame, as most tutorials do: what `Recogniser` has to be better than.

    The most probable gloss is shown, and becomes a word whenever its probability reaches `sure` and it is another than
    the last word.
    """
    labels: list[tuple[float, str]] = []
    words: list[tuple[float, str]] = []
    last = deque[np.ndarray](maxlen=window)
    for time_s, values in frames:
        last.append(values)
        if len(last) < window:
            continue
        stacked = np.stack(last)
        probabilities = classifier(Landmarks(stacked[..., :3], stacked[..., 3], parts, FPS, *size))
        best = int(probabilities.argmax())
        labels.append((time_s, glosses[best]))
        if probabilities[best] >= sure and (not words or words[-1][1] != glosses[best]):
            words.append((time_s, glosses[best]))
    return Said(labels, words)


@dataclass(frozen=True)
class Calm:
    """How good what was said is.

    Attributes:
        signs: how many were signed.
        right: how many of them got their word.
        wrong: words that were wrong, or too many.
        changes: how often the label changed.
        needless: how often it changed to a gloss that is neither this sign's nor the last one's.
        delays_s: from the end of each sign that was right to its word.
        seconds: length of the stream.
    """

    signs: int
    right: int
    wrong: int
    changes: int
    needless: int
    delays_s: tuple[float, ...]
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.right} of {self.signs} signs got their word; words wrong or too many: {self.wrong}; changes of the "
            f"label: {self.changes}, to a sign that was not signed: {self.needless}"
        )


def judge(said: Said, signs: Sequence[Signed]) -> Calm:
    """Compare what was said with what was signed."""
    used: set[int] = set()
    delays = []
    for sign in signs:
        own = [
            number
            for number, (time_s, word) in enumerate(said.words)
            if number not in used and word == sign.gloss and sign.start_s <= time_s <= sign.end_s + LATE_S
        ]
        if own:
            used.add(own[0])
            delays.append(said.words[own[0]][0] - sign.end_s)
    changes = needless = 0
    for (_, before), (time_s, label) in pairwise(said.labels):
        if label != before:
            changes += 1
            begun = [sign.gloss for sign in signs if sign.start_s <= time_s]
            needless += bool(label) and label not in begun[-2:]
    seconds = said.labels[-1][0] if said.labels else 0.0
    return Calm(len(signs), len(used), len(said.words) - len(used), changes, needless, tuple(delays), seconds)


def values_of(seen: Sequence[Seen], parts: tuple[str, ...]) -> list[tuple[float, np.ndarray]]:
    """Return (time, (L, 4) values) of what was seen, to follow them once more without tracking again."""
    nothing = {part: np.full((PARTS[part], 4), np.nan, np.float32) for part in parts}
    return [(one.time_s, np.concatenate([one.parts.get(part, nothing[part]) for part in parts])) for one in seen]


def follow(
    frames: Sequence[tuple[float, np.ndarray]], classifier: Classifier, *, size: tuple[int, int], **settings: float
) -> list[Seen]:
    """Return what a new recogniser with these settings sees in frames that were tracked before."""
    from asl_lib.live.recogniser import LiveSettings

    recogniser = Recogniser(classifier, settings=LiveSettings(**settings))  # type: ignore[arg-type]
    seen = [recogniser.follow(values, time_s, size=size) for time_s, values in frames]
    return [*seen, recogniser.finish()]

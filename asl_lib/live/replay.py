"""Recorded clips as a live stream, to try and to evaluate live recognition without a camera."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from asl_lib._util.console import progress_bar
from asl_lib.data.video import Frame, VideoReader, fit_into, video_info, write_video
from asl_lib.landmarks.landmarks import CLOCK_S, PARTS, Landmarks
from asl_lib.live.recogniser import LandmarkClassifier, LiveSettings, Recognition, SignRecogniser, raised_frames

FPS = 25.0
PAUSE_FRAMES = 12
SIZE = (640, 480)
LATE_S = 1.0
"""A word counts for a sign until this long after the end of the sign."""


@dataclass(frozen=True)
class SignInterval:
    """A sign in a stream: its gloss, and the begin and end of its clip in seconds."""

    gloss: str
    start_s: float
    end_s: float


def join_videos(
    path: str | Path, clips: Iterable[tuple[str, Iterable[Frame]]], *, size: tuple[int, int] = SIZE
) -> list[SignInterval]:
    """Write clips into one video of 25 frames a second, with half a second between them, and return their intervals.

    Args:
        path: the mp4 to write.
        clips: gloss and frames of each, as `clip_frames` yields them.
        size: width and height of the video; other clips are scaled to fit, and their border pixels repeated.
    """
    signs: list[SignInterval] = []

    def frames() -> Iterable[np.ndarray]:
        count = 0
        for gloss, clip in clips:
            start, begin_s, last = count, 0.0, None
            for time_s, picture in clip:
                begin_s = time_s if last is None else begin_s
                # A picture is shown until the next one comes.
                while (count - start) / FPS < time_s - begin_s - CLOCK_S:
                    count += 1
                    yield np.asarray(last)
                last = fit_into(picture, size)
            signs.append(SignInterval(gloss, start / FPS, count / FPS))
            for _ in range(1 + PAUSE_FRAMES if last is not None else 0):
                count += 1
                yield np.asarray(last)

    write_video(path, frames(), fps=FPS)
    return signs


def recognise_video(path: str | Path, recogniser: SignRecogniser) -> list[Recognition]:
    """Return what is recognised in every frame of a video, and after the last one."""
    total = video_info(path).frames
    with VideoReader(path) as video:
        frames = progress_bar(video.frames_of_one_size(), total=total, description="Recognising", unit="frame")
        results = [recogniser.process(picture, time_s) for time_s, picture in frames]
    return [*results, recogniser.finish()]


def join_landmarks(
    clips: Sequence[tuple[str, Landmarks]], parts: tuple[str, ...]
) -> tuple[list[tuple[float, np.ndarray]], list[SignInterval]]:
    """Return clips as one stream of (time, (L, 4) landmarks) for `recognise_landmarks`, and their intervals.

    Here a sign ends when the hands are lowered. The clips must have 25 frames a second and pictures of one size.
    """
    frames: list[tuple[float, np.ndarray]] = []
    signs = []
    for gloss, landmarks in clips:
        clip = landmarks.with_parts(parts)
        values = np.concatenate([clip.points, ~np.isnan(clip.points[..., :1])], axis=-1, dtype=np.float32)
        raised = raised_frames(clip)
        start = len(frames)
        signs.append(SignInterval(gloss, start / FPS, (start + (raised[-1] if raised else len(values) - 1)) / FPS))
        for one in [*values, *[values[-1]] * PAUSE_FRAMES]:
            frames.append((len(frames) / FPS, one))
    return frames, signs


@dataclass(frozen=True)
class StreamOutput:
    """What one method recognised in a stream: the label at every time, and the words with their times."""

    labels: list[tuple[float, str]]
    words: list[tuple[float, str]]

    @classmethod
    def of(cls, results: Sequence[Recognition]) -> StreamOutput:
        """Return the output of a recogniser."""
        return cls(
            [(result.time_s, result.shown) for result in results],
            [(result.time_s, result.committed) for result in results if result.committed],
        )


def sliding_window(
    frames: Sequence[tuple[float, np.ndarray]], classifier: Callable[[Landmarks], np.ndarray], glosses: Sequence[str],
    parts: tuple[str, ...], *, size: tuple[int, int], threshold: float, window: int = 30,
) -> StreamOutput:  # fmt: skip
    """Classify the last frames at every frame, as most tutorials do: the baseline for `SignRecogniser`.

    The most probable gloss is shown, and becomes a word whenever its probability reaches `threshold` and it differs
    from the last word.

    Args:
        frames: (time in seconds, (L, 4) landmarks) of each frame.
        classifier: returns the probabilities of a clip.
        glosses: names of its classes.
        parts: parts of the landmarks.
        size: width and height of the frames in px.
        threshold: least probability of a word.
        window: frames that are classified together.
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
        best = int(np.argmax(probabilities))
        labels.append((time_s, glosses[best]))
        if probabilities[best] >= threshold and (not words or words[-1][1] != glosses[best]):
            words.append((time_s, glosses[best]))
    return StreamOutput(labels, words)


@dataclass(frozen=True)
class StreamScore:
    """How the output of a stream compares with the signs in it.

    Attributes:
        named: whether each sign got its word.
        wrong: number of words that are wrong or superfluous.
        changes: how often the label changed.
        needless: how often it changed to a gloss that is neither this sign's nor the last one's.
        delays_s: time from the end of each recognised sign to its word.
        seconds: length of the stream.
    """

    named: tuple[bool, ...]
    wrong: int
    changes: int
    needless: int
    delays_s: tuple[float, ...]
    seconds: float

    @property
    def signs(self) -> int:
        """The number of signs."""
        return len(self.named)

    @property
    def right(self) -> int:
        """The number of signs that got their word."""
        return sum(self.named)

    def __str__(self) -> str:
        return (
            f"{self.right} of {self.signs} signs got their word; words wrong or too many: {self.wrong}; changes of the "
            f"label: {self.changes}, to a sign that was not signed: {self.needless}"
        )


def score_stream(output: StreamOutput, signs: Sequence[SignInterval]) -> StreamScore:
    """Compare the output for a stream with the signs in it."""
    used: set[int] = set()
    named, delays = [], []
    for sign in signs:
        matching = [
            number
            for number, (time_s, word) in enumerate(output.words)
            if number not in used and word == sign.gloss and sign.start_s <= time_s <= sign.end_s + LATE_S
        ]
        named.append(bool(matching))
        if matching:
            used.add(matching[0])
            delays.append(output.words[matching[0]][0] - sign.end_s)
    changes = needless = 0
    for (_, before), (time_s, label) in pairwise(output.labels):
        if label != before:
            changes += 1
            begun = [sign.gloss for sign in signs if sign.start_s <= time_s]
            needless += bool(label) and label not in begun[-2:]
    seconds = output.labels[-1][0] if output.labels else 0.0
    return StreamScore(tuple(named), len(output.words) - len(used), changes, needless, tuple(delays), seconds)


def tracked_landmarks(results: Sequence[Recognition], parts: tuple[str, ...]) -> list[tuple[float, np.ndarray]]:
    """Return the (time, (L, 4) landmarks) behind the results, to recognise them again without tracking."""
    nothing = {part: np.full((PARTS[part], 4), np.nan, np.float32) for part in parts}
    return [
        (result.time_s, np.concatenate([result.parts.get(part, nothing[part]) for part in parts])) for result in results
    ]


def recognise_landmarks(
    frames: Sequence[tuple[float, np.ndarray]], classifier: LandmarkClassifier, *, size: tuple[int, int],
    **settings: float,
) -> list[Recognition]:  # fmt: skip
    """Return what a new recogniser recognises in every frame of tracked landmarks, and after the last one.

    Args:
        frames: (time in seconds, (L, 4) landmarks) of each frame.
        classifier: classifies the landmarks.
        size: width and height of the frames in px.
        settings: see `LiveSettings`.
    """
    recogniser = SignRecogniser(classifier, settings=LiveSettings(**settings))  # type: ignore[arg-type]
    results = [recogniser.process_landmarks(values, time_s, size=size) for time_s, values in frames]
    return [*results, recogniser.finish()]

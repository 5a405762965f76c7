"""The landmarks of a clip.

They are image-normalised: x from 0 (left) to 1 (right), y from 0 (top) to 1 (bottom), z in image
widths with the wrist or the hips as 0. What was not detected is NaN, never 0: a zero is a place in the
picture (its corner), and a model cannot tell it from a hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

PARTS: dict[str, int] = {"pose": 33, "face": 468, "left_hand": 21, "right_hand": 21}
"""The parts that MediaPipe Holistic tracks, in the order of the arrays, and how many landmarks each has."""

TRACKERS = ("litert", "mediapipe")
"""The trackers: our own graph, and MediaPipe's Tasks on the same models, for comparison."""


CLOCK_S = 1.1e-3
"""The clocks of many videos count in milliseconds."""


class LandmarkError(ValueError):
    """Landmarks that cannot be read, or a tracker that cannot be used."""


@dataclass(frozen=True)
class Landmarks:
    """The landmarks of one clip.

    Attributes:
        points: (T, L, 3) float32, image-normalised; NaN where a landmark was not detected.
        confidence: (T, L) float32 from 0 (not detected) to 1.
        parts: which parts the L landmarks are, in the order of `PARTS`.
        fps: frames per second.
        width, height: size of the video in px; their ratio tells how long a unit of y is in units of x.
        times: (T,) float64 seconds at which the frames were taken; index / fps where none are given.

    Raises:
        LandmarkError: fps is no number above 0, or the times are not one finite number a frame, each greater than the
            one before.
    """

    points: np.ndarray
    confidence: np.ndarray
    parts: tuple[str, ...]
    fps: float
    width: int
    height: int
    times: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if not 0 < self.fps < np.inf:
            raise LandmarkError(f"fps must be a number above 0; got {self.fps}.")
        times = np.arange(len(self.points)) / self.fps if self.times is None else np.asarray(self.times, float)
        if times.shape != (len(self.points),):
            raise LandmarkError(
                f"times must be one number for each of {len(self.points)} frames; got shape {times.shape}. "
                "A changed number of frames needs new times, or times=None for a constant rate."
            )
        if not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
            raise LandmarkError("times must be finite, and each later than the one before; these are not.")
        object.__setattr__(self, "times", times)

    @property
    def has_constant_rate(self) -> bool:
        """Whether the times are those of `fps` frames a second, as far as a clock of milliseconds can tell."""
        since_s = self.times - self.times[:1]
        return bool((np.abs(since_s - np.arange(len(self.points)) / self.fps) <= CLOCK_S).all())

    def part(self, name: str) -> np.ndarray:
        """Return the (T, l, 3) points of one part.

        Raises:
            LandmarkError: the clip has no such part.
        """
        return self.points[:, self._columns(name)]

    def with_parts(self, parts: tuple[str, ...]) -> Landmarks:
        """Return these landmarks with some of their parts only, in the order of `PARTS`.

        Raises:
            LandmarkError: the clip lacks one of them.
        """
        if parts == self.parts:
            return self
        columns = np.r_[tuple(self._columns(part) for part in parts)]
        return replace(self, points=self.points[:, columns], confidence=self.confidence[:, columns], parts=parts)

    def seen(self, name: str) -> np.ndarray:
        """Return (T,) bool: in which frames a part was detected."""
        return ~np.isnan(self.part(name)).all(axis=(1, 2))

    def _columns(self, name: str) -> slice:
        if name not in self.parts:
            raise LandmarkError(f"These landmarks have no part '{name}'. They have: {', '.join(self.parts)}.")
        start = sum(PARTS[part] for part in self.parts[: self.parts.index(name)])
        return slice(start, start + PARTS[name])

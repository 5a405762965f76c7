"""The landmarks of a clip.

They are image-normalised: x from 0 (left) to 1 (right), y from 0 (top) to 1 (bottom), z in image
widths with the wrist or the hips as 0. What was not detected is NaN, never 0: a zero is a place in the
picture (its corner), and a model cannot tell it from a hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PARTS: dict[str, int] = {"pose": 33, "face": 468, "left_hand": 21, "right_hand": 21}
"""The parts that MediaPipe Holistic tracks, in the order of the arrays, and how many landmarks each has."""


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
        times: (T,) float64 seconds at which the frames were taken; index / fps where none are given. They are kept with
            the landmarks; recipes do not use them: `FeatureRecipe` resamples by frame number.

    Raises:
        LandmarkError: the number of times is not the number of frames.
    """

    points: np.ndarray
    confidence: np.ndarray
    parts: tuple[str, ...]
    fps: float
    width: int
    height: int
    times: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        times = np.arange(len(self.points)) / self.fps if self.times is None else np.asarray(self.times, float)
        if times.shape != (len(self.points),):
            raise LandmarkError(
                f"times must be one number for each of {len(self.points)} frames; got shape {times.shape}. "
                "A changed number of frames needs new times, or times=None for a constant rate."
            )
        object.__setattr__(self, "times", times)

    @property
    def has_constant_rate(self) -> bool:
        """Whether the times are those of `fps` frames a second."""
        return bool(np.array_equal(self.times, np.arange(len(self.points)) / self.fps))

    def part(self, name: str) -> np.ndarray:
        """Return the (T, l, 3) points of one part.

        Raises:
            LandmarkError: the clip has no such part.
        """
        if name not in self.parts:
            raise LandmarkError(f"These landmarks have no part '{name}'. They have: {', '.join(self.parts)}.")
        start = sum(PARTS[part] for part in self.parts[: self.parts.index(name)])
        return self.points[:, start : start + PARTS[name]]

    def seen(self, name: str) -> np.ndarray:
        """Return (T,) bool: in which frames a part was detected."""
        return ~np.isnan(self.part(name)).all(axis=(1, 2))

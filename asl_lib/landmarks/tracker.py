"""The tracker: landmarks from the frames of a clip or a stream.

This is the graph of MediaPipe Holistic, with the models of the last release that contains them. A detector finds the
person if there was none in the previous frame; a pose model finds 33 landmarks; from these follow the regions of the
hands and the face. Every step can be called separately; notebook 02 shows them.

Sources: Bazarevsky et al., BlazePose (2020), https://arxiv.org/abs/2006.10204; Zhang et al., MediaPipe Hands (2020),
https://arxiv.org/abs/2006.10214; Kartynnik et al., Real-time facial surface geometry (2019),
https://arxiv.org/abs/1907.06724; Casiez et al., 1€ filter (2012), https://doi.org/10.1145/2207676.2208639.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from asl_lib.landmarks.detectors import Detector, Model, sigmoid
from asl_lib.landmarks.landmarks import CLOCK_S, PARTS, LandmarkError, Landmarks
from asl_lib.landmarks.regions import (
    Region,
    Steadiness,
    check_picture,
    palm_region,
    region_around,
    region_between,
    rotation_between,
    square_around,
)

FRAME_S = 1 / 30
"""Time between two frames of a clip of constant rate for the filters, as in MediaPipe's own Python interface."""
HEATMAP = 64
"""Cells to a side of the pose model's heatmaps."""
KERNEL = np.arange(-4, 5)
"""Cells around a landmark whose heat refines it. Later releases of MediaPipe take 7 by 7 instead of 9 by 9."""
WRIST_PINKY_INDEX = {"left_hand": (15, 17, 19), "right_hand": (16, 18, 20)}
HEAD = slice(0, 11)
EYES_OF_POSE = (5, 2)
EYES_OF_FACE = (33, 263)
LEAST_INSIDE = 0.2
"""A hand is not searched if less of the middle of its region lies in the picture: none was ever found there."""


def filter_step(since_s: float, fps: float) -> float:
    """Return the time between two frames for the filters, in seconds.

    At the rate of the clip, or of the clips that a network has learned from, it is `FRAME_S` for any rate; if the
    frames of a stream or a clip come earlier or later, it is the true time.

    Args:
        since_s: seconds since the frame before.
        fps: the rate; 0 where it is not known.
    """
    at_rate = bool(fps) and abs(since_s - 1 / fps) <= 2 * CLOCK_S
    return FRAME_S if at_rate else max(since_s, CLOCK_S)


class OneEuroFilter:
    """Smooths values over time, less the faster they change (Casiez et al. 2012).

    Args:
        cutoff: cut-off frequency at rest, in Hz.
        beta: how much it grows with speed.
    """

    def __init__(self, cutoff: float, beta: float) -> None:
        self._cutoff, self._beta = cutoff, beta
        self._last: np.ndarray | None = None

    def __call__(self, values: np.ndarray, *, scale: float, seconds: float = FRAME_S) -> np.ndarray:
        """Return the smoothed values of the next frame.

        Args:
            values: of the frame.
            scale: the object's size, in which speed is measured.
            seconds: time since the frame before.
        """
        if self._last is None:
            self._smooth, self._speed = values, np.zeros_like(values)
        else:
            speed = (values - self._last) / scale / seconds
            self._speed += _weight(1.0, seconds) * (speed - self._speed)
            weight = _weight(self._cutoff + self._beta * np.abs(self._speed), seconds)
            self._smooth = weight * values + (1 - weight) * self._smooth
        self._last = values
        return self._smooth


def _weight(cutoff: np.ndarray | float, seconds: float) -> np.ndarray | float:
    """Return the weight of a value so many seconds after the last, in a low-pass filter with a cut-off in Hz."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))


class PoseTracker:
    """Finds the person of a stream of pictures, and 33 landmarks of the body."""

    def __init__(self, *, threads: int = 1) -> None:
        self._detector = Detector("pose_detection", ((28, 2), (14, 2), (7, 6)), low=-1.0, threads=threads)
        self._model = Model("pose_landmark_full", threads=threads)
        self.reset()

    def reset(self) -> None:
        """Forget the frames so far."""
        self._region: Region | None = None
        self._filter, self._region_filter = OneEuroFilter(0.05, 80), OneEuroFilter(0.01, 10)
        self._visibility: np.ndarray | None = None

    def track(self, picture: np.ndarray, *, seconds: float = FRAME_S) -> np.ndarray | None:
        """Return (33, 4) smoothed landmarks of the next frame, x, y and z in px and visibility, or None.

        Args:
            picture: the frame.
            seconds: as for `Tracker.track`.
        """
        region = self._region or self.detect(picture)
        found = self.landmarks(picture, region) if region else None
        if found is None:
            self.reset()
            return None
        points, visibility = found[:, :3], found[:33, 3]
        scale = region_between(points[33], points[34], degrees=90).width
        centre, rim = self._region_filter(points[33:35], scale=scale, seconds=seconds)
        self._region = region_between(centre, rim, degrees=90).square(1.25)
        previous = visibility if self._visibility is None else self._visibility
        self._visibility = 0.1 * visibility + 0.9 * previous
        return np.column_stack([self._filter(points[:33], scale=scale, seconds=seconds), self._visibility])

    def detect(self, picture: np.ndarray) -> Region | None:
        """Return the region of the person in a picture, or None."""
        found = self._detector(picture, square_around(picture))
        return None if found is None else region_between(found[2], found[3], degrees=90).square(1.25)

    def landmarks(self, picture: np.ndarray, region: Region) -> np.ndarray | None:
        """Return (39, 4) landmarks in a region, x, y and z in px and visibility, or None.

        Landmarks 33 and 34 are the centre and the rim of the circle around the person, from which the region of the
        next frame is made. They are not smoothed.
        """
        values, score, heat, _ = self._model(picture, region)
        if score.item() <= 0.5:
            return None
        values = values.reshape(39, 5).astype(np.float64)
        points = region.to_picture(_refined(values[:, :3] / self._model.size, heat))
        return np.column_stack([points, sigmoid(values[:, 3])])


def _refined(points: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return landmarks moved to the centre of the heat around them, where it is hot enough.

    Args:
        points: (39, 3) in widths of the region.
        heat: (64, 64, 39) logits.
    """
    column, row = np.trunc(points[:, :2] * HEATMAP).astype(int).T
    columns, rows = column[:, None] + KERNEL, row[:, None] + KERNEL
    inside = ((rows >= 0) & (rows < HEATMAP))[:, :, None] & ((columns >= 0) & (columns < HEATMAP))[:, None, :]
    rows, columns = rows.clip(0, HEATMAP - 1), columns.clip(0, HEATMAP - 1)
    logits = heat[rows[:, :, None], columns[:, None, :], np.arange(len(points))[:, None, None]]
    weights = np.where(inside, sigmoid(logits.astype(np.float64)), 0)  # (39, 9, 9)
    hot = inside[:, len(KERNEL) // 2, len(KERNEL) // 2] & (weights.max(axis=(1, 2)) >= 0.5)
    total = weights.sum(axis=(1, 2))[hot] * HEATMAP
    refined = points.copy()
    refined[hot, 0] = (weights.sum(axis=1) * columns)[hot].sum(axis=1) / total
    refined[hot, 1] = (weights.sum(axis=2) * rows)[hot].sum(axis=1) / total
    return refined


class HandLandmarks:
    """The model of a hand."""

    def __init__(self, *, threads: int = 1) -> None:
        self._model = Model("hand_landmark_full", threads=threads)

    def __call__(self, picture: np.ndarray, region: Region) -> np.ndarray | None:
        """Return the (21, 3) landmarks of the hand in a region, in px with the wrist's z as 0, or None."""
        values, score = self._model(picture, region)[:2]
        if score.item() <= 0.5:
            return None
        return region.to_picture(values.reshape(21, 3) / self._model.size / (1, 1, 0.4))


class PartTracker:
    """Base class of the trackers of one part of the body, whose region follows from the pose.

    The region of a part is computed from the pose in every frame; as long as both agree, the region around the
    landmarks of the previous frame is used instead.

    Attributes:
        steadiness: how far the two may be apart.
    """

    steadiness: Steadiness

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the frames so far."""
        self._last: np.ndarray | None = None

    def track(self, picture: np.ndarray, pose: np.ndarray) -> np.ndarray | None:
        """Return the (l, 3) landmarks of the part in the next frame, in px, or None.

        Args:
            picture: the frame.
            pose: its (33, 4) landmarks, of `PoseTracker.track`.
        """
        last, self._last = self._last, None
        region = self.find(picture, pose)
        if region is None:
            return None
        if last is not None:
            previous = self.previous_region(last)
            if self.steadiness.holds(previous, region, last):
                region = previous
        self._last = self.landmarks(picture, region)
        return self._last

    def find(self, picture: np.ndarray, pose: np.ndarray) -> Region | None:
        """Return the region of the part in a frame, without the frames before it, or None."""
        raise NotImplementedError

    def previous_region(self, points: np.ndarray) -> Region:
        """Return the region around the (l, 3) landmarks of the frame before."""
        raise NotImplementedError

    def landmarks(self, picture: np.ndarray, region: Region) -> np.ndarray | None:
        """Return the (l, 3) landmarks of the part in a region, in px, or None."""
        raise NotImplementedError


class HandTracker(PartTracker):
    """Finds the 21 landmarks of one hand, in the region given by the pose.

    Args:
        part: "left_hand" or "right_hand".
    """

    steadiness = Steadiness(degrees=40, shift=0.2, scale=0.4, inner=0.9)

    def __init__(self, part: str, *, threads: int = 1) -> None:
        self._joints = WRIST_PINKY_INDEX[part]
        self._recrop_model = Model("hand_recrop", threads=threads)
        self._model = HandLandmarks(threads=threads)
        super().__init__()

    def find(self, picture: np.ndarray, pose: np.ndarray) -> Region | None:
        coarse = self.coarse_region(pose)
        if pose[self._joints[0], 3] <= 0.1 or coarse.middle_inside(picture) < LEAST_INSIDE:
            return None
        return self.recrop(picture, coarse)

    def previous_region(self, points: np.ndarray) -> Region:
        return palm_region(points).square(2.0, shift=-0.1)

    def landmarks(self, picture: np.ndarray, region: Region) -> np.ndarray | None:
        return self._model(picture, region)

    def coarse_region(self, pose: np.ndarray) -> Region:
        """Return the region in which the hand must be, from the wrist and two knuckles of the pose."""
        wrist, pinky, index = pose[list(self._joints), :2]
        knuckles = (2 * index + pinky) / 3
        around = region_between(knuckles, wrist, degrees=-90)
        return around.square(2.7, shift=-0.1)

    def recrop(self, picture: np.ndarray, coarse: Region) -> Region:
        """Return the region of the hand itself, found in the coarse one."""
        found = self._recrop_model(picture, coarse)[0].reshape(2, 2) / self._recrop_model.size
        centre, rim = coarse.to_picture(found)
        return region_between(centre, rim, degrees=-90).square(1.0, shift=-0.1)


class FaceTracker(PartTracker):
    """Finds the 468 landmarks of the face, in the region given by the pose."""

    steadiness = Steadiness(degrees=15, shift=0.1, scale=0.3, inner=0.8)

    def __init__(self, *, threads: int = 1) -> None:
        self._detector = Detector("face_detection_short_range", ((16, 2), (8, 6)), low=-1.0, threads=threads)
        self._model = Model("face_landmark", threads=threads)
        super().__init__()

    def find(self, picture: np.ndarray, pose: np.ndarray) -> Region | None:
        return self.detect(picture, self.head_region(pose))

    def previous_region(self, points: np.ndarray) -> Region:
        eyes = rotation_between(*points[list(EYES_OF_FACE)], degrees=0)
        return region_around(points, rotation=eyes).square(1.5)

    def head_region(self, pose: np.ndarray) -> Region:
        """Return the region in which the face must be, from the pose's landmarks of the head."""
        eyes = rotation_between(*pose[list(EYES_OF_POSE)], degrees=0)
        return region_around(pose[HEAD], rotation=eyes).square(3.0)

    def detect(self, picture: np.ndarray, head: Region) -> Region | None:
        """Return the region of the face itself, found in the one of the head, or None."""
        found = self._detector(picture, head)
        if found is None:
            return None
        eyes = rotation_between(found[2], found[3], degrees=0)
        return region_around(found[2:], rotation=eyes).square(2.0, shift=-0.1)

    def landmarks(self, picture: np.ndarray, region: Region) -> np.ndarray | None:
        values, score = self._model(picture, region)
        if sigmoid(score).item() <= 0.5:
            return None
        return region.to_picture(values.reshape(468, 3) / self._model.size)


class Tracker:
    """Base class of the trackers: tracks one person in many clips in turn, or in a stream; use it in a `with` block.

    It carries its state from frame to frame. `detect` ends with a reset: a clip's landmarks do not depend on the clips
    before it.

    Args:
        parts: the parts to return.

    Raises:
        LandmarkError: there is no such part.
    """

    def __init__(self, parts: Sequence[str] = tuple(PARTS)) -> None:
        self.parts = tuple(part for part in PARTS if part in parts)
        if unknown := set(parts) - set(PARTS):
            raise LandmarkError(f"There is no part '{sorted(unknown)[0]}'. Known: {', '.join(PARTS)}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def detect(self, frames: Iterable[np.ndarray], *, fps: float) -> Landmarks:
        """Return the landmarks of one clip.

        Args:
            frames: (H, W, 3) uint8 RGB frames in order, at a constant rate; only one is held at a time.
            fps: their rate.

        Raises:
            LandmarkError: there is no frame, or one has another form.
        """
        return self.detect_timed(((frame, FRAME_S) for frame in frames), fps=fps)

    def detect_timed(self, frames: Iterable[tuple[np.ndarray, float]], *, fps: float) -> Landmarks:
        """Return the landmarks of one clip as `detect` does, each frame given with its `seconds` for `track`."""
        found: list[np.ndarray] = []
        size = None
        try:
            for frame, seconds in frames:
                found.append(self.track(frame, seconds=seconds))
                size = size or (frame.shape[1], frame.shape[0])
        finally:
            self.reset()
        if size is None:
            raise LandmarkError("A clip must have at least one frame; got none. Check its start and end.")
        values = np.stack(found)  # (T, L, 4)
        return Landmarks(values[..., :3], values[..., 3], self.parts, float(fps), *size)

    def reset(self) -> None:
        """End a clip: the next frame is tracked as the first of another clip."""
        raise NotImplementedError

    def track(self, frame: np.ndarray, *, seconds: float = FRAME_S) -> np.ndarray:
        """Return the landmarks of the next frame of a clip, for a stream without a known end.

        Args:
            frame: (H, W, 3) uint8 RGB.
            seconds: time since the frame before, for the filters; see `filter_step`.

        Returns:
            (L, 4) float32: x, y, z (NaN where not detected) and confidence.

        Raises:
            LandmarkError: the frame has another form.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Release what the tracker holds."""


class HolisticTracker(Tracker):
    """The course's own tracker.

    Args:
        parts: the parts to return. Without "face" no model of the face runs; the other parts are bit-identical.
        threads: number of threads of each model, which does not change the landmarks. More threads reduce the latency
            of a stream; many clips are faster with one process per core.

    Raises:
        LandmarkError: there is no such part, or the models have not been fetched.
    """

    def __init__(self, parts: Sequence[str] = tuple(PARTS), *, threads: int = 1) -> None:
        super().__init__(parts)
        self.pose = PoseTracker(threads=threads)
        self.others: dict[str, PartTracker] = {
            part: FaceTracker(threads=threads) if part == "face" else HandTracker(part, threads=threads)
            for part in self.parts
            if part != "pose"
        }

    def reset(self) -> None:
        self.pose.reset()
        for tracker in self.others.values():
            tracker.reset()

    def track(self, frame: np.ndarray, *, seconds: float = FRAME_S) -> np.ndarray:
        check_picture(frame)
        pose = self.pose.track(frame, seconds=seconds)
        found: dict[str, np.ndarray | None] = {}
        if pose is None:
            self.reset()
        else:
            found = {"pose": pose, **{part: other.track(frame, pose) for part, other in self.others.items()}}
        return np.concatenate([_row(part, found.get(part), frame) for part in self.parts])


def _row(part: str, points: np.ndarray | None, frame: np.ndarray) -> np.ndarray:
    """Return the (l, 4) image-normalised landmarks and confidences of a part in a frame."""
    row = np.full((PARTS[part], 4), np.nan, np.float32)
    row[:, 3] = 0
    if points is not None:
        height, width = frame.shape[:2]
        row[:, :3] = points[:, :3] / (width, height, width)
        # A detected landmark has a confidence above 0: in a .pose file 0 means missing.
        row[:, 3] = np.maximum(points[:, 3], 1e-6) if part == "pose" else 1.0
    return row

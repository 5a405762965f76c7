"""Landmarks drawn into the frames of a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from asl_lib.data.clips import Clip
from asl_lib.data.dataset import Dataset
from asl_lib.data.video import clip_frames, write_video
from asl_lib.landmarks.extract import read_or_track_clip
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.plots.style import LIMBS, PART_COLOURS, UPPER_BODY


def write_preview(
    dataset: Dataset,
    dataset_dir: str | Path,
    clip: Clip,
    path: str | Path,
    *,
    parts: Sequence[str],
    tracker: str = "litert",
) -> int:
    """Write a video of a clip with its landmarks drawn, and return the number of frames.

    Args:
        dataset: the data set of the clip.
        dataset_dir: its folder.
        clip: one row of the clips table.
        path: the mp4 to write.
        parts: parts to track if the clip has no landmarks yet; these are not written.
        tracker: one of `landmarks.TRACKERS`.

    Raises:
        MediaError: the video cannot be read.
    """
    source_dir = dataset.source_dir(Path(dataset_dir))
    pose = dataset.pose_path(Path(dataset_dir), clip)
    landmarks = read_or_track_clip(clip, pose, source_dir=source_dir, parts=parts, tracker=tracker)
    drawn = draw_landmarks((picture for _, picture in clip_frames(clip, source_dir)), landmarks)
    even = (frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2] for frame in drawn)
    return write_video(path, even, fps=landmarks.fps)


def draw_landmarks(frames: Iterable[np.ndarray], landmarks: Landmarks) -> Iterator[np.ndarray]:
    """Yield (H, W, 3) uint8 RGB frames with their landmarks drawn in the colours of the course's figures.

    Args:
        frames: all frames of the clip, in order.
        landmarks: landmarks of the clip. A part that was not detected in a frame is not drawn.
    """
    for index, frame in enumerate(frames):
        yield draw_frame(frame, {part: landmarks.part(part)[index] for part in landmarks.parts})


def draw_frame(frame: np.ndarray, parts: dict[str, np.ndarray]) -> np.ndarray:
    """Return a copy of a frame with landmarks drawn.

    Args:
        frame: (H, W, 3) uint8 RGB.
        parts: part -> (l, 2 or more) image-normalised points; NaN draws nothing.
    """
    picture = np.ascontiguousarray(frame).copy()
    height, width = picture.shape[:2]
    thickness = max(1, round(np.hypot(height, width) / 400))
    for part, points in parts.items():
        colour = tuple(int(PART_COLOURS[part][i : i + 2], 16) for i in (1, 3, 5))
        shown = points[:UPPER_BODY] if part == "pose" else points
        seen = ~np.isnan(shown[:, :2]).any(axis=1)
        # A landmark far outside the picture would overflow OpenCV's integers.
        pixels = np.nan_to_num(np.clip(shown[:, :2], -10, 10) * (width, height)).round().astype(int)
        for start, end in LIMBS[part]:
            if max(start, end) < len(seen) and seen[start] and seen[end]:
                cv2.line(picture, pixels[start].tolist(), pixels[end].tolist(), colour, thickness, cv2.LINE_AA)
        for x, y in pixels[seen]:
            cv2.circle(picture, (int(x), int(y)), 1 if part == "face" else thickness, colour, -1, cv2.LINE_AA)
    return picture

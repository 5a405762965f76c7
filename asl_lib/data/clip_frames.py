"""The frames of a clip: from its start to its end, inside its box."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from asl_lib.data.clips import Clip, parse_box
from asl_lib.data.video import read_frames


def clip_frames(clip: Clip, source_dir: str | Path) -> Iterator[np.ndarray]:
    """Yield the (H, W, 3) uint8 RGB frames of one row of the clips table: from its start to its end, inside its box.

    Raises:
        VideoError: the video cannot be read.
    """
    return cut_frames(Path(source_dir) / clip["path"], start=clip["start"], end=clip["end"], box=clip["box"])


def cut_frames(video: str | Path, *, start: int = 0, end: int = -1, box: str = "") -> Iterator[np.ndarray]:
    """Yield a video's (H, W, 3) uint8 RGB frames from `start` to before `end` (-1: to its end), inside `box`.

    Raises:
        VideoError: the video cannot be read.
    """
    return crop(read_frames(video, start=start, end=None if end < 0 else end), box)


def crop(frames: Iterator[np.ndarray], box: str) -> Iterator[np.ndarray]:
    """Yield the part of each (H, W, 3) frame inside `box`, "left top right bottom" in px; all of it for ""."""
    corners = parse_box(box)
    if corners is None:
        yield from frames
        return
    left, top, right, bottom = corners
    for frame in frames:
        yield np.ascontiguousarray(frame[top:bottom, left:right])

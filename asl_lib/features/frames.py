"""Frames of clips, or the optical flow between them: N a clip, square, kept on disk as one array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from asl_lib._util.cache import ArrayCache
from asl_lib._util.console import progress_bar
from asl_lib._util.files import file_stamp
from asl_lib._util.jobs import quiet_worker, run_jobs
from asl_lib.data.video import MediaError, clip_frames, time_limit_s, too_short
from asl_lib.features.optical_flow import optical_flow, quantise_flow
from asl_lib.landmarks.landmarks import CLOCK_S

FLOW_PX = 224
"""Flow is computed on pictures of at least this side, the one of the published I3D: a movement that is a fraction of a
pixel in a small picture would be lost when it is rounded to bytes, and a px means the same at every size."""
FRAMES_VERSION = 2
"""Raised when the same video gives other pictures or another flow than before."""


def load_frames(
    clips: pd.DataFrame,
    *,
    source_dir: str | Path,
    folder: str | Path,
    frames: int,
    size: int,
    flow: str = "",
    workers: int = 0,
) -> tuple[Any, pd.DataFrame]:
    """Return N frames of every clip, or the flow at them, from one file, created or updated first.

    Videos are decoded once, in parallel processes; training then reads batches from `folder`. An interruption loses
    only the clips that are being read; the next call resumes. A clip whose file, cut or box has changed is read again.
    `sets.load_features` makes a `ClipSet` of the result.

    Args:
        clips: the clips table; cuts (start, end) and boxes are applied.
        source_dir: the folder its paths are relative to.
        folder: where the file is kept.
        frames, size, flow: as in `read_clip`.
        workers: processes; 0 for one per core.

    Returns:
        The frames of all clips that could be read, in the order of the table, (n, frames, size, size, channels) uint8
        mapped from the file; and a table (clip_id, reason) of the clips that could not be read.

    Raises:
        MediaError: not one clip could be read; the message gives the first reason.
    """
    name = f"flow-{flow}-{frames}x{size}" if flow else f"frames-{frames}x{size}"
    shape = (frames, size, size, 2 if flow else 3)
    cache = ArrayCache(Path(folder).absolute() / f"{name}.jsonl", shape=shape)
    jobs, stamps = {}, {}
    for clip in clips.to_dict("records"):
        video = (Path(source_dir) / clip["path"]).absolute()
        cut = {key: clip.get(key, other) for key, other in (("start", 0), ("end", -1), ("box", ""))}
        jobs[clip["clip_id"]] = {"path": video, **cut}
        stamps[clip["clip_id"]] = [FRAMES_VERSION, *file_stamp(video), *cut.values()]

    def make(clip_ids: list[str]) -> Iterator[tuple[str, tuple[int, int] | None, dict[str, Any]]]:
        read = partial(_store_clip, cache=cache, frames=frames, size=size, flow=flow)
        work = [jobs[clip_id] for clip_id in clip_ids]
        outcomes = run_jobs(
            read, work, workers=workers, setup=quiet_worker, limit_s=lambda job: time_limit_s(job["path"])
        )
        for outcome in progress_bar(outcomes, total=len(work), description="Flow" if flow else "Frames", unit="clip"):
            # A bad video stays bad until it changes; another error, such as a full disk, is worth another try.
            retry = {"reason": outcome.error, "retry": True}
            rows, about = (None, retry) if outcome.error else outcome.result
            yield clip_ids[outcome.index], rows, about

    arrays = cache.fill(stamps, make)
    lost = {clip_id: "It was not read; the next call tries again." for clip_id in jobs if clip_id not in arrays}
    reasons = {**lost, **arrays.reasons}
    if not len(arrays):
        reason = next(iter(reasons.values()), "the clips table is empty")
        raise MediaError(f"None of the {len(clips)} clips could be read; the first: {reason}")
    return arrays.rows(), pd.DataFrame(list(reasons.items()), columns=["clip_id", "reason"])


def read_clip(
    path: str | Path, *, frames: int, size: int, flow: str = "", start: int = 0, end: int = -1, box: str = ""
) -> np.ndarray:
    """Return N evenly spread frames of a video, or the flow at them, as squares.

    The middle of a picture is cut out: as wide as it is high, or as high as it is wide. The N frames are those shown in
    the middle of N equal parts of the clip's time; a clip with fewer frames than N repeats them. Flow goes from such a
    frame to its *neighbour* in the video (from the last but one to the last at the end), not to the next of the N:
    over several frames a hand moves farther than the methods can follow, and I3D was trained on neighbours.

    Args:
        path: the video.
        frames: N.
        size: side in px.
        flow: "" for colour; else "tvl1", "farneback" or "dis".
        start, end, box: first frame, the frame to stop before (-1: none), and part of the picture; see `clips`.

    Returns:
        (N, size, size, 3) uint8 RGB, or (N, size, size, 2) uint8 flow: right and down, of +-20 px in a picture of 224
        px (`optical_flow.quantise_flow`).

    Raises:
        MediaError: it is no video, has fewer than 2 frames, or nothing in its box.
    """
    times, squares = [], []
    for time_s, picture in clip_frames({"path": path, "start": start, "end": end, "box": box}, ""):
        times.append(time_s)
        squares.append(square_frame(picture, size=size, flow=flow, name=str(path)))
    return take_frames(squares, frames=frames, size=size, flow=flow, name=str(path), times=times)


def take_frames(
    squares: Sequence[np.ndarray],
    *,
    frames: int,
    size: int,
    flow: str = "",
    name: str = "A clip",
    times: Sequence[float] | None = None,
) -> np.ndarray:
    """Return the same as `read_clip`, from squares of `square_frame`, for example of a camera's frames.

    Args:
        squares: all frames of the clip in order.
        frames, size, flow: as there.
        name: name of the clip in errors.
        times: when each was taken, in seconds; None for a constant rate.

    Raises:
        MediaError: it has fewer than 2 frames.
    """
    if problem := too_short(name, frames=len(squares)):
        raise MediaError(problem)
    indices = sample_indices(len(squares), frames, times=times)
    if not flow:
        return np.stack([squares[index] for index in indices])
    first = np.minimum(indices, len(squares) - 2).tolist()
    flows = {index: _flow_at(list(squares[index : index + 2]), flow, size) for index in set(first)}
    return np.stack([flows[index] for index in first])


def square_frame(picture: np.ndarray, *, size: int, flow: str = "", name: str = "A clip") -> np.ndarray:
    """Return the middle of a (H, W, 3) uint8 RGB picture: (size, size, 3), or for flow gray and at least 224 px wide.

    Raises:
        MediaError: the picture is empty.
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    if not side:
        raise MediaError(f"{name} must have a picture inside its box; it has none. Fix the box in the clips table.")
    above, left = (height - side) // 2, (width - side) // 2
    square = picture[above : above + side, left : left + side]
    if flow:
        square, size = cv2.cvtColor(square, cv2.COLOR_RGB2GRAY), max(size, FLOW_PX)
    method = cv2.INTER_AREA if size < side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=method))


def sample_indices(count: int, frames: int, *, times: Sequence[float] | None = None) -> np.ndarray:
    """Return (frames,) int, which of `count` frames to take: those in the middle of equal parts of the clip.

    Args:
        count: frames of the clip, at least 2.
        frames: frames to take.
        times: when each of the `count` was taken, in seconds; None for a constant rate.
    """
    places = (2 * np.arange(frames) + 1) * count
    at = np.asarray(np.arange(count) if times is None else times, float)
    even = np.linspace(at[0], at[-1], count)
    if np.abs(at - even).max() <= CLOCK_S:
        return places // (2 * frames)
    # A frame is shown until the next one comes, and the last one as long as the mean.
    moments = at[0] + places / (2 * frames) * (at[-1] - at[0]) / (count - 1)
    return np.searchsorted(at, moments, side="right") - 1


def _flow_at(pair: list[np.ndarray], method: str, size: int) -> np.ndarray:
    (flow,) = optical_flow(pair, method=method)
    return quantise_flow(cv2.resize(flow, (size, size), interpolation=cv2.INTER_AREA))


def _store_clip(
    job: dict[str, Any], *, cache: ArrayCache, frames: int, size: int, flow: str
) -> tuple[tuple[int, int] | None, dict[str, Any]]:
    """Read one clip into the cache; return its rows, or the reason why it cannot be read."""
    try:
        values = read_clip(**job, frames=frames, size=size, flow=flow)
    except MediaError as error:
        return None, {"reason": str(error)}
    return cache.append(values[None]), {}

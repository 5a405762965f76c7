"""Resampling of a clip in time: to an even grid of true times and to any number of frames, with short gaps filled."""

from __future__ import annotations

import numpy as np

MOST_FRAMES = 10_000
"""A clip never has more frames: a wrong time stamp of years would fill the memory."""


def fill_gaps(points: np.ndarray, *, max_gap: int) -> np.ndarray:
    """Return (T, L, C) points with gaps of at most `max_gap` frames filled by linear interpolation in time.

    A gap has a detected frame on both sides. Missing points at the start or the end, and longer gaps, stay NaN.
    """
    filled = points.copy()
    frames = np.arange(len(points))
    missing = np.isnan(points).any(axis=2)  # (T, L)
    last = np.maximum.accumulate(np.where(missing, -1, frames[:, None]), axis=0)
    following = np.minimum.accumulate(np.where(missing, len(points), frames[:, None])[::-1], axis=0)[::-1]
    fillable = missing & (last >= 0) & (following < len(points)) & (following - last - 1 <= max_gap)
    at, landmark = np.nonzero(fillable)
    before, after = last[at, landmark], following[at, landmark]
    weight = ((at - before) / (after - before))[:, None].astype(points.dtype)
    filled[at, landmark] = points[before, landmark] * (1 - weight) + points[after, landmark] * weight
    return filled


def resample(clip: np.ndarray, *, num_frames: int) -> np.ndarray:
    """Return `clip` resampled to `num_frames` by linear interpolation in time.

    Args:
        clip: (T, L, C) points; NaN where missing.
        num_frames: length of the result, at least 2.

    Returns:
        New (num_frames, L, C) float32. A point is NaN where either neighbour in time is.

    Raises:
        ValueError: the clip has no frame, or `num_frames` < 2.
    """
    if num_frames < 2:
        raise ValueError(f"num_frames must be at least 2; got {num_frames}.")
    if len(clip) == 0:
        raise ValueError("clip must have at least one frame; got none.")
    return sample_at(clip, np.linspace(0, len(clip) - 1, num_frames))


def cut_or_pad(clip: np.ndarray, *, num_frames: int, centre: bool) -> np.ndarray:
    """Return (num_frames, L, C) float32: the clip's first frames, or its middle ones; NaN where it has none.

    Args:
        clip: (T, L, C) points.
        num_frames: length of the result.
        centre: take, or stand in, the middle instead of the beginning.
    """
    padded = np.full((num_frames, *clip.shape[1:]), np.nan, np.float32)
    extra = len(clip) - num_frames
    skip, lead = (max(0, extra // 2), max(0, -extra // 2)) if centre else (0, 0)
    part = clip[skip : skip + num_frames]
    padded[lead : lead + len(part)] = part
    return padded


def sample_at(clip: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return (len(positions), L, C) float32: the clip at fractional frame numbers from 0 to T - 1."""
    before = np.floor(positions).astype(int)
    after = np.minimum(before + 1, len(clip) - 1)
    weight = (positions - before)[:, None, None].astype(np.float32)
    mixed = clip[before] * (1 - weight) + clip[after] * weight
    # On a frame exactly, its neighbour does not matter: 0 x NaN would make it missing.
    return np.where(weight == 0, clip[before], mixed).astype(np.float32)


def resample_in_time(values: np.ndarray, times: np.ndarray, *, fps: float | None = None) -> np.ndarray:
    """Return frames that were taken at uneven times at a constant rate, by linear interpolation.

    Args:
        values: (T, L, C) points; NaN where missing.
        times: (T,) seconds, increasing.
        fps: frames a second of the result; None for the rate at which half of the frames were taken. It is lower where
            the clip is so long that the result would have more than 10,000 frames.

    Returns:
        New (n, L, C) float32, n at least 2. A point is NaN where either neighbour in time is. Frames at this rate
        already are returned unchanged, to the last bit.
    """
    seconds = times[-1] - times[0]
    if seconds:
        fps = min(fps or 1 / np.median(np.diff(times)), (MOST_FRAMES - 1) / seconds)
    fps = fps or 1.0
    count = max(2, int(np.floor(seconds * fps + 1e-3)) + 1)
    grid = np.minimum(times[0] + np.arange(count) / fps, times[-1])
    at = np.interp(grid, times, np.arange(len(times)))
    nearest = np.round(at)
    return sample_at(values, np.where(np.abs(at - nearest) < 1e-3, nearest, at))


def nearest_frames(times: np.ndarray, *, fps: float) -> np.ndarray:
    """Return the (n,) indices of the frames, at (T,) times in seconds, that are nearest to an even grid of `fps`."""
    grid = np.arange(times[0], times[-1] + 1e-6, 1 / fps)
    return np.asarray(np.abs(times[None] - grid[:, None]).argmin(axis=1))

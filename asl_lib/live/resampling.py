"""Frames at uneven times resampled to a constant rate; `features.resampling` resamples by frame number."""

from __future__ import annotations

import numpy as np

from asl_lib.features.resampling import sample_at


def resample_landmarks(values: np.ndarray, times: np.ndarray, *, fps: float) -> np.ndarray:
    """Return (n, L, 4) landmarks at `fps` frames a second, from (T, L, 4) landmarks at (T,) times in seconds.

    Linear in time; a landmark is NaN where either neighbour in time is. Frames at this rate already are returned
    unchanged, to the last bit.
    """
    count = max(2, int(np.floor((times[-1] - times[0]) * fps + 1e-3)) + 1)
    grid = np.minimum(times[0] + np.arange(count) / fps, times[-1])
    at = np.interp(grid, times, np.arange(len(times)))
    nearest = np.round(at)
    return sample_at(values, np.where(np.abs(at - nearest) < 1e-3, nearest, at))


def nearest_frames(times: np.ndarray, *, fps: float) -> np.ndarray:
    """Return the (n,) indices of the frames, at (T,) times in seconds, that are nearest to an even grid of `fps`."""
    grid = np.arange(times[0], times[-1] + 1e-6, 1 / fps)
    return np.asarray(np.abs(times[None] - grid[:, None]).argmin(axis=1))

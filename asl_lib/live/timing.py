"""Frames that come whenever they come, at an even rate."""

from __future__ import annotations

import numpy as np

from asl_lib.features.resampling import sample_at


def in_even_time(values: np.ndarray, times: np.ndarray, *, fps: float) -> np.ndarray:
    """Return (n, L, 4) values at `fps` frames a second, from (T, L, 4) values at any increasing (T,) times in seconds.

    Linear in time; a landmark is missing where either neighbour in time is. Frames that are at this rate already stay
    as they are, to the last bit.
    """
    count = max(2, int(np.floor((times[-1] - times[0]) * fps + 1e-3)) + 1)
    grid = np.minimum(times[0] + np.arange(count) / fps, times[-1])
    at = np.interp(grid, times, np.arange(len(times)))
    nearest = np.round(at)
    return sample_at(values, np.where(np.abs(at - nearest) < 1e-3, nearest, at))


def even_moments(times: np.ndarray, *, fps: float) -> np.ndarray:
    """Return which of the frames at (T,) times in seconds to take for `fps` frames a second: the nearest in time."""
    moments = np.arange(times[0], times[-1] + 1e-6, 1 / fps)
    return np.asarray(np.abs(times[None] - moments[:, None]).argmin(axis=1))

"""The trackers by name: "litert" is the course's own, "mediapipe" MediaPipe's Tasks on the same models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from asl_lib._util.console import quiet_native_stderr
from asl_lib.landmarks.landmarks import TRACKERS, LandmarkError
from asl_lib.landmarks.tracker import HolisticTracker, Tracker


def open_tracker(name: str, parts: Sequence[str], *, threads: int = 1) -> Tracker:
    """Return a new tracker.

    Args:
        name: one of `TRACKERS`.
        parts: the parts to track.
        threads: see `HolisticTracker`; MediaPipe chooses by itself.

    Raises:
        LandmarkError: there is no such tracker or part, the models have not been fetched, or MediaPipe cannot be used.
    """
    if name not in TRACKERS:
        raise LandmarkError(f"There is no tracker '{name}'. Known: {', '.join(TRACKERS)}.")
    if name == "litert":
        return HolisticTracker(parts, threads=threads)
    try:
        with quiet_native_stderr():  # it imports TensorFlow, which reports the graphics cards that it did not find
            from asl_lib.landmarks.mediapipe_tasks import MediaPipeTracker
    except ImportError as error:
        raise LandmarkError(
            f"MediaPipe cannot be imported ({error}). Install it with: pip install 'mediapipe>=1.2,<2'"
        ) from error
    return MediaPipeTracker(parts)


@cache
def tracker_version(name: str) -> str:
    """Return a tracker's name for the record of a landmark file, MediaPipe's with its version."""
    if name != "mediapipe":
        return name
    try:
        return f"mediapipe {version('mediapipe')}"
    except PackageNotFoundError:
        return "mediapipe"

"""Many clips to `.pose` files: in parallel processes, resumable, and never stopped by a bad clip."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from asl_lib.files import whole_file
from asl_lib.landmarks import (
    PARTS,
    HolisticDetector,
    LandmarkError,
    Landmarks,
    read_pose,
    require_mediapipe,
    write_pose,
)
from asl_lib.parallel import run_jobs
from asl_lib.progress import progress
from asl_lib.video import read_frames, video_info

FAILURE_COLUMNS = ("clip_id", "path", "reason")
MIN_FRAMES = 2


@dataclass(frozen=True)
class Job:
    """One clip to extract: where it is, which frames of it, and where its landmarks go."""

    video: Path
    pose: Path
    start: int
    end: int


@dataclass(frozen=True)
class Extraction:
    """What became of a batch of clips.

    Attributes:
        done: how many were extracted now.
        skipped: how many had their landmarks already.
        failures: one row a clip that could not be extracted: clip_id, path, reason.
    """

    done: int
    skipped: int
    failures: pd.DataFrame

    def __str__(self) -> str:
        return f"{self.done} clips extracted, {self.skipped} were there already, {len(self.failures)} failed."


def extract_clips(
    clips: pd.DataFrame,
    *,
    source_dir: str | Path,
    pose_path: Callable[[pd.Series], Path],
    parts: Sequence[str] = tuple(PARTS),
    workers: int = 0,
) -> Extraction:
    """Extract the landmarks of all clips that have none yet.

    A `.pose` file appears under its name only when it is whole: after a kill or a full disk the next call
    goes on where this one ended.

    Args:
        clips: the clips table; `path` is relative to `source_dir`.
        source_dir: folder of the videos.
        pose_path: where the landmarks of a clip go.
        parts: which parts to track; without "face" extraction is faster.
        workers: processes; 0 for one per core.

    Raises:
        LandmarkError: MediaPipe cannot be used at all, so that no clip can succeed.
    """
    jobs, rows, skipped = [], [], 0
    for _, clip in clips.iterrows():
        target = pose_path(clip)
        if target.is_file() and _has_parts(target, parts):
            skipped += 1
            continue
        jobs.append(Job(Path(source_dir) / clip["path"], target, clip["start"], clip["end"]))
        rows.append(clip)
    failures = []
    if jobs:
        require_mediapipe()  # fail once, here, where every clip would fail for the same reason
        outcomes = run_jobs(partial(extract_clip, parts=tuple(parts)), jobs, workers=workers, setup=quiet_worker)
        for outcome in progress(outcomes, total=len(jobs), description="Extracting landmarks", unit="clip"):
            if outcome.error:
                clip = rows[outcome.index]
                failures.append((clip["clip_id"], clip["path"], outcome.error))
    table = pd.DataFrame(sorted(failures), columns=list(FAILURE_COLUMNS))
    return Extraction(len(jobs) - len(failures), skipped, table)


def extract_clip(job: Job, *, parts: Sequence[str] = tuple(PARTS)) -> int:
    """Extract one clip, write its landmarks and return the number of frames.

    Raises:
        VideoError: the video cannot be read.
        LandmarkError: it has too few frames to hold a sign.
    """
    landmarks = detect_clip(job.video, parts=parts, start=job.start, end=job.end)
    if len(landmarks.points) < MIN_FRAMES:
        raise LandmarkError(
            f"{job.video} must have at least {MIN_FRAMES} frames; got {len(landmarks.points)}. "
            "A photograph is not a sign: remove the clip, or record it again."
        )
    write_pose(job.pose, landmarks)
    return len(landmarks.points)


def detect_clip(video: str | Path, *, parts: Sequence[str] = tuple(PARTS), start: int = 0, end: int = -1) -> Landmarks:
    """Return the landmarks of a video's frames from `start` to before `end` (-1: to its end)."""
    info = video_info(video)
    frames = read_frames(video, start=start, end=None if end < 0 else end)
    return _detector(tuple(parts)).detect(frames, fps=info.fps)


def write_failures(extraction: Extraction, path: str | Path) -> None:
    """Write the table of failed clips, empty when there is none."""
    with whole_file(path) as unfinished:
        extraction.failures.to_csv(unfinished, index=False, lineterminator="\n")


_detectors: dict[tuple[str, ...], HolisticDetector] = {}


def _detector(parts: tuple[str, ...]) -> HolisticDetector:
    """Return this process's detector: loading the models takes as long as many frames."""
    if parts not in _detectors:
        _detectors[parts] = HolisticDetector(parts)
    return _detectors[parts]


def _has_parts(path: Path, parts: Sequence[str]) -> bool:
    """Say whether finished landmarks hold what is asked for; damaged or poorer ones are made again."""
    try:
        return set(parts) <= set(read_pose(path).parts)
    except LandmarkError:
        return False


def quiet_worker() -> None:
    """Prepare a worker: one thread for OpenCV (the processes use the cores), Ctrl-C is the parent's, no chatter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # MediaPipe's C++ side writes a dozen lines a process to stderr, and nothing that helps; errors come
    # back to the parent as exceptions.
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    import cv2

    cv2.setNumThreads(1)

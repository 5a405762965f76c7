"""Many clips to `.pose` files: in parallel processes, resumable, and never stopped by a bad clip."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib.clips import Clip, parse_box
from asl_lib.files import read_json, remove_abandoned, whole_file, write_json
from asl_lib.landmarks import (
    PARTS,
    HolisticDetector,
    LandmarkError,
    Landmarks,
    read_pose,
    require_mediapipe,
    write_pose,
)
from asl_lib.overlay import draw_landmarks
from asl_lib.parallel import run_jobs
from asl_lib.progress import progress_bar
from asl_lib.video import read_frames, video_info, write_video

FAILURE_COLUMNS = ("clip_id", "path", "reason")
MIN_FRAMES = 2
EXTRACTION_VERSION = 1
"""Raised when the same video gives other landmarks than before."""


class ShardError(ValueError):
    """A part of the work that does not exist."""


@dataclass(frozen=True)
class Job:
    """One clip to extract: where it is, which frames and which part of the picture, and where its landmarks go."""

    video: Path
    pose: Path
    start: int = 0
    end: int = -1
    box: str = ""

    @property
    def record(self) -> Path:
        """The note beside the landmarks that says how they were made."""
        return self.pose.with_suffix(".json")


@dataclass(frozen=True)
class Extraction:
    """What became of a batch of clips.

    Attributes:
        done: how many were extracted now.
        renewed: how many of these had landmarks that were made with other settings.
        skipped: how many had their landmarks already.
        failures: one row a clip that could not be extracted: clip_id, path, reason.
        frames: how many frames were extracted now.
        seconds: how long that took.
    """

    done: int
    skipped: int
    failures: pd.DataFrame
    renewed: int = 0
    frames: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        text = f"{self.done} clips extracted, {self.skipped} were there already, {len(self.failures)} failed."
        if self.renewed:
            text += f" Of {self.renewed} the landmarks were from other settings and were made again."
        if self.frames:
            text += f" {self.frames:,} frames, {self.frames / max(self.seconds, 1e-9):.0f} frames/s."
        return text


def extract_clips(
    clips: pd.DataFrame,
    *,
    source_dir: str | Path,
    pose_path: Callable[[Clip], Path],
    parts: Sequence[str] = tuple(PARTS),
    workers: int = 0,
    shard: str = "",
    scheduler: str = "",
    failures_path: str | Path | None = None,
) -> Extraction:
    """Extract the landmarks of all clips that have none yet.

    A `.pose` file appears under its name only when it is whole, with a `.json` beside it that says how it
    was made: after a kill or a full disk the next call goes on where this one ended, and a clip whose
    frames, box, parts, video or MediaPipe have changed is made again instead of mixed with the others.

    Args:
        clips: the clips table; `path` is relative to `source_dir`.
        source_dir: folder of the videos.
        pose_path: where the landmarks of a clip go.
        parts: which parts to track; without "face" extraction is faster.
        workers: processes; 0 for one per core.
        shard: "3/100" takes the third of a hundred parts of the clips, the same part every time.
        scheduler: address of a Dask scheduler ("tcp://…") whose workers see the same files; empty for
            processes on this machine.
        failures_path: where to write the table of failures, also when the run is interrupted.

    Raises:
        LandmarkError: MediaPipe cannot be used at all, so that no clip can succeed.
        ShardError: there is no such shard.
    """
    clips = take_shard(clips, shard)
    jobs, rows, skipped, renewed = [], [], 0, 0
    folders: set[Path] = set()
    for clip in clips.to_dict("records"):
        pose = Path(pose_path(clip)).absolute()
        video = (Path(source_dir) / clip["path"]).absolute()
        job = Job(video, pose, clip["start"], clip["end"], clip.get("box", ""))
        state = state_of(job, parts)
        if state == "done":
            skipped += 1
            continue
        renewed += state == "changed"
        folders.add(pose.parent)
        jobs.append(job)
        rows.append((clip["clip_id"], clip["path"]))
    failures: list[tuple[str, str, str]] = []
    frames, started = 0, time.monotonic()
    try:
        if jobs:
            if not scheduler:
                require_mediapipe()  # fail once, here, where every clip would fail for the same reason
            for folder in folders:
                remove_abandoned(folder)
            function = partial(extract_clip, parts=tuple(parts))
            outcomes = run_jobs(function, jobs, workers=workers, setup=quiet_worker, scheduler=scheduler)
            with progress_bar(total=len(jobs), description="Extracting landmarks", unit="clip") as bar:
                for outcome in outcomes:
                    if outcome.error:
                        failures.append((*rows[outcome.index], outcome.error))
                    else:
                        frames += outcome.result
                    rate = frames / (time.monotonic() - started)
                    bar.set_postfix_str(f"{rate:.0f} frames/s, {len(failures)} failed", refresh=False)
                    bar.update()
    finally:
        table = pd.DataFrame(sorted(failures), columns=list(FAILURE_COLUMNS))
        if failures_path is not None:
            write_failures(table, failures_path)
    return Extraction(len(jobs) - len(failures), skipped, table, renewed, frames, time.monotonic() - started)


def take_shard(clips: pd.DataFrame, shard: str) -> pd.DataFrame:
    """Return the part of a table that "3/100" names: every hundredth row from the third, by clip_id.

    Raises:
        ShardError: it is not of that form, or there is no such part.
    """
    if not shard:
        return clips
    number, total = parse_shard(shard)
    return clips.sort_values("clip_id", ignore_index=True).iloc[number - 1 :: total].reset_index(drop=True)


def parse_shard(shard: str, *, least: int = 1) -> tuple[int, int]:
    """Return (3, 100) from "3/100"; `least` 0 also takes "0/100", which commands use to prepare."""
    number, slash, total = shard.partition("/")
    if not (slash and number.isdigit() and total.isdigit() and least <= int(number) <= int(total)):
        raise ShardError(f"shard must be like 3/100, from 1/100 to 100/100; got '{shard}'.")
    return int(number), int(total)


def extract_clip(job: Job, *, parts: Sequence[str] = tuple(PARTS)) -> int:
    """Extract one clip, write its landmarks and how they were made, and return the number of frames.

    A clip that is done already is left as it is: a cluster may hand out a job twice.

    Raises:
        VideoError: the video cannot be read.
        LandmarkError: it has too few frames to hold a sign.
    """
    if state_of(job, parts) == "done":
        return int(_read_record(job)["frames"])
    landmarks = detect_clip(job.video, parts=parts, start=job.start, end=job.end, box=job.box)
    if len(landmarks.points) < MIN_FRAMES:
        raise LandmarkError(
            f"{job.video} must have at least {MIN_FRAMES} frames; got {len(landmarks.points)}. "
            "A photograph is not a sign: remove the clip, or record it again."
        )
    # Never a note beside landmarks that it does not belong to: the old note goes before the new landmarks come.
    job.record.unlink(missing_ok=True)
    write_pose(job.pose, landmarks)
    made = {"parts": list(landmarks.parts), "frames": len(landmarks.points), "pose_bytes": job.pose.stat().st_size}
    write_json(job.record, {**settings_of(job), **made})
    return len(landmarks.points)


def detect_clip(
    video: str | Path, *, parts: Sequence[str] = tuple(PARTS), start: int = 0, end: int = -1, box: str = ""
) -> Landmarks:
    """Return the landmarks of a video's frames from `start` to before `end` (-1: to its end), inside `box`."""
    info = video_info(video)
    frames = cut_frames(video, start=start, end=end, box=box)
    return _detector(tuple(parts)).detect(frames, fps=info.fps)


def write_preview(
    clip: Clip, path: str | Path, *, source_dir: str | Path, parts: Sequence[str], pose: str | Path
) -> int:
    """Write a video of a clip with its landmarks drawn, and return the number of frames.

    Args:
        clip: one row of the clips table.
        path: the mp4 to write.
        source_dir: folder of the videos.
        parts: parts to track where the clip has no landmarks yet.
        pose: where its landmarks are or would be; they are not written by this.

    Raises:
        VideoError: the video cannot be read.
    """
    video = Path(source_dir) / clip["path"]
    job = Job(video.absolute(), Path(pose).absolute(), clip["start"], clip["end"], clip["box"])
    if state_of(job, parts) == "done":
        landmarks = read_pose(pose)
    else:
        landmarks = detect_clip(video, parts=parts, start=job.start, end=job.end, box=job.box)
    drawn = draw_landmarks(clip_frames(clip, source_dir), landmarks)
    return write_video(
        path, (frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2] for frame in drawn), fps=landmarks.fps
    )


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


def state_of(job: Job, parts: Sequence[str]) -> str:
    """Say whether a clip's landmarks are "done", "changed" (made otherwise than asked for) or "new".

    Landmarks with more parts than asked for are as good: the other parts are the same to the last bit.
    """
    try:
        pose_bytes = job.pose.stat().st_size
    except FileNotFoundError:
        return "new"
    made = _read_record(job)
    if not made or made.get("pose_bytes") != pose_bytes:
        return "new"  # damaged, or killed between the landmarks and their note
    wanted = settings_of(job)
    if wanted["video_bytes"] is None:  # the video was removed after extraction, to save space
        wanted["video_bytes"] = made.get("video_bytes")
    same = all(made.get(key) == value for key, value in wanted.items())
    return "done" if same and set(parts) <= set(made.get("parts", ())) else "changed"


def write_failures(failures: pd.DataFrame, path: str | Path) -> None:
    """Write the table of failed clips, empty when there is none."""
    with whole_file(path) as unfinished:
        failures.to_csv(unfinished, index=False, lineterminator="\n")


def _read_record(job: Job) -> dict[str, Any]:
    try:
        made = read_json(job.record)
    except (FileNotFoundError, ValueError):
        return {}
    return made if isinstance(made, dict) else {}


def settings_of(job: Job) -> dict[str, Any]:
    """Return all that a clip's landmarks depend on, besides the parts."""
    try:
        video_bytes = job.video.stat().st_size
    except FileNotFoundError:
        video_bytes = None
    return {
        "extraction": EXTRACTION_VERSION,
        "mediapipe": _mediapipe_version(),
        "model_complexity": 1,
        "start": int(job.start),
        "end": int(job.end),
        "box": job.box,
        "video_bytes": video_bytes,
    }


@cache
def _mediapipe_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mediapipe")
    except PackageNotFoundError:
        return "none"


_local = threading.local()


def _detector(parts: tuple[str, ...]) -> HolisticDetector:
    """Return this thread's detector: loading the models takes as long as many frames.

    A detector follows one clip at a time, and the workers of a cluster may have several threads.
    """
    detectors: dict[tuple[str, ...], HolisticDetector] = _local.__dict__.setdefault("detectors", {})
    if parts not in detectors:
        detectors[parts] = HolisticDetector(parts)
    return detectors[parts]


def quiet_worker() -> None:
    """Prepare a worker: one thread for OpenCV (the processes use the cores), Ctrl-C is the parent's, no chatter."""
    import cv2

    cv2.setNumThreads(1)
    if threading.current_thread() is not threading.main_thread():
        return  # a Dask worker: its signals and its log are its own
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # MediaPipe's C++ side writes a dozen lines a process to stderr, and nothing that helps; errors come
    # back to the parent as exceptions.
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)

"""One clip to its `.pose` file, with a note beside it that says how the landmarks were made."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from asl_lib._util.files import read_json, write_json
from asl_lib.data.clip_frames import clip_frames, cut_frames
from asl_lib.data.clips import Clip
from asl_lib.data.video import video_info, write_video
from asl_lib.landmarks.landmarks import PARTS, LandmarkError, Landmarks
from asl_lib.landmarks.pose_file import read_pose, write_pose
from asl_lib.landmarks.tracker import HolisticDetector
from asl_lib.plots.overlay import draw_landmarks

MIN_FRAMES = 2
EXTRACTION_VERSION = 1
"""Raised when the same video gives other landmarks than before."""
_local = threading.local()


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


def _detector(parts: tuple[str, ...]) -> HolisticDetector:
    """Return this thread's detector: loading the models takes as long as many frames.

    A detector follows one clip at a time, and the workers of a cluster may have several threads.
    """
    detectors: dict[tuple[str, ...], HolisticDetector] = _local.__dict__.setdefault("detectors", {})
    if parts not in detectors:
        detectors[parts] = HolisticDetector(parts)
    return detectors[parts]

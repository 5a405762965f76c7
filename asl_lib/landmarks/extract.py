"""Extraction of many clips to `.pose` files: in parallel processes, resumable, and not stopped by a bad clip."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.console import counted, progress_bar
from asl_lib._util.files import atomic_write, remove_abandoned, write_json
from asl_lib._util.jobs import parse_shard, quiet_worker, run_jobs
from asl_lib.data.clips import Clip
from asl_lib.data.dataset import Dataset
from asl_lib.data.video import FALLBACK_FPS, MediaError, VideoReader, time_limit_s, too_short
from asl_lib.landmarks.landmarks import PARTS, LandmarkError, Landmarks
from asl_lib.landmarks.pose_file import read_pose, read_record, record_path, write_pose
from asl_lib.landmarks.tracker import Tracker, filter_step
from asl_lib.landmarks.trackers import open_tracker, tracker_version

FAILURE_COLUMNS = ("clip_id", "path", "reason")
EXTRACTION_VERSION = 3
"""Raised when the same video gives other landmarks than before; from 2 to 3 only clips at uneven times changed."""
HASHED_PIECES, HASHED_BYTES = 8, 16 << 10
"""See `video_hash`."""
_local = threading.local()


@dataclass(frozen=True)
class Extraction:
    """The result of extracting a batch of clips.

    Attributes:
        done: how many were extracted now.
        skipped: how many had their landmarks already.
        failures: one row per clip that could not be extracted: clip_id, path, reason.
        renewed: how many of `done` had landmarks that were made with other settings.
        frames: how many frames were extracted now.
        seconds: how long that took.
        repeats: number of frames that repeated the previous picture and were dropped.
        slowest_fps: lowest number of different pictures per second, among clips with such frames.
    """

    done: int
    skipped: int
    failures: pd.DataFrame
    renewed: int = 0
    frames: int = 0
    seconds: float = 0.0
    repeats: int = 0
    slowest_fps: float = 0.0

    def __str__(self) -> str:
        text = (
            f"{counted(self.done, 'clip')} extracted, {self.skipped} were there already, {len(self.failures)} failed."
        )
        if self.renewed:
            text += f" {self.renewed} of them had landmarks from other settings, which were replaced."
        if self.frames:
            text += f" {self.frames:,} frames, {self.frames / max(self.seconds, 1e-9):.0f} frames/s."
        if self.repeats:
            text += (
                f" {self.repeats:,} more frames repeated the picture before and were dropped: in one clip the camera "
                f"gave {self.slowest_fps:.0f} pictures a second. More light helps."
            )
        return text


def extract_clips(
    dataset: Dataset,
    dataset_dir: str | Path,
    clips: pd.DataFrame,
    parts: Sequence[str] = tuple(PARTS),
    *,
    tracker: str = "litert",
    incomplete: str = "leave out",
    workers: int = 0,
    shard: str = "",
    scheduler: str = "",
    failures_path: str | Path | None = None,
) -> Extraction:
    """Extract the landmarks of all clips that have none yet.

    A `.pose` file appears under its name only when it is complete, with a record beside it: a `.json` file with the
    settings that it was made with. After a kill or a full disk the next call resumes. A clip is extracted again if its
    start, end, box or video, the parts or the tracker have changed.

    Args:
        dataset: the data set, which knows where a clip's video and landmarks are.
        dataset_dir: its folder.
        clips: the clips table, or a part of it.
        parts: which parts to track; without "face" extraction is faster.
        tracker: one of `landmarks.TRACKERS`.
        incomplete: "keep" extracts clips that were cut off or are damaged as far as they go; "leave out" lists them
            among the failures.
        workers: processes; 0 for one per core.
        shard: "3/100" takes the third of a hundred parts of the clips, the same part every time.
        scheduler: address of a Dask scheduler ("tcp://…") whose workers see the same files; empty for
            processes on this machine.
        failures_path: where to write the table of failures, also when the run is interrupted.

    Raises:
        LandmarkError: the tracker cannot be used at all: no clip can succeed.
        ValueError: there is no such shard.
    """
    clips = take_shard(clips, shard)
    dataset_dir = Path(dataset_dir).absolute()
    source_dir = dataset.source_dir(dataset_dir)
    settings: dict[str, Any] = {"source_dir": source_dir, "parts": tuple(parts), "tracker": tracker}
    settings["incomplete"] = incomplete
    jobs: list[tuple[dict[str, Any], Path]] = []
    changed: list[bool] = []
    for clip in clips.to_dict("records"):
        pose_path = dataset.pose_path(dataset_dir, clip)
        state = extraction_state(clip, pose_path, **settings)
        if state != "done":
            jobs.append((clip, pose_path))
            changed.append(state == "changed")
    failures: list[tuple[str, str, str]] = []
    renewed, frames, repeats, slowest_fps, started = 0, 0, 0, np.inf, time.monotonic()
    try:
        if jobs:
            if not scheduler:
                open_tracker(tracker, parts).close()  # fail once, here, where every clip would fail for the same reason
            for folder in {pose_path.parent for _, pose_path in jobs}:
                remove_abandoned(folder)
            extract = partial(_extract, **settings)
            outcomes = run_jobs(
                extract,
                jobs,
                workers=workers,
                setup=quiet_worker,
                limit_s=lambda job: time_limit_s(source_dir / job[0]["path"]),
                scheduler=scheduler,
            )
            with progress_bar(total=len(jobs), description="Extracting landmarks", unit="clip") as bar:
                for outcome in outcomes:
                    if outcome.error:
                        clip = jobs[outcome.index][0]
                        failures.append((clip["clip_id"], clip["path"], outcome.error))
                    else:
                        renewed += changed[outcome.index]
                        frames, repeats = frames + outcome.result["frames"], repeats + outcome.result["repeats"]
                        if outcome.result["repeats"]:
                            slowest_fps = min(slowest_fps, outcome.result["fps"])
                    rate = frames / (time.monotonic() - started)
                    bar.set_postfix_str(f"{rate:.0f} frames/s, {len(failures)} failed", refresh=False)
                    bar.update()
    finally:
        table = pd.DataFrame(sorted(failures), columns=list(FAILURE_COLUMNS))
        if failures_path is not None:
            with atomic_write(failures_path) as tmp:
                table.to_csv(tmp, index=False, lineterminator="\n")
    seconds = time.monotonic() - started
    done, skipped = len(jobs) - len(failures), len(clips) - len(jobs)
    return Extraction(done, skipped, table, renewed, frames, seconds, repeats, slowest_fps)


def _extract(job: tuple[Clip, Path], **options: Any) -> dict[str, Any]:
    clip, pose_path = job
    return extract_clip(clip, pose_path, **options)


def extract_clip(
    clip: Clip,
    pose_path: str | Path,
    *,
    source_dir: str | Path,
    parts: Sequence[str] = tuple(PARTS),
    tracker: str = "litert",
    incomplete: str = "leave out",
) -> dict[str, Any]:
    """Extract one clip, write its landmarks and their record, and return the record.

    A clip that is done already is not extracted again: a cluster may run a job twice.

    Args:
        clip: one row of the clips table.
        pose_path: the `.pose` file to write.
        source_dir: folder of the videos.
        parts: which parts to track.
        tracker: one of `landmarks.TRACKERS`.
        incomplete: "keep" or "leave out", see `extract_clips`.

    Raises:
        MediaError: the video cannot be read, or it is incomplete and to be left out.
        LandmarkError: it has fewer than 2 frames.
    """
    pose_path = Path(pose_path)
    settings: dict[str, Any] = {"source_dir": source_dir, "parts": parts, "tracker": tracker}
    if extraction_state(clip, pose_path, **settings, incomplete=incomplete) == "done":
        return read_record(pose_path)
    # Before the video is read: if it is replaced meanwhile, the record does not describe the new one.
    seen_ns = time.time_ns()
    record = extraction_settings(clip, source_dir=source_dir, tracker=tracker)
    record["video_hash"] = video_hash(Path(source_dir) / clip["path"])
    landmarks, about = track_clip(clip, **settings)
    if about["incomplete"] and incomplete != "keep":
        for path in (pose_path, record_path(pose_path)):  # of another call, which kept the clip
            path.unlink(missing_ok=True)
        raise MediaError(
            f"{Path(source_dir) / clip['path']} is incomplete: {about['incomplete']}. Record or download it again, or "
            "set incomplete: keep."
        )
    if problem := too_short(Path(source_dir) / clip["path"], frames=len(landmarks.points)):
        raise LandmarkError(problem)
    # The old record is removed first: it must never belong to landmarks that it does not describe.
    record_path(pose_path).unlink(missing_ok=True)
    write_pose(pose_path, landmarks)
    record |= {"parts": list(landmarks.parts), "frames": len(landmarks.points), "fps": landmarks.fps, **about}
    if not landmarks.has_constant_rate:
        record["times"] = landmarks.times.round(6).tolist()
    write_json(record_path(pose_path), {**record, "pose_bytes": pose_path.stat().st_size})
    os.utime(record_path(pose_path), ns=(seen_ns, seen_ns))  # see `_is_newer`
    return record


def track_clip(
    clip: Clip, *, source_dir: str | Path, parts: Sequence[str] = tuple(PARTS), tracker: str = "litert"
) -> tuple[Landmarks, dict[str, Any]]:
    """Track one row of the clips table now: from its start to its end, inside its box.

    A repeated picture is tracked once.

    Returns:
        Its landmarks, and a dict: "repeats" is the number of frames that repeat the previous one, "incomplete" the
        reason why the clip is incomplete, or empty.

    Raises:
        MediaError: the video cannot be read.
    """
    times: list[float] = []
    tracked: list[int] = []  # of each frame, which of the pictures that were tracked it shows

    def pictures(video: VideoReader) -> Iterator[tuple[np.ndarray, float]]:
        """Yield each picture that differs from the previous one, with the seconds since that one, for the filters."""
        last, last_s, fps = None, -np.inf, video.fps
        for time_s, picture in video.clip(clip):
            times.append(time_s)
            if picture is last:
                tracked.append(tracked[-1])
                continue
            tracked.append(tracked[-1] + 1 if tracked else 0)
            since_s = time_s - last_s
            last, last_s = picture, time_s
            fps = fps or 1 / since_s  # where the header has none: the rate at which the clip begins
            yield picture, filter_step(since_s, fps)

    with VideoReader(Path(source_dir) / clip["path"]) as video:
        tracking = _tracker(tracker, tuple(parts))
        found = tracking.detect_timed(pictures(video), fps=video.fps or FALLBACK_FPS)
        about = {"repeats": video.count - int(clip["start"]) - len(times), "incomplete": video.report().problem}
    since_s = np.array(times) - times[0]
    mean = (len(times) - 1) / since_s[-1] if len(times) > 1 else FALLBACK_FPS
    landmarks = Landmarks(
        found.points[tracked], found.confidence[tracked], found.parts, video.fps or mean, found.width, found.height,
        since_s,
    )  # fmt: skip
    return landmarks if landmarks.has_constant_rate else replace(landmarks, fps=mean), about


def read_or_track_clip(
    clip: Clip, pose_path: Path, *, source_dir: Path, parts: Sequence[str], tracker: str = "litert"
) -> Landmarks:
    """Return a clip's landmarks from its `.pose` file if that is up to date, else tracked now and not written.

    Raises:
        MediaError: the video cannot be read.
    """
    settings: dict[str, Any] = {"source_dir": source_dir, "parts": parts, "tracker": tracker}
    if extraction_state(clip, pose_path, **settings, incomplete="keep") == "done":
        return read_pose(pose_path)
    return track_clip(clip, **settings)[0]


def extraction_state(
    clip: Clip,
    pose_path: Path,
    *,
    source_dir: str | Path,
    parts: Sequence[str],
    tracker: str,
    incomplete: str,
) -> str:
    """Return whether a clip's landmarks are "done", "changed" (made with other settings) or "new".

    Landmarks of an incomplete clip are "changed" where `incomplete` is "leave out". Landmarks with more parts than
    requested are "done" as well: the requested parts are the same to the last bit.
    """
    try:
        pose_bytes = pose_path.stat().st_size
    except FileNotFoundError:
        return "new"
    record = read_record(pose_path)
    if not record or record.get("pose_bytes") != pose_bytes:
        return "new"  # damaged, or killed between the landmarks and their record
    wanted = extraction_settings(clip, source_dir=source_dir, tracker=tracker)
    if wanted["video_bytes"] is None:  # the video was removed after extraction, to save space
        wanted["video_bytes"] = record.get("video_bytes")
    if record.get("extraction") == 2 and "times" not in record:
        wanted["extraction"] = 2
    same = all(record.get(key) == value for key, value in wanted.items())
    same &= incomplete == "keep" or not record.get("incomplete")
    same = same and set(parts) <= set(record.get("parts", ()))
    video = Path(source_dir) / clip["path"]
    # Earlier versions wrote no hash: there the size alone is compared.
    if same and "video_hash" in record and _is_newer(video, record_path(pose_path)):
        same = video_hash(video) in ("", record["video_hash"])
    return "done" if same else "changed"


def recorded_tracker(pose_path: Path) -> str:
    """Return the name of the tracker in the record of a landmark file; empty where it has none, or an older one."""
    return str(read_record(pose_path).get("tracker", "")).partition(" ")[0]


def extraction_settings(clip: Clip, *, source_dir: str | Path, tracker: str) -> dict[str, Any]:
    """Return all that a clip's landmarks depend on, besides the parts and the video's content, see `video_hash`."""
    try:
        video_bytes = (Path(source_dir) / clip["path"]).stat().st_size
    except OSError:
        video_bytes = None
    return {
        "extraction": EXTRACTION_VERSION,
        "tracker": tracker_version(tracker),
        "start": int(clip["start"]),
        "end": int(clip["end"]),
        "box": clip["box"],
        "video_bytes": video_bytes,
    }


def _is_newer(video: Path, record: Path) -> bool:
    """Return whether a video was written, copied or renamed after a record; False where there is no video.

    Of a finished data set no video is read: on a network's disk 21,000 hashes would take minutes.
    """
    try:
        about = video.stat()
        return max(about.st_mtime_ns, about.st_ctime_ns) >= record.stat().st_mtime_ns
    except OSError:
        return False


def video_hash(path: Path) -> str:
    """Return a hash of pieces of a video that tells videos of one size apart; "" if it cannot be read.

    The time alone would not do: copying a data set changes it. The pieces are spread evenly from the first byte to the
    last, because uncompressed videos may be equal in all of their background.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            last = max(0, file.seek(0, os.SEEK_END) - HASHED_BYTES)
            for piece in range(HASHED_PIECES):
                file.seek(last * piece // (HASHED_PIECES - 1))
                digest.update(file.read(HASHED_BYTES))
    except OSError:
        return ""
    return digest.hexdigest()[:16]


def _tracker(name: str, parts: tuple[str, ...]) -> Tracker:
    """Return this thread's tracker: loading the models takes as long as many frames.

    A tracker follows one clip at a time, and the workers of a cluster may have several threads.
    """
    trackers: dict[tuple[str, tuple[str, ...]], Tracker] = _local.__dict__.setdefault("trackers", {})
    if (name, parts) not in trackers:
        trackers[name, parts] = open_tracker(name, parts)
    return trackers[name, parts]


def take_shard(clips: pd.DataFrame, shard: str) -> pd.DataFrame:
    """Return the part of a table that "3/100" names: every hundredth row from the third, by clip_id.

    Raises:
        ValueError: it is not of that form, or there is no such part.
    """
    if not shard:
        return clips
    number, total = parse_shard(shard)
    return clips.sort_values("clip_id", ignore_index=True).iloc[number - 1 :: total].reset_index(drop=True)

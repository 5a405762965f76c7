"""Many clips to `.pose` files: in parallel processes, resumable, and never stopped by a bad clip."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from asl_lib._util.files import atomic_write, remove_abandoned
from asl_lib._util.jobs import run_jobs
from asl_lib._util.progress import progress_bar
from asl_lib.data.clips import Clip
from asl_lib.landmarks.extraction_job import Job, extract_clip, state_of
from asl_lib.landmarks.landmarks import PARTS
from asl_lib.landmarks.tracker import require_mediapipe

FAILURE_COLUMNS = ("clip_id", "path", "reason")


class ShardError(ValueError):
    """A part of the work that does not exist."""


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


def write_failures(failures: pd.DataFrame, path: str | Path) -> None:
    """Write the table of failed clips, empty when there is none."""
    with atomic_write(path) as tmp:
        failures.to_csv(tmp, index=False, lineterminator="\n")


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
